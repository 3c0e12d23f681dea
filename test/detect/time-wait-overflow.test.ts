/** A full table of TIME_WAITs, and FINs that are answered by RST for other reasons (docs/rules.md D4, F11). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnalyseOptions } from '../../src/analyse.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { collect } from '../build/collect.ts';
import { exchange } from '../build/conversation.ts';
import { fixtureNamed } from '../build/fixtures.ts';
import { inShards } from '../build/in-process.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { followFile } from '../flow/follow.ts';

interface Close {
  at: number;
  /** The host's table takes it. */
  kept: boolean;
  client?: number;
  /** Seconds until the client's FIN. */
  fin?: number;
  /** The ACK of the client's FIN comes from a TIME_WAIT: no full socket numbered it. */
  shown?: boolean;
}

/** Connections that the server closes, the client's FIN coming after its ACK. */
const closes = (all: readonly Close[]): Packet[] =>
  all
    .flatMap(({ at, kept, client = 0, fin = 0.05, shown = false }, i) => {
      const c = exchange({ client: `10.0.0.${client + 1}:${20_000 + i}`, at });
      c.fin('server').ack('client').wait(fin).fin('client');
      return (kept ? c.ack('server', shown ? { ipId: 0 } : {}) : c.bareRst('server')).packets;
    })
    .sort((a, b) => a.t - b.t);

/** The client's FIN comes with data, which a socket that is closed refuses. */
const withData = (packets: readonly Packet[]): Packet[] =>
  packets.map((packet, i) => (packets[i + 1]?.flags === 'R' ? { ...packet, payload: 10 } : packet));

const OPTIONS: AnalyseOptions = { rules: ['time-wait-overflow'], flows: false, maxFlows: 16_384 };
const judged = async (packets: readonly Packet[]): Promise<Finding[]> => (await followFile(packets, OPTIONS)).findings;

const series = (count: number, from: number, every: number, difference: Partial<Close>): Close[] =>
  Array.from({ length: count }, (_, i) => ({ at: from + i * every, kept: true, ...difference }));

test('a server with tcp_max_tw_buckets=20', async () => {
  const { findings, timeWaits } = await collect(fixtureNamed('lab-max-tw-buckets.pcap').inputs, OPTIONS);
  assert.equal(findings.length, 1);
  const [{ severity, confidence, evidence, packets, server }] = findings as [Finding];
  assert.deepEqual([server, severity, confidence], ['198.18.2.80', 'warning', 'strong']);
  assert.deepEqual(evidence, {
    occupancy: 20,
    occupancy_low: 20,
    signs: ['plateau', 'fin-answered-by-rst'],
    owner: 'server',
    fins: 41,
  });
  assert.equal(packets.length, 8);
  // 20 of its own, and one that took the place of another.
  assert.equal(timeWaits.length, 21);
});

test('two FINs on a plateau may be refused by chance, three are not', async () => {
  for (const refused of [2, 3]) {
    const packets = closes([...series(30, 0, 0.5, {}), ...series(refused, 15, 1.5, { kept: false })]);
    assert.equal((await judged(packets)).length, refused === 3 ? 1 : 0, `${refused} FINs`);
  }
});

test('the sum over the peers of a host stays on a plateau: in any number of shards', async () => {
  const packets = closes([
    ...series(30, 0, 0.5, {}).map((close, i) => ({ ...close, client: i % 5 })),
    ...series(10, 15, 0.5, { kept: false }).map((close, i) => ({ ...close, client: i % 5 })),
  ]);
  const input = [{ name: 'x.pcap', bytes: pcap(frames(packets), { nanos: true }) }];
  const verdict = async (shards: number): Promise<[Finding[], number | undefined]> => {
    const { findings, tally } = await inShards(input, shards);
    return [findings.filter(f => f.rule === 'time-wait-overflow'), tally['findings.time-wait-overflow']];
  };
  const [[finding], count] = await verdict(1);
  for (const shards of [2, 7]) assert.deepEqual(await verdict(shards), [[finding], count]);
  assert.equal(count, 1);
  assert.deepEqual([finding!.evidence.occupancy, finding!.evidence.fins], [30, 10]);
  assert.deepEqual(new Set(finding!.packets.map(p => `${p.flags} ${p.fromClient}`)), new Set(['FA true', 'R false']));
});

