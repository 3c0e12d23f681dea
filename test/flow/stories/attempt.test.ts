/** How long an attempt without an answer is watched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../build/conversation.ts';
import { evidence, follow } from '../follow.ts';

/** SYNs every 50 s from the first minute on, while the capture goes on for ten. */
async function watched(upTo: number): Promise<unknown[]> {
  const attempt = new Conversation().syn();
  const start = attempt.last.t;
  for (let at = 60; at <= upTo; at += 50) {
    attempt.now = start + at;
    attempt.synAgain();
  }
  const later = new Conversation({ client: '192.0.2.99:5', at: 700 }).handshake();
  return evidence(await follow([attempt, later]), 'unanswered-syn').map(e => [e.syns, e.watched]);
}

test('75 seconds after its last SYN, but no longer than five minutes', async () => {
  assert.deepEqual(await watched(210), [[5, 285]]);
  assert.deepEqual(await watched(260), [[6, 300]]);
});
