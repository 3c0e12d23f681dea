/** Advice on RSTs without effect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { exchange, serverCloses } from '../../build/conversation.ts';
import { advised, resetAt } from '../resets/told.ts';

test('what a receiver makes of an RST that it should ignore is not told as seen', async () => {
  for (const story of [resetAt(exchange(), 'client', -100_000), resetAt(serverCloses(), 'client', 1)]) {
    const { finding } = await advised(story);
    const { meaning } = adviceFor(finding);
    assert.match(meaning, /should ignore it|should not end that/);
    assert.doesNotMatch(meaning, /receiver ignores|goes on/);
  }
});
