import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { duration, epochNanos, rfc3339, seconds } from '../../src/base/time.ts';

const DAY = 86_400e9;

test('an instant a nanosecond after midnight keeps its nanosecond', () => {
  assert.equal(rfc3339(0n), '1970-01-01T00:00:00.000000000Z');
  assert.equal(rfc3339(1_795_244_527_000_000_001n), '2026-11-21T07:02:07.000000001Z');
});

test('an instant before 1970 counts its fraction forwards', () => {
  assert.equal(rfc3339(-1n), '1969-12-31T23:59:59.999999999Z');
  assert.equal(rfc3339(-1_000_000_000n), '1969-12-31T23:59:59.000000000Z');
});

test('the last second that a database holds can be written', () => {
  assert.equal(rfc3339(2n ** 63n - 1n), '2262-04-11T23:47:16.854775807Z');
});

test('text and nanoseconds say the same of any instant', () => {
  const instant = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n - 1n });
  const same = fc.property(instant, nanos => {
    const [, whole, fraction] = /^(.*)\.(\d{9})Z$/.exec(rfc3339(nanos))!;
    assert.equal(BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(fraction!), nanos);
  });
  fc.assert(same);
});

test('nanoseconds are exact for 104 days on both sides of the origin', () => {
  const exact = fc.property(fc.nat(2 ** 32), fc.integer({ min: -104 * DAY, max: 104 * DAY }), (origin, at) => {
    assert.equal(epochNanos(origin, at), BigInt(origin) * 1_000_000_000n + BigInt(at));
  });
  fc.assert(exact);
});

test('a span is told in the unit that people would use', () => {
  for (const [span, told] of [
    [0, '0 µs'],
    [24_000, '24 µs'],
    [1_300_000, '1.3 ms'],
    [99_900_000, '99.9 ms'],
    [204_000_000, '0.204 s'],
    [9_999_000_000, '9.999 s'],
    [31e9, '31.0 s'],
    [150e9, '150.0 s'],
  ] as const) {
    assert.equal(duration(span), told);
  }
});

test('seconds lose the noise below a nanosecond', () => {
  assert.equal(seconds(0.1e9 + 0.2e9), 0.3);
  assert.equal(seconds(1_500_000_000.0000002), 1.5);
});
