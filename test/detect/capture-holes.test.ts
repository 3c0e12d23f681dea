/** A capture that lacks packets of a close: what it proves of the old connection all the same, and what it does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { erasOf } from '../../src/report/explain/eras.ts';
import { decisionsOf } from '../../src/report/explain/what-decided.ts';
import { MEMORY } from '../../src/store/database.ts';
import { readFindings } from '../../src/store/reader.ts';
import { Store } from '../../src/store/store.ts';
import { type Conversation, clientCloses, exchange, serverCloses, TW_ISN_STEP } from '../build/conversation.ts';
import type { Packet } from '../build/packet.ts';
import { newRun } from '../build/store-sample.ts';
import { follow } from '../flow/follow.ts';

/** The first packet that fits, and all that the capture misses of the old connection, by their flags and sender. */
type Missed = readonly ((packet: Packet) => boolean)[];

const CLIENT = '192.0.2.10';
const finOf =
  (end: 'client' | 'server') =>
  ({ flags, src }: Packet): boolean =>
    flags === 'FA' && (src === CLIENT) === (end === 'client');
/** The bare ACK of the other end's FIN, which comes after `number` of its kind. */
const acks =
  (ack: number, end: 'client' | 'server') =>
  (packet: Packet): boolean =>
    packet.flags === 'A' && packet.ack === ack && (packet.src === CLIENT) === (end === 'client');

const withoutThem = (packets: readonly Packet[], missed: Missed): Packet[] =>
  packets.filter(packet => !missed.some(fits => fits(packet)));

async function told(packets: readonly Packet[], rule: string): Promise<Finding> {
  const found = (await follow(packets)).findings.filter(f => f.rule === rule);
  assert.equal(found.length, 1, `${found.length} findings of ${rule}`);
  return found[0];
}

const summary = ({ evidence, severity, confidence }: Finding): string =>
  `${evidence.class} ${evidence.owner} ${evidence.outcome} ${severity} ${confidence}`;

const afterServerClose = (old: Conversation): Conversation =>
  old.reopen(5, { serverIsn: old.server.nxt + TW_ISN_STEP }).handshake();

test("the client's FIN is missing, acknowledged or not: an ISN of + 65537 proves the server's TIME_WAIT", async () => {
  for (const alsoItsAck of [false, true]) {
    const old = serverCloses();
    const missed = [finOf('client'), ...(alsoItsAck ? [acks(old.server.rcvNxt, 'server')] : [])];
    const finding = await told(withoutThem(afterServerClose(old).packets, missed), 'port-reuse');
    assert.equal(summary(finding), 'in-time-wait server accepted:tw-isn info proof');
    assert.match(finding.title, /in TIME_WAIT of the server: accepted out of TIME_WAIT/);
    assert.equal(finding.evidence.verdict, undefined);
    assert.doesNotMatch(JSON.stringify(adviceFor(finding)), /CLOSE_WAIT|close its socket/);
  }
});

test("the server's own FIN is missing as well: its ISN is one number further", async () => {
  for (const alsoItsAck of [false, true]) {
    const old = serverCloses();
    const missed = [finOf('client'), finOf('server'), ...(alsoItsAck ? [acks(old.client.rcvNxt, 'client')] : [])];
    const finding = await told(withoutThem(afterServerClose(old).packets, missed), 'port-reuse');
    assert.equal(summary(finding), 'in-time-wait server accepted:tw-isn info proof');
  }
});

test('what decided says where the number comes from, and counts a FIN that the capture lacks', async () => {
  const old = serverCloses();
  const missed = [
    finOf('client'),
    finOf('server'),
    acks(old.client.rcvNxt, 'client'),
    acks(old.server.rcvNxt, 'server'),
  ];
  const { findings, captures, origin } = await follow(withoutThem(afterServerClose(old).packets, missed));
  const store = new Store(MEMORY, newRun({ captures, origin }));
  try {
    store.findings(findings);
    const [finding] = [...readFindings(store.database, { rules: ['port-reuse'] })];
    const [decision] = decisionsOf(finding!, erasOf(finding!));
    assert.match(
      decision!.text,
      /the old connection's next number, its FIN counted that the capture lacks, plus 65535 \+ 2/,
    );
  } finally {
    store.close();
  }
});

