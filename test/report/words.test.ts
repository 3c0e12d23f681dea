import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, counted, endpoint, firstOf, percent, span, thousands } from '../../src/report/words.ts';

test('numbers and spans are written for people', () => {
  assert.equal(thousands(1_234_567), '1,234,567');
  assert.equal(thousands(999), '999');
  assert.equal(counted(1, 'flow'), '1 flow');
  assert.equal(percent(0, 0), '0 %');
  assert.equal(bytes(1023), '1023 bytes');
  assert.equal(bytes(1_048_576), '1.0 MiB');
  assert.equal(span(1_500_000n), '1.500 ms');
  assert.equal(span(59_900_000_000n), '59.900 s');
  assert.equal(span(7_500_000_000_000n), '2 h 5 min');
  assert.equal(span(1_000_000_000_000_000n), '11 d 13 h');
  assert.equal(endpoint('2001:db8::1', 443), '[2001:db8::1]:443');
});

test('of many names the first are listed and the others counted, but never a single one', () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `${i}`);
  assert.equal(firstOf(names.slice(0, 1)), '0');
  assert.equal(firstOf(names.slice(0, 4)), '0, 1, 2, 3');
  assert.equal(firstOf(names.slice(0, 5)), '0, 1, 2 and 2 more');
  assert.equal(firstOf(names), '0, 1, 2 and 1,997 more');
});
