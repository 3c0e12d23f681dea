import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoredIds } from '../../src/store/stored-ids.ts';

/** Hashes: every number below 2^32 has one of its own. */
const id = (i: number): string =>
  [0x9e3779b1, 0x85ebca6b].map(prime => (Math.imul(i, prime) >>> 0).toString(16).padStart(8, '0')).join('');

test('each of a quarter of a million ids is new once, the one of zeros as well', () => {
  const told = new StoredIds();
  const ids = Array.from({ length: 250_000 }, (_, i) => id(i));
  assert.equal(ids[0], '0000000000000000');
  assert.equal(ids.filter(each => told.isNew(each)).length, ids.length);
  assert.equal(ids.filter(each => told.isNew(each)).length, 0);
});

test('ids that differ in one half or in one digit are different', () => {
  const told = new StoredIds();
  for (const each of ['0123456789abcdef', '0123456789abcdee', '1123456789abcdef', '89abcdef01234567']) {
    assert.equal(told.isNew(each), true);
    assert.equal(told.isNew(each), false);
  }
});

test('of a run that does not end, the latest ids are known and the memory is bounded', () => {
  const told = new StoredIds();
  for (let i = 0; i < 1_000_000; i++) {
    told.isNew(id(i));
    if (i >= 200_000 && i % 1000 === 0) assert.equal(told.isNew(id(i - 200_000)), false);
  }
  assert.equal(told.isNew(id(1)), true);
});

test('what was undone is new again, however much else is taken back meanwhile', () => {
  const told = new StoredIds();
  told.isNew(id(0));
  told.isUntold(id(0));
  for (let i = 1; i < 10_000; i++) told.forget(id(i));
  assert.deepEqual([told.isNew(id(0)), told.isNew(id(0))], [true, false]);
});