test("the server's FIN is missing: an ISN of + 65537 proves the client's TIME_WAIT, and no age of it", async () => {
  const old = clientCloses();
  const next = old.reopen(0.3, { clientIsn: old.client.nxt + TW_ISN_STEP }).handshake();
  const finding = await told(withoutThem(next.packets, [finOf('server')]), 'port-reuse');
  assert.equal(summary(finding), 'in-time-wait client accepted info proof');
  assert.equal(finding.evidence.client_isn, 'tw-reuse');
  assert.deepEqual(finding.evidence.tw_reuse, { '<=4.18': 'phase', '4.19': 'phase', '6.14': 'phase' });
  const setting = await told(withoutThem(next.packets, [finOf('server')]), 'revealed-setting');
  assert.equal(setting.evidence.value, 'on, or a bound port');
});

test('an acknowledgement of one number more than was seen: the close is not known, and no socket is blamed', async () => {
  const old = serverCloses();
  const next = old.reopen(5).handshake();
  const finding = await told(withoutThem(next.packets, [finOf('client')]), 'port-reuse');
  assert.equal(summary(finding), 'unknown-close none accepted info weak');
  assert.doesNotMatch(JSON.stringify(adviceFor(finding)), /CLOSE_WAIT/);
});

test('numbers that move on by more than was captured are a hole too', async () => {
  const old = serverCloses().ack('client');
  const next = old.reopen(5).handshake();
  // Left of the close: the FIN of the server, and the last ACK of the client, one beyond its own FIN.
  const missed = [finOf('client'), acks(old.server.rcvNxt, 'server')];
  assert.equal(
    summary(await told(withoutThem(next.packets, missed), 'port-reuse')),
    'unknown-close none accepted info weak',
  );
});

test('one FIN, and all that is acknowledged is in the capture: half closed', async () => {
  const finding = await told(exchange().fin('server').ack('client').reopen(5).handshake().packets, 'port-reuse');
  assert.equal(summary(finding), 'half-closed none accepted info weak');
});

/** The end of the old connection is missing; its TIME_WAIT answers the SYN, and that is known by the IP identification. */
function answered(ipId: number): { packets: Packet[]; old: Conversation } {
  const old = serverCloses();
  const next = old.reopen(5, { clientIsn: old.client.nxt - 10_000 }).syn();
  old.oldAck(next, { ipId });
  next.bareRst('client', { seq: old.server.rcvNxt }).wait(0.01).synAgain().synAck().ack('client');
  const missed = [finOf('client'), finOf('server'), acks(old.client.rcvNxt, 'client')];
  // The answer to the SYN has the numbers of the last ACK of the close, which is missing too.
  const close = acks(old.server.rcvNxt, 'server');
  const [lastAck] = next.packets.filter(close);
  return { packets: withoutThem(next.packets, missed).filter(packet => packet !== lastAck), old };
}

test('an old ACK without IP identification: no socket sent it, though the capture shows no FIN', async () => {
  const { packets } = answered(0);
  const finding = await told(packets, 'port-reuse');
  assert.equal(summary(finding), 'unknown-close none challenge-ack>rst>accepted warning proof');
  const cause = await told(packets, 'unanswered-syn');
  assert.equal(cause.evidence.cause, 'time-wait');
  assert.doesNotMatch(cause.title, /still has open/);
});

test('the same with a running one is the ACK of a socket: open', async () => {
  const { packets } = answered(77);
  assert.equal(summary(await told(packets, 'port-reuse')), 'open none challenge-ack>rst>accepted warning proof');
  assert.match((await told(packets, 'unanswered-syn')).title, /which the server still has open/);
});

