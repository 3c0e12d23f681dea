/** What the addon follows is what TypeScript follows, to the last word of every record. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Input } from '../../src/capture/capture-info.ts';
import { addon, type Native } from '../../src/capture/native.ts';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import { MAX_STEPS, WINDOW } from '../../src/flow/duplicates.ts';
import { Follower } from '../../src/flow/follower.ts';
import { layout } from '../../src/flow/layout.ts';
import { LEAST_RTO } from '../../src/flow/retransmission.ts';
import { PAIR_WORDS, PAWS_MSL, PairLayout, S_STALE } from '../../src/flow/tables/pairs.ts';
import { SLOTS } from '../../src/flow/tables/wheel.ts';
import { TIME_WAIT } from '../../src/flow/time-wait.ts';
import { Tracker } from '../../src/flow/tracker.ts';
import { decodeRows } from '../../src/wire/decode-rows.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Locator } from '../../src/wire/locate.ts';
import { Segment } from '../../src/wire/segment.ts';
import { Segments } from '../../src/wire/segments.ts';
import { fixtures } from '../build/fixtures.ts';
import { pcap } from '../build/pcap.ts';
import { randomTraffic } from '../build/random-traffic.ts';

const skip = addon === undefined ? 'skipped: needs the addon (a C compiler)' : false;
const { L, Phase, FlowBit, SideBit } = layout;
const MAX_FLOWS = 256;

const sourceOf = (name: string): string => readFileSync(new URL(`../../../native/${name}`, import.meta.url), 'utf8');

test('records of flows and pairs lie in C as they do in TypeScript', () => {
  const source = sourceOf('flow.h');
  const side = Object.fromEntries(Object.entries(L).map(([name, at]) => [`SIDE_${name}`, at]));
  const named = (prefix: string, values: Record<string, number>): [string, number][] =>
    Object.entries(values).map(([name, value]) => [`${prefix}_${name}`, value]);
  const known = new Map<string, number>([
    ...named('FLOW', { ...L, WORDS: L.FLOW_WORDS }),
    ...Object.entries(side),
    ...named('PHASE', Phase),
    ...named('FLOW_BIT', FlowBit),
    ...named('SIDE_BIT', SideBit),
    ...named('PAIR', { ...PairLayout, WORDS: PAIR_WORDS }),
  ]);
  const inC = [...source.matchAll(/\b((?:FLOW|SIDE|PHASE|PAIR)_\w+) = (\d+)/g)];
  assert.ok(inC.length > 60);
  for (const [, name, value] of inC) assert.equal(known.get(name!), Number(value), name);
});

test('limits are in C what they are in TypeScript', () => {
  const source = ['follow.c', 'tracker.h'].map(sourceOf).join('\n');
  const inC = [...source.matchAll(/^#define (\w+) ([\de.]+)$/gm)].map(([, name, value]) => [name, Number(value)]);
  assert.deepEqual(Object.fromEntries(inC), {
    PAWS_MSL,
    S_STALE,
    LEAST_RTO,
    DUPLICATE_WINDOW: WINDOW,
    MAX_STEPS,
    WHEEL_SLOTS: SLOTS,
  });
});

/** All of a capture, in time order. */
async function segmentsOf(inputs: readonly Input[], hosts: Hosts): Promise<Segments> {
  const reader = await Reader.open(inputs, new Locator());
  const slab = new Slab();
  const segments = new Segments(1);
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) {
    decodeRows(slab, batch.rows, batch.capture, 0, hosts, segments);
  }
  reader.close();
  segments.sort();
  return segments;
}

interface Way {
  maxFlows?: number;
  /** Rows handed over at a time, each time in other memory. */
  portion?: number;
  /** The clock steps back after every so many portions. */
  stepAfter?: number;
}

/** The first rows of others, on their own. */
function portionOf(segments: Segments, from: number, to: number): Segments {
  const portion = new Segments(to - from);
  const s = new Segment();
  for (let row = from; row < to; row++) {
    segments.load(row, s);
    portion.push(s);
  }
  return portion;
}

/** All that a tracker has in memory after it has followed the segments, and what it then tells at the end. */
function followed(segments: Segments, hosts: Hosts, native: Native | undefined, way: Way = {}): unknown {
  const { maxFlows = MAX_FLOWS, portion = segments.count, stepAfter = Number.POSITIVE_INFINITY } = way;
  const tracker = new Tracker(hosts, [], { maxFlows, timeWait: TIME_WAIT, flows: false });
  const follower = new Follower(tracker, native);
  const { lone } = tracker.pending;
  lone.native = native;
  for (let from = 0, portions = 1; from < segments.count; from += portion, portions++) {
    const part = portionOf(segments, from, Math.min(from + portion, segments.count));
    follower.follow(part, part.count);
    tracker.reach(part.at(part.count - 1));
    if (portions % stepAfter === 0) tracker.step();
  }
  const { table, pairs, copies, wheel, opened, evicted, duplicates, now, epoch, segment, nextDue } = tracker;
  const memory = {
    flows: table.words.slice(),
    free: table.free.slice(0, table.freeCount),
    index: table.index.slice(),
    pairs: pairs.words.slice(),
    lone: [lone.words.slice(), lone.index.slice()],
    copies: [copies.packets.words, copies.packets.heads, copies.packets.ring].map(words => words.slice()),
    wheel: [wheel.heads.slice(), wheel.tails.slice(), wheel.state.slice()],
    counts: [opened, evicted, duplicates, now, epoch, nextDue],
    segment: { ...segment, found: 0 },
  };
  tracker.finish(tracker.now, () => {});
  return { ...memory, timeWaits: tracker.timeWaits.take() };
}

async function assertSame(inputs: readonly Input[], where: string, way?: Way): Promise<void> {
  const hosts = new Hosts();
  const segments = await segmentsOf(inputs, hosts);
  assert.deepEqual(followed(segments, hosts, addon, way), followed(segments, hosts, undefined, way), where);
}

test('every fixture', { skip }, async () => {
  for (const { name, inputs } of fixtures()) await assertSame(inputs, name);
});

test('random traffic, in portions, with clock steps, and where the table is full', { skip }, async () => {
  const way = fc.record({
    maxFlows: fc.constantFrom(3, MAX_FLOWS),
    portion: fc.constantFrom(1, 7, 64, 1000),
    stepAfter: fc.constantFrom(2, 5, Number.POSITIVE_INFINITY),
  });
  await fc.assert(
    fc.asyncProperty(randomTraffic(), way, async (frames, chosen) => {
      const bytes = pcap(frames, { nanos: true, linkType: 1 });
      await assertSame([{ name: 'random.pcap', bytes }], '', chosen);
    }),
    { numRuns: 300 },
  );
});

test('most of what comes is ordinary', { skip }, async () => {
  const ordinary = { rows: 0, of: 0 };
  const counting: Native = {
    ...addon!,
    follow(flows, from, to, due, epoch, areAwaited) {
      const next = addon!.follow(flows, from, to, due, epoch, areAwaited);
      ordinary.rows += next - from;
      return next;
    },
  };
  for (const { inputs } of fixtures()) {
    const hosts = new Hosts();
    const segments = await segmentsOf(inputs, hosts);
    ordinary.of += segments.count;
    followed(segments, hosts, counting);
  }
  assert.ok(ordinary.rows > ordinary.of / 3, `${ordinary.rows} of ${ordinary.of}`);
});
