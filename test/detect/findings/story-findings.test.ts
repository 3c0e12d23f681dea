/** What a live run tells of stories that go on: soon after their packets, and in the end what a file comes to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MILLISECOND } from '../../../src/base/time.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { Conversation, exchange, serverCloses, together } from '../../build/conversation.ts';
import { bytesOf, fixtures } from '../../build/fixtures.ts';
import { Host } from '../../build/host.ts';
import { inShards } from '../../build/in-process.ts';
import { Paced } from '../../build/paced.ts';
import { frames, type Packet } from '../../build/packet.ts';
import { pcap } from '../../build/pcap.ts';
import { randomTraffic } from '../../build/random-traffic.ts';
import { isPlainPcap } from '../../build/records.ts';
import { JUDGE_EVERY, SOON_MS, VERDICTS } from '../../build/verdict-rules.ts';

/** So long a link is watched after the last packet: no story lasts longer. */
const WATCHED = 400;

interface Telling {
  finding: Finding;
  /** Milliseconds from the first packet of the capture. */
  at: number;
}

/** All that is told of it, in that order, and what stands at the end. */
async function live(file: Uint8Array, shards = 1): Promise<{ told: Telling[]; findings: Finding[] }> {
  const source = new Paced(file, WATCHED);
  const begin = source.now;
  const told: Telling[] = [];
  const { findings } = await inShards([{ name: 'eth0', live: source }], shards, JUDGE_EVERY, finding =>
    told.push({ finding, at: source.now - begin }),
  );
  return { told: told.filter(({ finding }) => !VERDICTS.includes(finding.rule)), findings };
}

const captured = (...stories: readonly (Conversation | readonly Packet[])[]): Uint8Array =>
  pcap(frames(together(...stories)), { nanos: true });

/** What is told at an instant: the newest under each id, up to then. */
const standingAt = (told: readonly Telling[], at: number): Finding[] => [
  ...new Map(told.filter(telling => telling.at <= at).map(({ finding }) => [finding.id, finding])).values(),
];

const one = (findings: readonly Finding[], rule: string): Finding => {
  const [finding, ...more] = findings.filter(f => f.rule === rule);
  assert.ok(finding !== undefined && more.length === 0, `one ${rule} among ${findings.map(f => f.rule).join(', ')}`);
  return finding;
};

/** Seconds into the capture, whose first packet is at 0. */
const after = (seconds: number): number => seconds * 1e3 + SOON_MS;

test('an abort is told within two seconds, and told again under its id when the sender of the RST goes on', async () => {
  const aborted = exchange().wait(1).rstFrom('server');
  const reset = aborted.last.t;
  aborted.wait(4).response();
  const goesOn = aborted.last.t;
  const { told, findings } = await live(captured(aborted));
  const first = one(standingAt(told, after(reset)), 'reset-close');
  assert.match(first.title, /^The server aborts the connection/);
  assert.deepEqual(first.evidence.hints, ['linger0']);
  const then = one(standingAt(told, after(goesOn)), 'reset-close');
  assert.equal(then.id, first.id);
  assert.match(then.title, /^A middlebox sent this RST in the name of the server/);
  assert.equal(told.length, 2, 'and no more, though it was watched for longer');
  assert.deepEqual(one(findings, 'reset-close'), then);
});

test('SYNs that run back are told of at once, whether or not they are ever answered', async () => {
  const server = '198.51.100.80:80';
  const ahead = new Host('192.0.2.10', { boot: 9_000_000 });
  const behind = new Host('192.0.2.10', { boot: 1_000_000 });
  const good = new Conversation({ client: ahead, clientPort: 40_000, server }).handshake().request().response();
  const bad = new Conversation({ client: behind, clientPort: 40_001, server, at: 1 }).syn();
  for (const pause of [1, 2, 4, 8, 16, 32]) bad.wait(pause).synAgain();
  const { told, findings } = await live(captured(good, bad));
  const early = one(standingAt(told, after(1)), 'timestamp-regress');
  assert.equal('answered' in early.evidence, false, 'an answer may still come');
  assert.equal(one(standingAt(told, after(2)), 'timestamp-regress').id, early.id);
  const silent = one(standingAt(told, after(2.1)), 'unanswered-syn');
  assert.match(silent.title, /^None of 2 SYNs in 1.005 s was answered/);
  const last = one(findings, 'unanswered-syn');
  assert.equal(last.id, silent.id);
  assert.equal(last.evidence.syns, 7);
  assert.equal(one(findings, 'timestamp-regress').evidence.answered, false);
});

test('a port that is used again is told of before its SYN has an answer, and does not pass for dropped', async () => {
  const old = serverCloses();
  const again = old.reopen(5);
  again.syn();
  const syn = again.last.t;
  again.wait(0.8).synAck().ack('client');
  const { told, findings } = await live(captured(old.packets));
  const early = one(standingAt(told, syn * 1e3 + 1_700), 'port-reuse');
  assert.equal(early.evidence.outcome, 'pending');
  assert.match(early.title, /no answer so far$/);
  const last = one(findings, 'port-reuse');
  assert.deepEqual([last.id, String(last.evidence.outcome).split(':')[0]], [early.id, 'accepted']);
});

