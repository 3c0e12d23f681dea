/**
 * Verdicts on the whole run, live: each is told within two seconds of the packet that proves it. Which packet that is
 * the same traffic says, cut there: it is the first after which the verdict holds of what came so far.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { bytesOf, fixtures, goldenRules } from '../build/fixtures.ts';
import { inShards } from '../build/in-process.ts';
import { Paced } from '../build/paced.ts';
import { isPlainPcap, records } from '../build/records.ts';
import { JUDGE_EVERY, SOON_MS, VERDICTS } from '../build/verdict-rules.ts';

/** Seconds. */
const WATCHED = 30;
/** Captures are cut at as many instants, about. */
const CUTS = 100;
const NANOS_MAGIC = 0xa1b23c4d;

/** Undefined where it is no verdict on the run. */
function verdictOf({ rule, severity, client, server, evidence, clientPort }: Finding): string | undefined {
  const { setting, owner, from, regime, cause, syns } = evidence;
  const ends = `${rule} ${client} ${server}`;
  if (rule === 'unanswered-syn')
    return cause === 'per-host-paws' && Number(syns) > 1 ? `${ends} ${clientPort}` : undefined;
  return VERDICTS.includes(rule) ? `${ends} ${setting ?? owner ?? from ?? regime ?? severity}` : undefined;
}

/** Of each verdict the time, in ms from the first packet, at which it is told first. */
async function toldLive(pcap: Uint8Array, shards: number): Promise<Map<string, number>> {
  const source = new Paced(pcap, WATCHED);
  const begin = source.now;
  const told = new Map<string, number>();
  await inShards([{ name: 'eth0', live: source }], shards, JUDGE_EVERY, finding => {
    const verdict = verdictOf(finding);
    if (verdict !== undefined && !told.has(verdict)) told.set(verdict, source.now - begin);
  });
  return told;
}

/** And the time of the first packet after which it holds, where the capture is cut. */
async function proved(pcap: Uint8Array): Promise<Map<string, number>> {
  const { records: all } = records(pcap);
  const perMs = new DataView(pcap.buffer, pcap.byteOffset).getUint32(0, true) === NANOS_MAGIC ? 1e6 : 1e3;
  const times = all.map(record => {
    const view = new DataView(record.buffer, record.byteOffset);
    return view.getUint32(0, true) * 1e3 + view.getUint32(4, true) / perMs;
  });
  const step = Math.max((times.at(-1)! - times[0]) / CUTS, 1);
  const found = new Map<string, number>();
  let end = pcap.length - all.reduce((sum, { length }) => sum + length, 0);
  for (const [i, record] of all.entries()) {
    end += record.length;
    const at = times[i] - times[0];
    if (i < all.length - 1 && Math.floor(at / step) === Math.floor((times[i + 1] - times[0]) / step)) continue;
    const { findings } = await inShards([{ name: 'cut', bytes: pcap.slice(0, end) }], 1);
    for (const finding of findings) {
      const verdict = verdictOf(finding);
      if (verdict !== undefined && !found.has(verdict)) found.set(verdict, at);
    }
  }
  return found;
}

for (const fixture of fixtures()) {
  const bytes = bytesOf(fixture);
  const rules = goldenRules(fixture) ?? new Set();
  if (fixture.inputs.length > 1 || !isPlainPcap(bytes) || !VERDICTS.some(rule => rules.has(rule))) continue;
  test(`${fixture.name}: each verdict is told within two seconds of the packet that proves it`, async () => {
    const pcap = new Uint8Array(bytes);
    const due = await proved(pcap);
    assert.ok(due.size > 0);
    for (const shards of [1, 2]) {
      const told = await toldLive(pcap, shards);
      for (const [verdict, at] of due) {
        const late = (told.get(verdict) ?? Number.POSITIVE_INFINITY) - at;
        assert.ok(late < SOON_MS, `${verdict}: ${(late / 1e3).toFixed(2)} s in ${shards} shards`);
      }
    }
  });
}
