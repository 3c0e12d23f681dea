/** When data without an acknowledgement is told, and how long it is watched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../../build/conversation.ts';
import { evidence, follow } from '../follow.ts';

/** Retransmissions and seconds of each finding on data that is sent again so many seconds after the first time. */
async function sentAgain(...after: readonly number[]): Promise<unknown[]> {
  const c = exchange();
  const lost = { payload: 10, seq: c.client.nxt, lost: true };
  const start = c.send('client', 'PA', lost).last.t;
  for (const seconds of after) {
    c.now = start + seconds;
    c.send('client', 'PA', lost);
  }
  return evidence(await follow(c), 'unanswered-data').map(e => [e.retransmissions, e.lasted]);
}

test('three retransmissions within less than three seconds are no news', async () => {
  assert.deepEqual(await sentAgain(0.5, 1.5, 2.9), []);
  assert.deepEqual(await sentAgain(0.5, 1.5, 3.1), [[3, 3.1]]);
});

test('after 130 seconds of silence the story is over', async () => {
  assert.deepEqual(await sentAgain(1, 3, 7, 135), [[4, 135]]);
  assert.deepEqual(await sentAgain(1, 3, 7, 139), [[3, 7]]);
});
