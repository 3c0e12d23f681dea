import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Heap } from '../../src/base/heap.ts';

test('an empty heap has nothing before +∞', () => {
  const heap = new Heap<string>();
  assert.equal(heap.first, Number.POSITIVE_INFINITY);
  assert.equal(heap.pop(), undefined);
  assert.equal(heap.first, Number.POSITIVE_INFINITY);
});

test('items come out in order of their keys, whatever goes in between', () => {
  /** A number goes in; undefined takes the first out. */
  const moves = fc.array(fc.option(fc.oneof(fc.nat(20), fc.double({ noNaN: true })), { nil: undefined }));
  const sorted = fc.property(moves, all => {
    const heap = new Heap<{ key: number }>();
    const model: number[] = [];
    for (const key of all) {
      if (key !== undefined) {
        heap.push(key, { key });
        model.push(key);
        model.sort((a, b) => a - b);
      } else assert.equal(heap.pop()?.key, model.shift());
      assert.equal(heap.first, model[0] ?? Number.POSITIVE_INFINITY);
    }
    while (model.length > 0) assert.equal(heap.pop()?.key, model.shift());
    assert.equal(heap.pop(), undefined);
  });
  fc.assert(sorted);
});

test('every item comes out once, also of equal keys', () => {
  const once = fc.property(fc.array(fc.nat(3)), keys => {
    const heap = new Heap<number>();
    for (const [item, key] of keys.entries()) heap.push(key, item);
    const out = keys.map(() => heap.pop()!);
    assert.deepEqual(
      out.toSorted((a, b) => a - b),
      [...keys.keys()],
    );
  });
  fc.assert(once);
});
