import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../src/base/time.ts';
import { addon } from '../../src/capture/native.ts';
import { BoundMemory } from '../../src/flow/bound-memory.ts';
import { layout } from '../../src/flow/layout.ts';
import { FlowTable } from '../../src/flow/tables/flow-table.ts';
import { pairHash } from '../../src/flow/tables/pairs.ts';
import { Tracker } from '../../src/flow/tracker.ts';
import { hashTuple, isFromB, orderedPorts } from '../../src/wire/fingerprint.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Segment } from '../../src/wire/segment.ts';
import { Segments } from '../../src/wire/segments.ts';
import { Flag } from '../../src/wire/tcp.ts';
import { generator } from '../build/clock-hosts.ts';

const { L } = layout;
const skip = addon === undefined ? 'skipped: needs the addon (a C compiler)' : false;
const COUNT = 20_000;

/** A segment of one of few hosts, so that there are both flows and strangers among them. */
function anySegment(next: () => number): Segment {
  const s = new Segment();
  const upTo = (n: number): number => Math.floor(next() * n);
  s.src = upTo(8) - 4;
  s.dst = upTo(8) - 4;
  s.ports = (upTo(8) << 16) | upTo(8);
  s.scope = upTo(2);
  s.flags = upTo(2) === 0 ? Flag.SYN : Flag.ACK;
  hashTuple(s);
  return s;
}

test('what is found ahead of time is what is found, while flows come and go', { skip }, () => {
  const next = generator(1);
  const tracker = new Tracker(new Hosts(), [], { maxFlows: COUNT, timeWait: 60 * SECOND, flows: false });
  const { table, pairs } = tracker;
  const memory = new BoundMemory(tracker, addon!);
  const segments = new Segments(1);
  const s = new Segment();
  let hits = 0;
  for (let i = 0; i < COUNT; i++) segments.push(anySegment(next));
  for (let row = 0; row < COUNT; row++) {
    memory.lookAhead(segments, row, row + 1);
    segments.load(row, s);
    const fromB = isFromB(s);
    const [hostA, hostB] = fromB ? [s.dst, s.src] : [s.src, s.dst];
    const ports = orderedPorts(s.ports, fromB);
    const base = table.find(s.tuple, hostA, hostB, ports, s.scope);
    assert.equal(table.find(s.tuple, hostA, hostB, ports, s.scope, s.found), base);
    if (base >= 0) {
      hits++;
      assert.equal(s.found, base + 1);
      if (next() < 0.5) {
        table.remove(s.tuple, base);
        table.release(base);
      }
    } else {
      assert.equal(s.found, -1);
      const made = table.allocate();
      table.words.set([hostA, hostB, ports, s.scope], made);
      table.words[made + L.PAIR] = pairs.hold(pairHash(hostA, hostB, s.scope), hostA, hostB, s.scope, 0);
      table.insert(s.tuple, made);
    }
  }
  assert.ok(hits > COUNT / 10);
});

test('a record that has gone to another flow, or to none, is not taken for the one that was found', () => {
  const table = new FlowTable(8);
  const [one, two] = [table.allocate(), table.allocate()];
  table.words.set([1, 2, 3, 0], one);
  table.words.set([1, 2, 4, 0], two);
  table.insert(77, one);
  table.insert(78, two);
  assert.equal(table.find(77, 1, 2, 3, 0, two + 1), one);
  table.remove(77, one);
  table.release(one);
  assert.equal(table.find(77, 1, 2, 3, 0, one + 1), -1);
});