/** The server has closed first and holds the TIME_WAIT that answers the SYN; `missed` of the close was not captured. */
function closedFirst(ipId: number, missed: (old: Conversation) => ((p: Packet) => boolean)[]): Packet[] {
  const old = serverCloses();
  const close = [...old.packets];
  const next = old.reopen(5, { clientIsn: old.client.nxt - 10_000 }).syn();
  old.oldAck(next, { ipId });
  next.bareRst('client', { seq: old.server.rcvNxt }).wait(0.01).synAgain().synAck().ack('client');
  const lost = close.filter(packet => missed(old).some(isMissed => isMissed(packet)));
  return next.packets.filter(packet => !lost.includes(packet));
}

test("a lost FIN of the client: the old connection's ACK covers it, so it is a TIME_WAIT and nobody is in CLOSE_WAIT", async () => {
  const lastAck = (old: Conversation) => acks(old.server.rcvNxt, 'server');
  for (const lost of [
    () => [finOf('client')],
    (old: Conversation) => [finOf('client'), lastAck(old)],
    (old: Conversation) => [finOf('client'), lastAck(old), acks(old.client.rcvNxt, 'client')],
  ]) {
    const packets = closedFirst(0, lost);
    const finding = await told(packets, 'port-reuse');
    assert.equal(summary(finding), 'in-time-wait server challenge-ack>rst>accepted warning strong');
    assert.deepEqual([finding.evidence.lacks_fin, finding.evidence.verdict], [true, undefined]);
    assert.match(
      finding.title,
      /in TIME_WAIT of the server, by its answer, which covers a FIN that this capture lacks: /,
    );
    assert.doesNotMatch(JSON.stringify(adviceFor(finding)), /CLOSE_WAIT/);
    const cause = await told(packets, 'unanswered-syn');
    assert.deepEqual([cause.evidence.cause, cause.confidence], ['time-wait', 'strong']);
    assert.match(cause.title, /which covers a FIN that this capture lacks$/);
  }
});

test('the same ACK of a socket, by its IP identification: the close is known in part', async () => {
  const finding = await told(
    closedFirst(77, () => [finOf('client')]),
    'port-reuse',
  );
  assert.equal(summary(finding), 'unknown-close none challenge-ack>rst>accepted warning strong');
  assert.match(finding.title, /after a close of which this capture likely lacks a FIN: /);
});

test("a close of which only one side's FIN was captured is not told as one that is not shown at all", async () => {
  const old = serverCloses();
  const isLost = (packet: Packet): boolean =>
    packet.src === CLIENT
      ? packet.flags === 'FA' || (packet.payload ?? 0) > 0
      : acks(old.server.rcvNxt, 'server')(packet);
  const next = old.reopen(5, { clientIsn: 1000 }).handshake();
  const packets = next.packets.filter(packet => !isLost(packet));
  const finding = await told(packets, 'port-reuse');
  assert.equal(finding.evidence.class, 'unknown-close');
  assert.match(finding.title, /after a connection of which this capture shows only one side's close: /);
});

test('a lost FIN of the server: its TIME_WAIT answers from one number beyond what was seen of it', async () => {
  const lastAck = (old: Conversation) => acks(old.server.rcvNxt, 'server');
  const acked = (old: Conversation) => acks(old.client.rcvNxt, 'client');
  for (const lost of [
    () => [finOf('server')],
    (old: Conversation) => [finOf('server'), lastAck(old)],
    (old: Conversation) => [finOf('server'), acked(old)],
  ]) {
    const finding = await told(closedFirst(0, lost), 'port-reuse');
    assert.equal(summary(finding), 'in-time-wait server challenge-ack>rst>accepted warning strong');
  }
});

test('one FIN and a SYN that is accepted: half closed only as far as the capture shows', async () => {
  const finding = await told(exchange().fin('server').ack('client').reopen(5).handshake().packets, 'port-reuse');
  assert.match(finding.title, /with the old connection half closed, as far as this capture shows: accepted/);
});
