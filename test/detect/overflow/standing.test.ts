/** How many TIME_WAITs a host has at each second, summed over what has ended and what has not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAt, stepsOf } from '../../../src/detect/overflow/standing.ts';

test('the changes of all peers, ended or still there, add up second by second', () => {
  const ended = [
    { seconds: [1, 3], count: [2, 0] },
    { seconds: [2, 3], count: [5, 1] },
  ];
  const standing = [
    [2, 1],
    [2, 1],
  ] as const;
  assert.deepEqual(stepsOf(ended, standing), [
    [1, 2],
    [2, 9],
    [3, 3],
  ]);
});

test('a step lasts until the next one, and before the first there is none', () => {
  const steps = stepsOf([{ seconds: [10, 20], count: [4, 7] }], []);
  assert.deepEqual(
    [9, 10, 19, 20, 99].map(second => openAt(steps, second)),
    [0, 4, 4, 7, 7],
  );
});
