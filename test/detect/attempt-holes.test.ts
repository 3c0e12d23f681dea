/** An attempt that meets an old connection, in a capture that lacks one of its packets, or has it later. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { erasOf } from '../../src/report/explain/eras.ts';
import { decisionsOf } from '../../src/report/explain/what-decided.ts';
import { MEMORY } from '../../src/store/database.ts';
import { readFindings } from '../../src/store/reader.ts';
import { Store } from '../../src/store/store.ts';
import { Conversation, exchange, serverCloses, together } from '../build/conversation.ts';
import type { Packet } from '../build/packet.ts';
import { newRun } from '../build/store-sample.ts';
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
  return found[0];
}

/** What decided, as `explain` says it. */
async function explained(packets: readonly Packet[], rule: string): Promise<string> {
  const { findings, captures, origin } = await follow(packets);
  const store = new Store(MEMORY, newRun({ captures, origin }));
  try {
    store.findings(findings);
    const [finding] = [...readFindings(store.database, { rules: [rule] })];
    return decisionsOf(finding!, erasOf(finding!))
      .map(({ text }) => text)
      .join('\n');
  } finally {
    store.close();
  }
}

const summary = ({ evidence, severity, confidence }: Finding): string =>
  `${evidence.class ?? evidence.cause} ${evidence.outcome ?? evidence.delay} ${severity} ${confidence}`;

test('the SYN that was sent again is missing: the attempt was accepted all the same', async () => {
  const { packets } = detour(serverCloses(), 0);
  const finding = await told(without(packets, isSyn), 'unanswered-syn');
  assert.match(
    finding.title,
    /^SYN accepted after 1\.0.. s, likely at another try, which this capture lacks or has out of order; cause: the /,
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
    assert.match(
      reuse.title,
      /answered with an ACK of the old connection that this capture lacks or has out of order, then reset by/,
    );
    const attempt = await told(packets, 'unanswered-syn');
    assert.deepEqual([attempt.evidence.cause, attempt.confidence], [cause, 'strong']);
    assert.match(attempt.title, /^SYN accepted after 1\.0.. s, at try 2/);
    if (kind === 'in-time-wait')
      assert.match(
        attempt.title,
        /; the RST of the client shows that ACK, which this capture lacks or has out of order$/,
      );
    const outcome = await follow(packets);
    assert.equal(resets(outcome)[0], 'answer-to-old-ack');
    const [rst] = outcome.findings.filter(f => f.evidence.class === 'answer-to-old-ack');
    assert.deepEqual([rst!.evidence.ack_unseen, rst!.evidence.unfitting, rst!.confidence], [true, undefined, 'strong']);
  }
});

test("the old connection's ACK is missing: how soon after the RST the SYN comes again is told all the same", async () => {
  const old = serverCloses();
  const next = old.reopen(5, { clientIsn: old.client.nxt - 10_000 }).syn();
  next.bareRst('client', { seq: old.server.rcvNxt });
  const alone = await follow(structuredClone(next.packets));
  assert.ok(
    alone.findings.some(({ rule }) => rule === 'unanswered-syn'),
    'the attempt ends with the RST',
  );
  next.wait(0.01).synAgain().synAck().ack('client');
  const attempt = await told(next.packets, 'unanswered-syn');
  assert.equal(attempt.evidence.schedule, 'fast');
  assert.match(attempt.title, /; sent again .* later, right after the RST, as Linux 5\.15 and newer do/);
});

test('the SYN is sent often before the old connection answers: the first SYN after the RST tells the schedule', async () => {
  const old = serverCloses();
  const next = old.reopen(5, { clientIsn: old.client.nxt - 10_000 }).syn();
  for (const pause of [1, 1, 1, 1]) next.wait(pause).synAgain();
  old.oldAck(next, { ipId: 0 });
  next.bareRst('client', { seq: old.server.rcvNxt }).wait(0.01).synAgain().synAck().ack('client');
  assert.equal((await told(next.packets, 'unanswered-syn')).evidence.schedule, 'fast');
});

