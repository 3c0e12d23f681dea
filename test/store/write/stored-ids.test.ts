import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoredIds } from '../../../src/store/write/stored-ids.ts';

/** Hashes: every number below 2^32 has one of its own. */
const id = (i: number): string =>
  [0x9e3779b1, 0x85ebca6b].map(prime => (Math.imul(i, prime) >>> 0).toString(16).padStart(8, '0')).join('');

test('each of a quarter of a million ids is new once, the one of zeros as well', () => {
  const stored = new StoredIds();
  const ids = Array.from({ length: 250_000 }, (_, i) => id(i));
  assert.equal(ids[0], '0000000000000000');
  assert.equal(ids.filter(each => stored.isNew(each)).length, ids.length);
  assert.equal(ids.filter(each => stored.isNew(each)).length, 0);
});

test('ids that differ in one half or in one digit are different', () => {
  const stored = new StoredIds();
  for (const each of ['0123456789abcdef', '0123456789abcdee', '1123456789abcdef', '89abcdef01234567']) {
    assert.equal(stored.isNew(each), true);
    assert.equal(stored.isNew(each), false);
  }
});

test('of a run that does not end, the latest ids are known and the memory is bounded', () => {
  const stored = new StoredIds();
  for (let i = 0; i < 1_000_000; i++) {
    stored.isNew(id(i));
    if (i >= 200_000 && i % 1000 === 0) assert.equal(stored.isNew(id(i - 200_000)), false);
  }
  assert.equal(stored.isNew(id(1)), true);
});

test('what was undone is new again, however much else is taken back meanwhile', () => {
  const stored = new StoredIds();
  stored.isNew(id(0));
  stored.rollBack(id(0));
  for (let i = 1; i < 10_000; i++) stored.forget(id(i));
  assert.deepEqual([stored.isNew(id(0)), stored.isNew(id(0))], [true, false]);
});
