import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inShards } from '../../build/in-process.ts';
import { Paced } from '../../build/paced.ts';
import { frames } from '../../build/packet.ts';
import { pcap } from '../../build/pcap.ts';
import { JUDGE_EVERY, SOON_MS } from '../../build/verdict-rules.ts';
import { behindNat } from './revealed.ts';

test('live the proof is told as soon as the server goes on, not when the connection leaves', async () => {
  const story = behindNat().handshake().wait(20).request();
  const pcapFile = pcap(frames(story.packets), { nanos: true });
  const wentOnAt = story.packets.findLast(p => p.payload === 100)!.t - story.packets[0].t;
  const source = new Paced(pcapFile, 40);
  const begin = source.now;
  const told: [number, string, boolean][] = [];
  await inShards([{ name: 'eth0', live: source }], 1, JUDGE_EVERY, ({ rule, evidence, confidence }) => {
    if (rule !== 'revealed-setting' || evidence.setting !== 'tcp_tw_recycle') return;
    told.push([source.now - begin, confidence, evidence.syn_proxy === true]);
  });
  const proof = told.find(([, confidence]) => confidence === 'proof');
  assert.deepEqual(told[0].slice(1), ['strong', true]);
  assert.ok(proof !== undefined && proof[0] - wentOnAt * 1e3 < SOON_MS, `${proof?.[0]} ms; went on at ${wentOnAt} s`);
});