test("one direction only: the client's RST shows that an older connection answered before the answer that let it in", async () => {
  const { packets } = detour(serverCloses(), 0);
  const [finding] = (await follow(packets.filter(({ dport }) => dport === 80))).findings.filter(
    ({ rule }) => rule === 'unanswered-syn',
  );
  assert.equal(finding!.evidence.cause, 'one-way-capture');
  assert.match(
    finding!.title,
    /an ACK of an older connection answered first, .* so that ACK and the SYN-ACK likely passed/,
  );
});

test('that ACK is recorded before the SYN: it is named, and does not count as a sign of life of the old connection', async () => {
  const { packets } = detour(exchange(), 77);
  const at = lastOf(packets, isServers('A'));
  const syn = packets[at - 1];
  const early = (lead: number): Packet[] => packets.toSpliced(at - 1, 2, { ...packets[at], t: syn.t - lead }, syn);
  const reuse = await told(early(0.0003), 'port-reuse');
  assert.equal(summary(reuse), 'open challenge-ack:unseen>rst>accepted warning strong');
  assert.ok(Number(reuse.evidence.age) > 4.9, `age ${reuse.evidence.age}`);
  assert.match(
    reuse.title,
    /after 5\..* s, with .* an ACK of the old connection, most likely the one recorded 300 µs before the SYN, then reset/,
  );
  assert.match((await told(early(0.2), 'port-reuse')).title, /that this capture lacks or has out of order/);
});

test('the same of a TIME_WAIT: the ACK is named, and the age counts from the TIME_WAIT', async () => {
  const { packets } = detour(serverCloses(), 0);
  const at = lastOf(packets, isServers('A'));
  const syn = packets[at - 1];
  const reuse = await told(packets.toSpliced(at - 1, 2, { ...packets[at], t: syn.t - 0.0003 }, syn), 'port-reuse');
  assert.ok(Number(reuse.evidence.age) > 4.9, `age ${reuse.evidence.age}`);
  assert.match(
    reuse.title,
    /TIME_WAIT of the server: .*, most likely the one recorded 300 µs before the SYN, then reset/,
  );
});

test('that ACK is recorded after the RST: it counts as the answer, and not as one more', async () => {
  const { packets } = detour(serverCloses(), 0);
  const at = lastOf(packets, isServers('A'));
  const [ack, rst] = [packets[at], packets[at + 1]];
  const swapped = packets.with(at, { ...rst, t: ack.t }).with(at + 1, { ...ack, t: rst.t });
  assert.equal(summary(await told(swapped, 'port-reuse')), 'in-time-wait challenge-ack>rst>accepted warning proof');
  assert.doesNotMatch((await told(swapped, 'unanswered-syn')).title, /this capture lacks|reset none/);
});

test('an RST at another number is not the answer to an old ACK', async () => {
  const { packets, old } = detour(serverCloses(), 0);
  const lost = without(packets, isServers('A'));
  const at = lastOf(lost, ({ flags }) => flags === 'R');
  for (const seq of [old.server.rcvNxt + 1, lost[at - 1].seq + 1]) {
    const outcome = await follow(lost.with(at, { ...lost[at], seq }));
    assert.equal(resets(outcome)[0], 'client-abort-syn');
  }
});

test('a SYN that is answered by no packet and not sent again: likely the capture lacks the answer', async () => {
  const next = serverCloses().reopen(5).syn();
  const others = exchange({ clientPort: 40_100, at: next.now + 10 }).serverCloses();
  const lone = await told(together(next, others), 'port-reuse');
  assert.equal(summary(lone), 'in-time-wait dropped warning weak');
  assert.match(lone.title, /: the SYN was not answered, nor sent again$/);
  const twice = next.wait(1).synAgain();
  assert.equal(summary(await told(together(twice, others), 'port-reuse')), 'in-time-wait dropped warning strong');
});

test('a SYN is accepted while the old connection looks open or half closed: the capture lacks how that ended', async () => {
  for (const [old, kind] of [
    [exchange(), 'open'],
    [exchange().fin('server').ack('client'), 'half-closed'],
  ] as const) {
    const finding = await told(old.reopen(9).handshake().packets, 'port-reuse');
    assert.equal(summary(finding), `${kind} accepted info weak`);
    assert.match(finding.title, /, as far as this capture shows: accepted/);
    assert.match(adviceFor(finding).meaning, /held no socket of the old connection any more/);
  }
});

