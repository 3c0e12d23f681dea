/** No input may hang the analysis or fill the memory: crafted, timeless and broken captures end, with all they hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT } from '../src/base/limits.ts';
import { SECOND } from '../src/base/time.ts';
import { Reader } from '../src/capture/reader.ts';
import { Slab } from '../src/capture/slab.ts';
import { pairHash } from '../src/flow/tables/pairs.ts';
import { Shard } from '../src/shard/shard.ts';
import { tupleHash } from '../src/wire/fingerprint.ts';
import { Locator } from '../src/wire/locate.ts';
import { concat } from './build/bytes.ts';
import { collect, type Outcome } from './build/collect.ts';
import { type Conversation, serverCloses, together } from './build/conversation.ts';
import { frame, type Packet } from './build/packet.ts';
import { pcap, pcapHeader, pcapRecord } from './build/pcap.ts';

/** Far more than any of these needs, far less than it takes with work that grows with the square of the input. */
const PATIENCE = { timeout: 60_000 };

const ETHERNET = 1;
const PIECE = 10_000;

/** A capture of any number of packets. */
function capture(packets: readonly Packet[]): { name: string; bytes: Uint8Array } {
  const pieces = [pcapHeader(ETHERNET, { nanos: true })];
  for (let i = 0; i < packets.length; i += PIECE) {
    pieces.push(concat(...packets.slice(i, i + PIECE).map(packet => pcapRecord(frame(packet), { nanos: true }))));
  }
  return { name: 'hostile.pcap', bytes: concat(...pieces) };
}

const analyse = (packets: readonly Packet[], maxFlows = 1024): Promise<Outcome> =>
  collect([capture(packets)], { maxFlows, flows: true });

const ends = { src: '192.0.2.10', sport: 40_000, dst: '198.51.100.80', dport: 80 };
const segment = (changes: Partial<Packet>): Packet => ({
  t: 0,
  ...ends,
  flags: 'A',
  seq: 1,
  ack: 1,
  ipId: 7,
  ...changes,
});

/** x with x · odd ≡ 1 modulo 2^32. */
function inverse(odd: number): number {
  let x = odd;
  for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(odd, x));
  return x;
}

test('segments that differ but share a bucket of the duplicates in every size of the table', PATIENCE, async () => {
  // The products of sequence and acknowledgement number in the first word of the fingerprint cancel out.
  const [ofSeq, ofAck] = [0x27d4eb2f, 0x165667b1];
  const ackFor = (seq: number): number => Math.imul(inverse(ofAck), Math.imul(seq, ofSeq)) >>> 0;
  for (const count of [5, 500]) {
    const crafted = Array.from({ length: count }, (_, i) =>
      segment({ seq: (i + 1) * 1000, ack: ackFor((i + 1) * 1000) }),
    );
    const { status, tally } = await analyse(crafted);
    assert.equal(status, 'done');
    assert.deepEqual([tally.segments, tally.duplicates], [count, 0]);
  }
});

test('a frame of nothing but LLC in a VLAN in LLC', PATIENCE, async () => {
  const TURNS = 20_000;
  const turn = [0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0x00, 0, 0, 0x01, 0x00]; // SNAP, a tag, and a length: LLC again
  const bytes = new Uint8Array(14 + turn.length * TURNS);
  bytes[12] = 0x01;
  for (let i = 0; i < TURNS; i++) bytes.set(turn, 14 + turn.length * i);
  const { status, tally } = await collect([{ name: 'llc.pcap', bytes: pcap([{ t: 0, bytes, linkType: ETHERNET }]) }]);
  assert.deepEqual([status, tally['skipped.not-ip']], ['done', 1]);
});

test('200,000 segments of one instant', PATIENCE, async () => {
  const { tally } = await analyse(Array.from({ length: 200_000 }, (_, i) => segment({ seq: i * 1000 })));
  assert.deepEqual([tally.segments, tally.duplicates, tally.flows], [200_000, 0, 1]);
});

