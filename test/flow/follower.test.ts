/** What the addon follows is what TypeScript follows, to the last word of every record. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Input } from '../../src/capture/capture-info.ts';
import { addon, type Native } from '../../src/capture/native.ts';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import { Follower } from '../../src/flow/follower.ts';
import { layout } from '../../src/flow/layout.ts';
import { PAIR_WORDS, PairLayout } from '../../src/flow/pairs.ts';
import { TIME_WAIT } from '../../src/flow/time-wait.ts';
import { Tracker } from '../../src/flow/tracker.ts';
import { decodeRows } from '../../src/wire/decode-rows.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Locator } from '../../src/wire/locate.ts';
import { Segments } from '../../src/wire/segments.ts';
import { fixtures } from '../build/fixtures.ts';
import { pcap } from '../build/pcap.ts';
import { randomTraffic } from '../build/random-traffic.ts';

const skip = addon === undefined ? 'skipped: needs the addon (a C compiler)' : false;
const { L, Phase, FlowBit, SideBit } = layout;
const MAX_FLOWS = 256;

test('records of flows and pairs lie in C as they do in TypeScript', () => {
  const source = readFileSync(new URL('../../../native/flow.h', import.meta.url), 'utf8');
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

interface Memory {
  flows: Int32Array;
  pairs: Int32Array;
  index: Int32Array;
  copies: Int32Array;
  wheel: Int32Array;
  counts: readonly number[];
  timeWaits: unknown;
}

function followed(segments: Segments, hosts: Hosts, native: Native | undefined, maxFlows: number): Memory {
  const tracker = new Tracker(hosts, [], { maxFlows, timeWait: TIME_WAIT, flows: false });
  new Follower(tracker, native).follow(segments, segments.count);
  const { table, pairs, copies, wheel, opened, evicted, duplicates, now } = tracker;
  const memory = {
    flows: table.words.slice(),
    pairs: pairs.words.slice(),
    index: table.index.slice(),
    copies: copies.packets.words.slice(),
    wheel: wheel.heads.slice(),
    counts: [opened, evicted, duplicates, now, wheel.size],
  };
  tracker.finish(tracker.now, () => {});
  return { ...memory, timeWaits: tracker.timeWaits.take() };
}

async function assertSame(inputs: readonly Input[], where: string, maxFlows = MAX_FLOWS): Promise<void> {
  const hosts = new Hosts();
  const segments = await segmentsOf(inputs, hosts);
  const inTypeScript = followed(segments, hosts, undefined, maxFlows);
  assert.deepEqual(followed(segments, hosts, addon, maxFlows), inTypeScript, where);
}

test('every fixture', { skip }, async () => {
  for (const { name, inputs } of fixtures()) await assertSame(inputs, name);
});

test('random traffic, also where the table is full', { skip }, async () => {
  await fc.assert(
    fc.asyncProperty(randomTraffic(), fc.constantFrom(3, MAX_FLOWS), async (frames, maxFlows) => {
      const bytes = pcap(frames, { nanos: true, linkType: 1 });
      await assertSame([{ name: 'random.pcap', bytes }], '', maxFlows);
    }),
    { numRuns: 300 },
  );
});

test('most of what comes is ordinary', { skip }, async () => {
  const ordinary = { rows: 0, of: 0 };
  const counting: Native = {
    ...addon!,
    follow(flows, from, to, due, epoch) {
      const next = addon!.follow(flows, from, to, due, epoch);
      ordinary.rows += next - from;
      return next;
    },
  };
  for (const { inputs } of fixtures()) {
    const hosts = new Hosts();
    const segments = await segmentsOf(inputs, hosts);
    ordinary.of += segments.count;
    followed(segments, hosts, counting, MAX_FLOWS);
  }
  assert.ok(ordinary.rows > ordinary.of / 3, `${ordinary.rows} of ${ordinary.of}`);
});
