/** However many lists there are, no more is kept than there is room for, and each keeps its first items. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedLists } from '../../../src/detect/memory/bounded-lists.ts';

test('as long as there is room each has its most', () => {
  const kept = new BoundedLists<number>(1000, 4, 2, () => assert.fail('nothing is lost'));
  const list = kept.begin(0)!;
  for (const item of [1, 2, 3]) assert.ok(kept.add(list, item));
  assert.ok(!kept.add(list, 4));
  assert.deepEqual([list, kept.size], [[0, 1, 2, 3], 4]);
  kept.drop(list);
  assert.equal(kept.size, 0);
});

test('where it runs out the long ones become shorter; then no more begin, and what had to go is told', () => {
  let lost = 0;
  const kept = new BoundedLists<number>(64, 16, 2, items => (lost += items));
  let taken = 0;
  const lists: number[][] = [];
  for (let i = 0; i < 40; i++) {
    const list = kept.begin(0);
    if (list === undefined) continue;
    lists.push(list);
    taken++;
    for (let item = 1; item < 16; item++) if (kept.add(list, item)) taken++;
    assert.ok(kept.size <= 64, `${kept.size}`);
  }
  assert.equal(
    lists.reduce((sum, { length }) => sum + length, 0),
    kept.size,
  );
  assert.ok(lists.every(list => list.length >= 1 && list.length <= 2 && list[0] === 0));
  assert.equal(lists.length, 32);
  assert.ok(lost >= taken - kept.size);
});
