/** When packets were lost, as far as a counter that is looked at now and then tells. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Losses, missingFrom } from '../../src/capture/losses.ts';

test('a loss lies between the last look that did not count it and the first that did', () => {
  const losses = new Losses(0n);
  losses.counted(0, 10n);
  losses.counted(5, 20n);
  losses.counted(5, 30n);
  losses.counted(6, 40n);
  assert.deepEqual(losses.spans, [
    { from: 10n, to: 20n },
    { from: 30n, to: 40n },
  ]);
  assert.deepEqual(missingFrom({ incomplete: true, losses: losses.spans }, 10n).losses[1], { from: 20, to: 30 });
});

test('losses without end take eight spans, and each of them stays covered', () => {
  const losses = new Losses(0n);
  const lost: bigint[] = [];
  for (let i = 1; i <= 1_000; i++) {
    const at = BigInt(i * i);
    losses.counted(i, at);
    losses.counted(i, at + 1n);
    lost.push(at);
  }
  assert.equal(losses.spans.length, 8);
  assert.ok(lost.every(at => losses.spans.some(({ from, to }) => from <= at && at <= to)));
  assert.deepEqual(losses.spans.at(-1), { from: 999n * 999n + 1n, to: 1_000n * 1_000n });
});