test('the TIME_WAITs that have shown themselves to other peers than those that get RSTs count in any number of shards', async () => {
  const packets = closes([
    ...series(40, 0, 0.3, { shown: true }).map((close, i) => ({ ...close, client: i % 8 })),
    ...series(5, 13, 1, { kept: false, client: 8 }),
  ]);
  const input = [{ name: 'x.pcap', bytes: pcap(frames(packets), { nanos: true }) }];
  for (const shards of [1, 2, 3, 4, 7]) {
    const { findings } = await inShards(input, shards);
    const [finding] = findings.filter(f => f.rule === 'time-wait-overflow');
    assert.match(
      finding!.title,
      /^By its packets 198\.51\.100\.80 holds 40 TIME_WAITs, and 5 FINs/,
      `${shards} shards`,
    );
    assert.equal(finding!.evidence.occupancy_low, 40, `${shards} shards`);
  }
});

/** With tcp_max_tw_buckets=5 a real server of this traffic held 5, of which nothing but the first five ACKs tells. */
test('closes that leave no TIME_WAIT unseen are told as a range: of those that showed themselves to all', async () => {
  const all = [
    ...series(5, 0, 0.2, { shown: true }),
    // The FIN comes with the ACK, or the process still reads: a full socket answers, whether there is room or not.
    ...series(25, 1, 0.5, {}),
    ...series(10, 15, 0.5, { kept: false }),
  ];
  const [finding] = await judged(closes(all));
  assert.match(finding!.title, /^By its packets 198\.51\.100\.80 holds 5 to 30 TIME_WAITs, and 10 FINs/);
  assert.deepEqual([finding!.evidence.occupancy_low, finding!.evidence.occupancy], [5, 30]);
  const over = all.map(close => (close.shown ? { ...close, at: close.at - 70 } : close));
  assert.equal((await judged(closes(over)))[0].evidence.occupancy_low, 0, 'only of those still there');
});

for (const [why, all] of [
  [
    'tcp_fin_timeout=2, and the FINs that come 3.2 s late are answered by RST, those at once by ACK',
    [...series(40, 0, 0.2, {}), ...series(12, 10, 0.5, { kept: false, fin: 3.2 })],
  ],
  ['every FIN is answered so: a host that never keeps a TIME_WAIT', series(40, 0, 0.5, { kept: false })],
  ['two RSTs', [...series(30, 0, 0.5, {}), ...series(2, 15, 0.5, { kept: false })]],
  ['the number grows on', [...series(60, 0, 0.5, {}), ...series(10, 8.2, 0.5, { kept: false })]],
  [
    'all of it within a second: a client that closes all it has',
    [...series(30, 5, 0.001, {}), ...series(9, 5.1, 0.01, { kept: false })],
  ],
  ['it had not grown before', [...series(30, 0, 0.1, {}), ...series(10, 20, 0.5, { kept: false })]],
  ['tcp_fin_timeout had passed', [...series(30, 0, 0.5, {}), ...series(10, 9, 0.5, { kept: false, fin: 6 })]],
] as const) {
  test(`no table is said to be full: ${why}`, async () => assert.deepEqual(await judged(closes(all)), []));
}

test('no table is said to be full: a firewall rejects the late FINs, as the TTL of its RSTs shows', async () => {
  const packets = closes([...series(30, 0, 0.5, {}), ...series(10, 15, 0.5, { kept: false })]);
  const [finding] = await judged(packets);
  assert.match(finding!.title, /^By its packets 198\.51\.100\.80 holds no more than 30 TIME_WAITs, and 10 FINs/);
  assert.deepEqual(await judged(packets.map(p => (p.flags === 'R' ? { ...p, ttl: 64 } : p))), [finding]);
  for (const ttl of [63, 255, 50]) {
    const rejected = packets.map(p => (p.flags === 'R' ? { ...p, ttl } : { ...p, ttl: p.sport === 80 ? 60 : p.ttl! }));
    assert.deepEqual(await judged(rejected), [], `TTL ${ttl}`);
  }
});

test('no table is said to be full: the FINs come with data that nobody reads any more', async () => {
  const packets = closes([...series(30, 0, 0.5, {}), ...series(10, 15, 0.5, { kept: false })]);
  assert.equal((await judged(packets)).length, 1);
  assert.deepEqual(await judged(withData(packets)), []);
});
