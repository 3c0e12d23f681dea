/** How many findings may be under way at a time, and what becomes of the oldest when there are more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attempt } from '../../../src/flow/stories/attempt.ts';
import { OpenStories } from '../../../src/flow/stories/open-stories.ts';

const SECOND = 1e9;
const ENDS = { pair: 0, scope: 0, clientIsB: false, client: 1, clientPort: 2, server: 3, serverPort: 4 };

/** The story of a SYN sent at `second`; its end is told to `ended`. */
function attemptAt(second: number, ended: number[]): Attempt {
  const syn = { at: second * SECOND, capture: 0, frame: 1, fromB: false, flags: 2, seq: 1, ack: 0 };
  const attempt = new Attempt({ ...syn, tsval: null, tsecr: null, length: 0 } as Attempt['syn'], ENDS);
  attempt.onSettled(() => ended.push(second));
  return attempt;
}

test('with more stories than there is room for the oldest open ones end early, and are counted', () => {
  const stories = new OpenStories(3);
  const ended: number[] = [];
  const attempts = [1, 2, 3, 4, 5].map(second => attemptAt(second, ended));
  for (const attempt of attempts) stories.begin(0, attempt);
  assert.ok(stories.crowded);
  stories.settle(attempts[0], 5 * SECOND);
  assert.deepEqual([ended, stories.evicted], [[1], 0], 'answered in time');
  stories.evict(6 * SECOND);
  assert.deepEqual([ended, stories.evicted, stories.crowded], [[1, 2], 1, false]);
  assert.equal(stories.oldest(), 3 * SECOND);
});

test('a story that is over is not told again when its time comes, and holds nothing back', () => {
  const stories = new OpenStories();
  const ended: number[] = [];
  const attempts = [1, 2].map(second => attemptAt(second, ended));
  for (const attempt of attempts) stories.begin(0, attempt);
  stories.settle(attempts[0], 2 * SECOND);
  assert.equal(stories.oldest(), 2 * SECOND);
  stories.settleDue(400 * SECOND);
  stories.settleAll(400 * SECOND);
  assert.deepEqual([ended, stories.oldest()], [[1, 2], Number.POSITIVE_INFINITY]);
});

test('what closed stories leave behind does not grow with their number: evicted ones, and those behind one that goes on', () => {
  const stories = new OpenStories(16);
  const ended: number[] = [];
  const bound = 2 * 17 + 1024;
  for (let i = 0; i < 5_000; i++) {
    stories.begin(0, attemptAt(1, ended));
    stories.evict(SECOND);
    assert.ok(stories.places <= bound, `${stories.places} places after ${i + 1} stories`);
  }
  assert.deepEqual([ended.length, stories.evicted], [4_984, 4_984]);

  const others = new OpenStories();
  const last: number[] = [];
  others.begin(0, attemptAt(1, last));
  for (let i = 2; i < 5_000; i++) {
    const attempt = attemptAt(i / 1000 + 1, last);
    others.begin(0, attempt);
    if (i % 100 !== 0) others.settle(attempt, 2 * SECOND);
    assert.ok(others.places <= 2 * 52 + 1024, `${others.places} places after ${i} stories`);
  }
  assert.equal(others.oldest(), SECOND, 'what has begun first still holds the others back');
  const before = last.length;
  others.settleDue(100 * SECOND);
  assert.deepEqual(
    last.slice(before),
    [1, ...Array.from({ length: 49 }, (_, i) => (i + 1) / 10 + 1)],
    'each once, in order',
  );
  assert.equal(others.oldest(), Number.POSITIVE_INFINITY);
});

test('a flow has open stories until the last of them ends, though another of its kind has taken the place of one', () => {
  const stories = new OpenStories();
  const ended: number[] = [];
  const [first, second] = [attemptAt(1, ended), attemptAt(2, ended)];
  const number = stories.begin(0, first);
  assert.equal(stories.begin(number, second), number);
  stories.settle(first, 3 * SECOND);
  assert.equal(stories.of(number)?.attempt, second);
  stories.settle(second, 3 * SECOND);
  assert.deepEqual([stories.of(number), ended], [undefined, [1, 2]]);
});
