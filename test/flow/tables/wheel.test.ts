import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SECOND } from '../../../src/base/time.ts';
import { layout } from '../../../src/flow/layout.ts';
import { ClosedFlows } from '../../../src/flow/tables/closed-flows.ts';
import { FlowTable } from '../../../src/flow/tables/flow-table.ts';
import { Pairs } from '../../../src/flow/tables/pairs.ts';
import { Wheel } from '../../../src/flow/tables/wheel.ts';

const { FLOW_WORDS } = layout.L;

/** Seconds of the wheel's circumference; later dues come up early and are put in again. */
const LENGTH = 1024;

interface Set {
  wheel: Wheel;
  /** Puts record `n` in, due at `due` seconds. */
  add(n: number, due: number): void;
  /** Lets time pass to `now` seconds; returns what came up. */
  advance(now: number): number[];
}

function wheelAt(start: number, records: number): Set {
  const table = new FlowTable(records);
  for (let i = 0; i < records; i++) table.allocate();
  const wheel = new Wheel(table, new ClosedFlows(table), new Pairs(1), 150 * SECOND);
  const advance = (now: number): number[] => {
    const up: number[] = [];
    wheel.advance(
      now * SECOND,
      base => up.push(base / FLOW_WORDS),
      base => up.push(base / FLOW_WORDS),
    );
    return up;
  };
  assert.deepEqual(advance(start), []);
  return { wheel, add: (n, due) => wheel.add(n * FLOW_WORDS, due * SECOND), advance };
}

test('a record comes up within a second of its due, never before', () => {
  const { add, advance } = wheelAt(0, 3);
  add(0, 10);
  add(1, 10.000000001);
  add(2, 9.5);
  assert.deepEqual(advance(9.99), []);
  assert.deepEqual(advance(10).sort(), [0, 2]);
  assert.deepEqual(advance(10.99), []);
  assert.deepEqual(advance(11), [1]);
});

test('a record is in once, however often it is put in', () => {
  const { wheel, add, advance } = wheelAt(0, 1);
  add(0, 5);
  add(0, 3);
  add(0, 500);
  assert.equal(wheel.size, 1);
  assert.deepEqual(advance(3), []);
  assert.deepEqual(advance(5), [0]);
  assert.equal(wheel.size, 0);
});

test('a due in the past comes up at the next second', () => {
  const { add, advance } = wheelAt(100, 1);
  add(0, 5);
  assert.deepEqual(advance(100.5), []);
  assert.deepEqual(advance(101), [0]);
});

test('a due beyond the length of the wheel comes up early, once', () => {
  const { wheel, add, advance } = wheelAt(0, 1);
  add(0, 5 * LENGTH);
  assert.deepEqual(advance(LENGTH - 2), []);
  assert.deepEqual(advance(LENGTH - 1), [0]);
  assert.equal(wheel.size, 0);
});

test('a silence longer than the wheel brings everything up at once', () => {
  const { add, advance } = wheelAt(0, 4);
  for (const n of [0, 1, 2, 3]) add(n, 1 + n * 300);
  assert.deepEqual(advance(1e6).sort(), [0, 1, 2, 3]);
});

test('a record that goes in again while its slot is visited waits for its new due', () => {
  const table = new FlowTable(1);
  const wheel = new Wheel(table, new ClosedFlows(table), new Pairs(1), 150 * SECOND);
  const base = table.allocate();
  const visits: number[] = [];
  const at = (now: number): void =>
    wheel.advance(
      now * SECOND,
      record => {
        visits.push(now);
        if (visits.length < 3) wheel.add(record, (now + 7) * SECOND);
      },
      () => {},
    );
  at(0);
  wheel.add(base, 4 * SECOND);
  for (let now = 1; now < 40; now++) at(now);
  assert.deepEqual(visits, [4, 11, 18]);
});

test('the first to come up is the first to be taken when room is needed', () => {
  const { wheel, add } = wheelAt(50, 3);
  assert.equal(wheel.takeFirst(), -1);
  add(0, 70);
  add(1, 60);
  add(2, 1000);
  const taken = [wheel.takeFirst(), wheel.takeFirst(), wheel.takeFirst(), wheel.takeFirst()];
  assert.deepEqual(
    taken.map(base => (base < 0 ? -1 : base / FLOW_WORDS)),
    [1, 0, 2, -1],
  );
});

test('a clock that steps back loses nothing and brings nothing up early', () => {
  const { wheel, add, advance } = wheelAt(1000, 2);
  add(0, 1100);
  assert.deepEqual(advance(-5000), []);
  add(1, -4990);
  assert.deepEqual(advance(-4991), []);
  assert.deepEqual(advance(-4990), [1]);
  let up: number[] = [];
  for (let now = -4989; now < 1200 && up.length === 0; now++) up = advance(now);
  assert.deepEqual(up, [0]);
  assert.equal(wheel.size, 0);
});

/** Moves the clock by so many seconds, and puts a record in that is due so much later. */
const move = fc.record({
  by: fc.oneof(
    { weight: 8, arbitrary: fc.double({ min: 0, max: 40, noNaN: true }) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 3 * LENGTH, noNaN: true }) },
  ),
  due: fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: -5, max: 200, noNaN: true }) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 3 * LENGTH, noNaN: true }) },
  ),
});

test('while time goes on, each record comes up once: not before its due, at most a tick after', () => {
  const timely = fc.property(fc.array(move, { maxLength: 60, size: 'max' }), moves => {
    const set = wheelAt(0, moves.length);
    const waiting = new Map<number, { due: number; limited: boolean }>();
    let now = 0;
    const pass = (to: number): void => {
      for (const n of set.advance(to)) {
        const { due, limited } = waiting.get(n)!;
        assert.ok(limited || due <= to, `due ${due} came up at ${to}`);
        waiting.delete(n);
      }
      now = to;
      for (const { due } of waiting.values()) assert.ok(now < due + 1 || now < 1, `due ${due} is still in at ${now}`);
    };
    for (const [n, { by, due }] of moves.entries()) {
      pass(now + by);
      // One that is overdue already waits for the next second.
      const at = Math.max(now + due, now);
      set.add(n, now + due);
      waiting.set(n, { due: at, limited: due > LENGTH - 2 });
      assert.equal(set.wheel.size, waiting.size);
    }
    pass(now + 10 * LENGTH);
    assert.equal(waiting.size, 0);
  });
  fc.assert(timely, { numRuns: 300 });
});