test('a handshake that stalls is told of when the SYN-ACK comes again, and what came of it later', async () => {
  const stalls = new Conversation().handshake();
  const synAck = { seq: stalls.server.nxt - 1 };
  stalls.send('client', 'PA', { payload: 10 }).wait(1).send('server', 'SA', synAck);
  const again = stalls.last.t;
  stalls.wait(5).ack('server');
  const { told, findings } = await live(captured(stalls));
  const early = one(standingAt(told, after(again)), 'unanswered-syn');
  assert.match(early.title, /^The server repeats its SYN-ACK after the client's ACK, and has not gone on so far/);
  const last = one(findings, 'unanswered-syn');
  assert.equal(last.id, early.id);
  assert.match(last.title, /and goes on/);
});

test('while SYNs go unanswered tcp_tw_recycle is named as soon as the signature holds, and not before', async () => {
  const server = '198.51.100.80:80';
  const address = '192.0.2.10';
  const rounds = [0, 10, 20].flatMap((at, i) => {
    const ahead = new Host(address, { boot: 20_000_000 });
    const behind = new Conversation({
      client: new Host(address, { boot: 2_000_000 }),
      clientPort: 42_000 + i,
      server,
      at: at + 2,
    }).syn();
    for (const pause of [1, 2]) behind.wait(pause).synAgain();
    return [serverCloses({ client: ahead, clientPort: 41_000 + i, server, at }), behind];
  });
  const { told, findings } = await live(captured(...rounds));
  const causes = (all: readonly Finding[]): unknown[] =>
    all.filter(({ rule }) => rule === 'unanswered-syn').map(({ evidence }) => evidence.cause);
  const named = told.filter(({ finding }) => finding.evidence.cause === 'per-host-paws');
  assert.deepEqual(causes(standingAt(told, after(20))), ['unknown', 'unknown']);
  const third = 22;
  assert.ok(
    named.every(({ at }) => at > (third + 0.5) * 1e3),
    'an answer to the third SYN that it would drop may take half a second',
  );
  // The third is sent again after a second; the first two have been told of before.
  assert.deepEqual(causes(standingAt(told, after(third + 1))), ['per-host-paws', 'per-host-paws', 'per-host-paws']);
  assert.deepEqual(causes(findings), ['per-host-paws', 'per-host-paws', 'per-host-paws']);
});

const essence = ({ id, rule, title, evidence, severity, confidence, packets }: Finding): string =>
  JSON.stringify([VERDICTS.includes(rule) ? '' : id, rule, title, evidence, severity, confidence, packets]);

/** Told at their end or before, stories come to the same: what is told meanwhile changes nothing. */
async function assertSameInTheEnd(file: Uint8Array): Promise<readonly Telling[]> {
  const { findings: atEnd } = await inShards([{ name: 'eth0', live: new Paced(file, WATCHED) }], 1);
  for (const shards of [3, 1]) {
    const { told, findings } = await live(file, shards);
    const expected = new Set(atEnd.map(essence));
    for (const one of findings.map(essence)) assert.ok(expected.delete(one), `told live only: ${one}`);
    assert.deepEqual([...expected], [], 'told at the end only');
    assert.equal(new Set(findings.map(({ id }) => id)).size, findings.length, 'each has an id of its own');
    if (shards === 1) return told;
  }
  return [];
}

/** What no packet proves, but that none came. */
const provenByTime = ({ rule, evidence }: Finding): boolean =>
  (rule === 'unanswered-syn' && evidence.syns === 1) || (rule === 'paws-drop' && evidence.class === 'reordered');

for (const fixture of fixtures().filter(({ inputs }) => inputs.length === 1)) {
  const bytes = bytesOf(fixture);
  if (!isPlainPcap(bytes)) continue;
  test(`${fixture.name}: what is told live comes to the same, and within two seconds of its packets`, async () => {
    const told = await assertSameInTheEnd(bytes);
    const first = new Map<string, Telling>();
    for (const telling of told) if (!first.has(telling.finding.id)) first.set(telling.finding.id, telling);
    for (const { finding, at } of first.values()) {
      const delay = at - finding.lastAt / MILLISECOND;
      if (!provenByTime(finding)) assert.ok(delay <= SOON_MS, `${delay} ms: ${finding.rule}: ${finding.title}`);
    }
  });
}

test('random traffic comes to the same', async () => {
  const property = fc.asyncProperty(randomTraffic(), async traffic => {
    await assertSameInTheEnd(pcap(traffic, { nanos: true, linkType: 1 }));
  });
  await fc.assert(property, { numRuns: 50 });
});
