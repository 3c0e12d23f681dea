/** Findings around a hole in what a live run captured: what their packets do not show, they may not show for the hole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { findingText } from '../../src/report/explain/finding-text.ts';
import { plainStyle } from '../../src/report/text-style.ts';
import { MEMORY } from '../../src/store/database.ts';
import { readFindings } from '../../src/store/reader.ts';
import { Store } from '../../src/store/store.ts';
import { Conversation, exchange, serverCloses } from '../build/conversation.ts';
import { inShards } from '../build/in-process.ts';
import { Paced } from '../build/paced.ts';
import { frames } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { newRun } from '../build/store-sample.ts';

/** What a live run tells that lost packets between these seconds after the first one. */
async function told(talk: Conversation, from: number, to: number): Promise<Finding[]> {
  const source = new Paced(pcap(frames(talk.packets), { nanos: true }), 100);
  const at = (seconds: number): bigint => source.startedNs + BigInt(Math.round(seconds * 1e9));
  source.incomplete = true;
  source.losses = [{ from: at(from), to: at(to) }];
  return (await inShards([{ name: 'eth0', live: source }], 1, 10)).findings;
}

const only = (findings: readonly Finding[], rule: string): Finding => {
  const found = findings.filter(finding => finding.rule === rule);
  assert.equal(found.length, 1, `${found.length} findings of ${rule}`);
  return found[0];
};

test('a port used again whose old connection may have ended among lost packets is no more than weak', async () => {
  const old = exchange();
  const since = old.last.t;
  old.reopen(8).handshake();
  const across = only(await told(old, since + 1, since + 5), 'port-reuse');
  assert.match(across.title, /with the old connection still open/);
  assert.deepEqual([across.confidence, across.evidence.dropped_between], ['weak', true]);
  const store = new Store(MEMORY, newRun());
  store.findings([across]);
  const [row] = readFindings(store.database, {});
  assert.match(findingText(row!, [], plainStyle(100)), /^Packets were dropped by the capture in between/m);
  store.close();
});

test('losses before the first packet of a finding and after its last leave it as it is, but for proof', async () => {
  const old = serverCloses();
  const close = old.last.t;
  old.reopen(8).handshake();
  const end = old.last.t;
  for (const [from, to] of [
    [-9, -5],
    [end + 2, end + 3],
  ] as const) {
    const finding = only(await told(old, from, to), 'port-reuse');
    assert.equal(finding.confidence, 'strong');
    assert.equal('dropped_between' in finding.evidence, false);
  }
  assert.equal(only(await told(old, close + 1, close + 2), 'port-reuse').confidence, 'weak');
});

test('an RST of a connection that began before packets were lost is judged by numbers that may be missing', async () => {
  const talk = exchange();
  const since = talk.last.t;
  talk.wait(8).request().response().rstFrom('server');
  assert.equal(only(await told(talk, since + 1, since + 5), 'reset-close').confidence, 'weak');
});

test('a SYN that may have been answered among lost packets is told as weak', async () => {
  const talk = new Conversation().syn().wait(1).synAgain().wait(2).synAgain();
  const { confidence, evidence } = only(await told(talk, 3.5, 4), 'unanswered-syn');
  assert.deepEqual([confidence, evidence.dropped_between], ['weak', true]);
});
