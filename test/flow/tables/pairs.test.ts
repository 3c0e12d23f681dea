import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PairLayout, Pairs, pairHash } from '../../../src/flow/tables/pairs.ts';

const P = PairLayout;

type Key = readonly [number, number, number];
interface Held {
  slot: number;
  flows: number;
  /** What the pair was told to remember. */
  mark: number;
}

const keyOf = (n: number): Key => [n >>> 3, -(n & 7), n % 3];
const step = fc.tuple(fc.constantFrom('hold', 'hold', 'drop'), fc.nat(120));

test('a pair is remembered for as long as a flow holds it, and no longer', () => {
  const same = fc.property(fc.array(step, { maxLength: 500, size: 'max' }), fc.boolean(), (steps, collide) => {
    const pairs = new Pairs(256);
    // Records move in the index by their own hash, so collisions come from keys, not from a hash of the test's.
    const model = new Map<string, Held>();
    for (const [i, [act, n]] of steps.entries()) {
      const key = keyOf(collide ? n & 7 : n);
      const held = model.get(String(key));
      if (act === 'hold') {
        const slot = pairs.hold(pairHash(...key), ...key, 0);
        const at = pairs.direction(slot, false) + P.S_TS;
        if (held === undefined) {
          assert.equal(pairs.words[at], 0, 'a new pair remembers nothing');
          assert.ok(!pairs.heard(slot, false) && !pairs.heard(slot, true));
          pairs.words[at] = i + 1;
          pairs.hear(slot, i % 2 === 1);
          model.set(String(key), { slot, flows: 1, mark: i + 1 });
        } else {
          assert.equal(slot, held.slot);
          held.flows++;
        }
      } else if (held !== undefined) {
        pairs.drop(held.slot);
        if (--held.flows === 0) model.delete(String(key));
      }
    }
    for (const { slot, mark } of model.values()) {
      assert.equal(pairs.words[pairs.direction(slot, false) + P.S_TS], mark);
      assert.ok(pairs.heard(slot, mark % 2 === 0));
      assert.ok(!pairs.heard(slot, mark % 2 === 1));
    }
    const listed: string[] = [];
    let low: number | undefined;
    pairs.forEachHost((host, scope) => {
      if (low === undefined) low = host;
      else {
        listed.push(String([low, host, scope]));
        low = undefined;
      }
    });
    assert.deepEqual(listed.sort(), [...model.keys()].sort());
  });
  fc.assert(same, { numRuns: 200 });
});

test('thousands of pairs keep what each was told', () => {
  const pairs = new Pairs(256);
  const COUNT = 10_000;
  const hold = (n: number): number => pairs.hold(pairHash(n, -n, 0), n, -n, 0, 0);
  for (let n = 0; n < COUNT; n++) {
    const block = pairs.direction(hold(n), true);
    pairs.words[block + P.R_TS] = n;
    pairs.doubles[(block + P.R_AT) >> 1] = n / 2;
  }
  for (let n = 0; n < COUNT; n++) {
    const block = pairs.direction(hold(n), true);
    assert.equal(pairs.words[block + P.R_TS], n);
    assert.equal(pairs.doubles[(block + P.R_AT) >> 1], n / 2);
  }
});

test('after a clock step the times of a pair are forgotten, but not who was heard', () => {
  const pairs = new Pairs(256);
  const slot = pairs.hold(1, 1, 2, 0, 0);
  pairs.hear(slot, true);
  pairs.words[pairs.direction(slot, false) + P.R_FLOW] = 1;
  pairs.words[pairs.direction(slot, true) + P.S_FLAGS] = P.S_VALID;
  pairs.refresh(slot, 0);
  assert.equal(pairs.words[pairs.direction(slot, false) + P.R_FLOW], 1);
  assert.equal(pairs.hold(1, 1, 2, 0, 1), slot);
  assert.equal(pairs.words[pairs.direction(slot, false) + P.R_FLOW], 0);
  assert.equal(pairs.words[pairs.direction(slot, true) + P.S_FLAGS], 0);
  assert.ok(pairs.heard(slot, true) && !pairs.heard(slot, false));
});
