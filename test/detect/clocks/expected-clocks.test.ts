/** Which connections may change what the clocks of a client were judged to be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../../src/base/time.ts';
import type { ClockSample } from '../../../src/detect/clocks/clock-sample.ts';
import { clockVerdict } from '../../../src/detect/clocks/clock-verdict.ts';
import { ExpectedClocks } from '../../../src/detect/clocks/expected-clocks.ts';

const HZ = 1000;

/** A connection from a clock that stood at `boot` when the capture began. */
const on = (boot: number, second: number): ClockSample => ({
  at: second * SECOND,
  tsval: (boot + second * HZ) | 0,
  lastAt: second * SECOND,
  lastTsval: (boot + second * HZ) | 0,
  clientPort: 40_000 + second,
  serverPort: 443,
  isn: second * 7919,
  tsecr: 0,
  ttl: 64,
  mss: 1460,
  windowScale: 7,
  options: 1,
  flags: 2,
  length: 0,
  capture: 0,
  frame: second,
});

const after = (...samples: ClockSample[]): ExpectedClocks => ExpectedClocks.after(clockVerdict(samples));
const changes = (expected: ExpectedClocks, { at, tsval }: ClockSample): string => expected.changes(at, tsval);

test('a connection on the one clock of its client changes nothing, however long after the others', () => {
  const expected = ExpectedClocks.afterFirst(0, 5_000);
  for (const second of [1, 600, 80_000]) assert.equal(changes(expected, on(5_000, second)), 'no');
});

test('one on another clock may make two of what was one', () => {
  assert.equal(changes(ExpectedClocks.afterFirst(0, 5_000), on(9_000_000, 10)), 'soon');
});

test('one on a clock that was left may show that two hosts share the address', () => {
  const old = [1, 2, 3, 4, 5, 6].map(second => on(5_000, second));
  const fresh = [10, 11, 12].map(second => on(9_000_000, second));
  const expected = after(...old, ...fresh);
  assert.equal(changes(expected, on(9_000_000, 20)), 'no');
  assert.equal(changes(expected, on(5_000, 21)), 'soon');
});

test('of a client with a clock for each connection another clock tells no more', () => {
  const samples = Array.from({ length: 40 }, (_, i) => on(i * 77_777_777, i));
  assert.equal(changes(after(...samples), on(1_234_567_890, 50)), 'in-time');
});
