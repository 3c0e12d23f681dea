import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SCOPE_IPV6 } from '../../src/capture/slab.ts';
import { Segment } from '../../src/wire/segment.ts';
import { Segments } from '../../src/wire/segments.ts';

const int32 = fc.integer();
const u16 = fc.nat(0xffff);

/** Every field over its whole range. */
const anySegment = fc
  .record({
    at: fc.nat(5),
    capture: fc.oneof(fc.nat(2), u16),
    frame: fc.nat(2 ** 32 - 1),
    src: int32,
    dst: int32,
    ports: int32,
    scope: int32,
    seq: int32,
    ack: int32,
    flags: fc.nat(255),
    length: u16,
    window: u16,
    timestamps: fc.nat(2),
    tsval: int32,
    tsecr: int32,
    windowScale: fc.nat(15),
    mss: u16,
    synOptions: int32,
    ttl: fc.nat(255),
    ipId: u16,
    tuple: int32,
    fingerprint: int32,
    fingerprint2: int32,
  })
  .map(fields => Object.assign(new Segment(), fields));

const load = (waiting: Segments, row: number): Segment => {
  const segment = new Segment();
  waiting.load(row, segment);
  return segment;
};
const rows = (waiting: Segments): Segment[] => Array.from({ length: waiting.count }, (_, row) => load(waiting, row));
const byPlace = (a: Segment, b: Segment): number => a.at - b.at || a.capture - b.capture || a.frame - b.frame;

test('a segment comes back as it went in, also when the buffer has grown', () => {
  const same = fc.property(fc.array(anySegment), segments => {
    const waiting = new Segments(1);
    for (const segment of segments) waiting.push(segment);
    assert.deepEqual(rows(waiting), segments);
  });
  fc.assert(same);
});

test('segments go on in order of time, capture and frame', () => {
  const sorted = fc.property(fc.array(anySegment), segments => {
    const waiting = new Segments(4);
    for (const segment of segments) waiting.push(segment);
    waiting.sort();
    const places = (all: readonly Segment[]): unknown => all.map(({ at, capture, frame }) => [at, capture, frame]);
    assert.deepEqual(places(rows(waiting)), places(segments.toSorted(byPlace)));
  });
  fc.assert(sorted);
});

test('what is due goes, what is later waits', () => {
  const split = fc.property(fc.array(anySegment), fc.integer({ min: -1, max: 6 }), (segments, limit) => {
    const waiting = new Segments(4);
    for (const segment of segments.toSorted(byPlace)) waiting.push(segment);
    const due = waiting.upTo(limit);
    assert.equal(due, segments.filter(({ at }) => at <= limit).length);
    waiting.drop(due);
    assert.deepEqual(
      rows(waiting).map(({ at }) => at),
      segments
        .map(({ at }) => at)
        .filter(at => at > limit)
        .sort((a, b) => a - b),
    );
  });
  fc.assert(split);
});

test('both hosts of what waits are named, with their family', () => {
  const waiting = new Segments(4);
  waiting.push(Object.assign(new Segment(), { src: 1, dst: 2, scope: SCOPE_IPV6 }));
  waiting.push(Object.assign(new Segment(), { src: 3, dst: 4, scope: 7 }));
  const named: number[][] = [];
  waiting.forEachHost((host, scope) => named.push([host, scope]));
  assert.deepEqual(named, [
    [1, SCOPE_IPV6],
    [2, SCOPE_IPV6],
    [3, 7],
    [4, 7],
  ]);
});
