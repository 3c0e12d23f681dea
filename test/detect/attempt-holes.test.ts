/** An attempt that meets an old connection, in a capture that lacks one of its packets, or has it later. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { type Conversation, exchange, serverCloses } from '../build/conversation.ts';
import type { Packet } from '../build/packet.ts';
import { follow, resets } from '../flow/follow.ts';

type Which = (packet: Packet) => boolean;

/** The old connection answers the SYN, the client resets, and gets in with its second SYN. */
function detour(old: Conversation, ipId: number): { packets: Packet[]; old: Conversation } {
  const next = old.reopen(5, { clientIsn: old.client.nxt - 10_000 }).syn();
  old.oldAck(next, { ipId });
  next.bareRst('client', { seq: old.server.rcvNxt }).wait(1).synAgain().synAck().ack('client');
  return { packets: next.packets, old };
}

const lastOf = (packets: readonly Packet[], which: Which): number => packets.findLastIndex(which);
const without = (packets: readonly Packet[], which: Which): Packet[] => packets.toSpliced(lastOf(packets, which), 1);
const isSyn: Which = ({ flags }) => flags === 'S';
const isServers =
  (kind: string): Which =>
  ({ flags, sport }) =>
    flags === kind && sport === 80;

async function told(packets: readonly Packet[], rule: string): Promise<Finding> {
  const found = (await follow(packets)).findings.filter(f => f.rule === rule);
  assert.equal(found.length, 1, `${found.length} findings of ${rule}`);
  return found[0]!;
}

const summary = ({ evidence, severity, confidence }: Finding): string =>
  `${evidence.class ?? evidence.cause} ${evidence.outcome ?? evidence.delay} ${severity} ${confidence}`;

test('the SYN that was sent again is missing: the attempt was accepted all the same', async () => {
  const { packets } = detour(serverCloses(), 0);
  const finding = await told(without(packets, isSyn), 'unanswered-syn');
  assert.match(
    finding.title,
    /^SYN accepted after 1\.0.. s, likely at another try, which this capture lacks; cause: the /,
  );
  assert.equal(finding.evidence.cause, 'time-wait');
});

test("the old connection's ACK is missing: the client's RST shows it, and what came of the SYN is told", async () => {
  for (const [old, ipId, kind, cause] of [
    [serverCloses(), 0, 'in-time-wait', 'time-wait'],
    [exchange(), 77, 'open', 'unknown'],
  ] as const) {
    const packets = without(detour(old, ipId).packets, isServers('A'));
    const reuse = await told(packets, 'port-reuse');
    assert.equal(summary(reuse), `${kind} challenge-ack:unseen>rst>accepted warning strong`);
    assert.match(reuse.title, /answered with an ACK of the old connection that this capture lacks, then reset by the/);
    const attempt = await told(packets, 'unanswered-syn');
    assert.deepEqual([attempt.evidence.cause, attempt.confidence], [cause, 'strong']);
    assert.match(attempt.title, /^SYN accepted after 1\.0.. s, at try 2/);
    const outcome = await follow(packets);
    assert.equal(resets(outcome)[0], 'answer-to-old-ack');
    const [rst] = outcome.findings.filter(f => f.evidence.class === 'answer-to-old-ack');
    assert.deepEqual([rst!.evidence.ack_unseen, rst!.evidence.unfitting, rst!.confidence], [true, undefined, 'strong']);
  }
});

test('that ACK is recorded after the RST: it counts as the answer, and not as one more', async () => {
  const { packets } = detour(serverCloses(), 0);
  const at = lastOf(packets, isServers('A'));
  const [ack, rst] = [packets[at]!, packets[at + 1]!];
  const swapped = packets.with(at, { ...rst, t: ack.t }).with(at + 1, { ...ack, t: rst.t });
  assert.equal(summary(await told(swapped, 'port-reuse')), 'in-time-wait challenge-ack>rst>accepted warning proof');
  assert.doesNotMatch((await told(swapped, 'unanswered-syn')).title, /this capture lacks|reset none/);
});

test('an RST at another number is not the answer to an old ACK', async () => {
  const { packets, old } = detour(serverCloses(), 0);
  const lost = without(packets, isServers('A'));
  const at = lastOf(lost, ({ flags }) => flags === 'R');
  for (const seq of [old.server.rcvNxt + 1, lost[at - 1]!.seq + 1]) {
    const outcome = await follow(lost.with(at, { ...lost[at]!, seq }));
    assert.equal(resets(outcome)[0], 'client-abort-syn');
  }
});