test('no capture can be made of tuples or host pairs that share a hash', () => {
  // Ports that bring the hash of every pair of hosts to the same value, if it is computed without a secret.
  const crafted = Array.from({ length: 10_000 }, (_, i) => {
    const [hostA, hostB] = [i + 1, 0x7a00_0001];
    const h = Math.imul(hostA, 0x9e3779b1) ^ hostB;
    return { hostA, hostB, mixed: Math.imul(h ^ (h >>> 15), 0x85ebca6b) };
  });
  const distinct = (hash: (tuple: (typeof crafted)[number]) => number): number => new Set(crafted.map(hash)).size;
  assert.ok(distinct(({ hostA, hostB, mixed }) => tupleHash(hostA, hostB, mixed, 0)) > 9900, 'tuples');
  assert.ok(distinct(({ hostA, hostB, mixed }) => pairHash(hostA, hostB, mixed)) > 9900, 'host pairs');
});

test('20,000 tuples made to collide are 20,000 flows', PATIENCE, async () => {
  const hostB = 0x7a00_0001;
  const packets = Array.from({ length: 20_000 }, (_, i) => {
    const hostA = i + 1;
    const h = Math.imul(hostA, 0x9e3779b1) ^ hostB;
    const ports = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    const dotted = (host: number): string => [24, 16, 8, 0].map(shift => (host >>> shift) & 255).join('.');
    return segment({ t: i / 1000, src: dotted(hostA), dst: dotted(hostB), sport: ports >>> 16, dport: ports & 0xffff });
  });
  const { tally } = await analyse(packets, 32_768);
  assert.deepEqual([tally.segments, tally.flows, tally['evicted.flows'] ?? 0], [20_000, 20_000, 0]);
});

test('a clock that steps back at each of 2,000 frames after a burst', PATIENCE, async () => {
  const burst = Array.from({ length: 20_000 }, (_, i) => segment({ t: 100, sport: i & 0x3fff, seq: i * 7919 }));
  const steps = Array.from({ length: 2000 }, (_, i) => segment({ t: 99 - i * 0.02, seq: i }));
  const { status, captures, tally } = await analyse([...burst, ...steps], 32_768);
  assert.equal(status, 'done');
  assert.equal(tally.segments, 22_000);
  assert.ok(captures[0].notes.some(({ kind }) => kind === 'clock-step'));
});

/** The same SYN every minute for an hour, on a tuple in TIME_WAIT: a story that its sender would keep open for ever. */
function endlessSyn(): Conversation {
  const old = serverCloses();
  const again = old.reopen(5).syn();
  for (let i = 1; i < 60; i++) again.wait(60).synAgain();
  return old;
}

test('an attempt that is repeated for an hour is told after five minutes', async () => {
  const { findings } = await analyse(endlessSyn().packets);
  const { evidence } = findings.find(({ rule }) => rule === 'port-reuse')!;
  assert.ok((evidence.syns as number) <= 6, `${evidence.syns} SYNs`);
});

test('findings after such an attempt are let go long before the capture ends', async () => {
  const resets = Array.from({ length: 3500 }, (_, i) =>
    segment({ t: 20 + i, src: '192.0.2.77', sport: i, flags: 'R' }),
  );
  const reader = await Reader.open([capture(together(endlessSyn(), resets))], new Locator());
  const shard = new Shard({
    shard: 0,
    origin: reader.origin,
    maxFlows: 1024,
    timeWait: DEFAULT_TIME_WAIT * SECOND,
    flows: false,
    rules: ['port-reuse', 'reset-close'],
    maxFindings: 10_000,
    portRange: DEFAULT_PORT_RANGE,
  });
  const slab = new Slab();
  const settled: number[] = [];
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) {
    settled.push(shard.take(slab, batch).settled);
  }
  reader.close();
  assert.ok(settled.at(-1)! > reader.last - 310 * SECOND, `settled to ${settled.at(-1)! / SECOND} s`);
});
