import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { after, before, lastUpTo, s32 } from '../../src/base/serial.ts';

const HALF = 2 ** 31;
const number = fc.nat(2 ** 32 - 1);
/** As it is held: signed or unsigned. */
const held = fc.tuple(number, fc.boolean()).map(([n, signed]) => (signed ? n | 0 : n));

test('across the wrap the distance is one, not 2^32 − 1', () => {
  assert.equal(s32(0, 0xffff_ffff), 1);
  assert.equal(s32(0xffff_ffff, 0), -1);
  assert.ok(before(0xffff_ffff, 0));
  assert.ok(after(0, 0xffff_ffff));
});

test('at a distance of exactly 2^31 a number is both before and after the other, as in the kernel', () => {
  const far = fc.property(number, a => {
    const b = (a + HALF) % 2 ** 32;
    assert.ok(before(a, b) && after(a, b) && before(b, a) && after(b, a));
    assert.equal(s32(a, b), -HALF);
  });
  fc.assert(far);
});

test('one less than 2^31 ahead is after, one more is before', () => {
  const edge = fc.property(number, a => {
    const below = a + HALF - 1;
    const above = a + HALF + 1;
    assert.ok(after(below, a) && !before(below, a));
    assert.ok(before(above, a) && !after(above, a));
  });
  fc.assert(edge);
});

test('only the low 32 bits count: signed and unsigned mean the same', () => {
  const same = fc.property(held, held, (a, b) => {
    const exact = BigInt.asIntN(32, BigInt(a) - BigInt(b));
    assert.equal(s32(a, b), Number(exact));
    assert.equal(before(a, b), exact < 0n);
    assert.equal(after(a, b), before(b, a));
    assert.equal(s32(a >>> 0, b >>> 0), s32(a | 0, b | 0));
  });
  fc.assert(same);
});

test('what lies ahead by less than 2^31 stays ahead however both are shifted', () => {
  const shifted = fc.property(number, fc.integer({ min: 1, max: HALF - 1 }), number, (a, ahead, shift) => {
    const from = (a + shift) >>> 0;
    assert.ok(after(from + ahead, from));
    assert.ok(before(from, from + ahead));
  });
  fc.assert(shifted);
});

test('a number is found again by its low 32 bits as long as it is less than 2^32 back', () => {
  const found = fc.property(fc.nat(2 ** 31), number, fc.nat(2 ** 20), (back, low, high) => {
    const n = high * 2 ** 32 + low;
    assert.equal(lastUpTo(n % 2 ** 32, n + back), n);
  });
  fc.assert(found);
  assert.equal(lastUpTo(7, 7), 7);
  assert.equal(lastUpTo(2 ** 32 - 1, 2 ** 32 + 5), 2 ** 32 - 1);
});