test('a TIME_WAIT answers a SYN that it would accept, and the next is refused: nothing listens', async () => {
  const old = serverCloses();
  const next = old.reopen(5, { clientIsn: old.client.nxt + 100_000 }).syn();
  old.oldAck(next);
  next.bareRst('client', { seq: old.server.rcvNxt }).wait(0.01).synAgain().refuse();
  const finding = await told(next.packets, 'unanswered-syn');
  assert.equal(finding.evidence.seen, 'refused');
  assert.deepEqual([finding.severity, finding.confidence], ['notice', 'strong']);
  assert.match(finding.title, /cause: nothing listens there, most likely, or a firewall rejects, as the last SYN was/);
  assert.doesNotMatch(JSON.stringify(adviceFor(finding)), /ip_local_port_range/);
  const reuse = await explained(next.packets, 'port-reuse');
  assert.match(reuse, /would be taken\. Yet the TIME_WAIT answered with its ACK: no socket listened at that moment/);
  assert.doesNotMatch(reuse, /does not match/);
});

test("the client's RST did not arrive: without a FIN it is no TIME_WAIT that answers", async () => {
  // The SYN-ACK and the ACK of a request socket have no IP identification, a full socket has one.
  for (const [old, ipId] of [
    [new Conversation().syn().synAck({ ipId: 0 }).ack('client'), 0],
    [exchange(), 77],
  ] as const) {
    old.rstFrom('client', { lost: true });
    const next = old.reopen(0.5).syn();
    old.oldAck(next, { ipId });
    next.bareRst('client', { seq: old.server.rcvNxt }).wait(0.01).synAgain().synAck().ack('client');
    const finding = await told(next.packets, 'unanswered-syn');
    assert.deepEqual([finding.evidence.cause, finding.evidence.seen], ['unknown', 'old-connection']);
    assert.match(finding.title, /not a TIME_WAIT: the RST that this capture shows did not reach the server/);
    const reuse = await told(next.packets, 'port-reuse');
    assert.equal(summary(reuse), 'after-rst challenge-ack>rst>accepted warning proof');
    assert.match(adviceFor(reuse).meaning, /though this capture shows an RST of that/);
    assert.doesNotMatch(await explained(next.packets, 'port-reuse'), /what the TIME_WAIT expects/);
  }
});

test('IPv6, and the capture begins after the FIN of the server: the close is not known', async () => {
  const ends = { client: '[2001:db8::10]:40000', server: '[2001:db8:80::1]:443' };
  const old = serverCloses(ends);
  const close = old.packets.length;
  const next = old.reopen(5, { clientIsn: old.client.nxt - 10_000 }).syn();
  old.oldAck(next);
  next.bareRst('client', { seq: old.server.rcvNxt }).wait(0.01).synAgain().synAck().ack('client');
  for (const joined of [close - 3, close - 2]) {
    const packets = next.packets.slice(joined);
    const reuse = await told(packets, 'port-reuse');
    assert.equal(summary(reuse), 'unknown-close challenge-ack>rst>accepted warning proof');
    assert.match(reuse.title, /this capture shows only one side's close/);
    assert.doesNotMatch(await explained(packets, 'port-reuse'), /still has a socket/);
    const attempt = await told(packets, 'unanswered-syn');
    assert.deepEqual([attempt.evidence.cause, attempt.confidence], ['time-wait', 'weak']);
    assert.match(attempt.title, /in TIME_WAIT or still open: this capture lacks its close/);
  }
});

test('an ACK within 200 ms of what its receiver sent may be a delayed one, and answers no SYN', async () => {
  const words: string[] = [];
  for (const after of [0.19, 0.21]) {
    const { packets } = detour(exchange(), 77);
    const at = lastOf(packets, isServers('A'));
    const syn = packets[at - 1];
    const ack = { ...packets[at], t: syn.t - 0.0003 };
    // The client's last packet before comes so long before that ACK.
    const old = packets.slice(0, at - 1);
    const last = old.findLastIndex(({ dport }) => dport === 80);
    old[last] = { ...old[last], t: ack.t - after };
    words.push((await told([...old, ack, syn, ...packets.slice(at + 1)], 'port-reuse')).title);
  }
  assert.match(words[0]!, /that this capture lacks or has out of order/);
  assert.match(words[1]!, /most likely the one recorded 300 µs before the SYN/);
});
