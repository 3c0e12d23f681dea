import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../build/conversation.ts';
import { follow } from './follow.ts';

test('SYNs that are answered at once do not count as unanswered because the table of flows is full', async () => {
  const talks = Array.from({ length: 1_500 }, (_, i) =>
    new Conversation({ clientPort: 20_000 + i, at: i / 1_000, rtt: 20e-6 }).syn().synAck().rstFrom('client'),
  );
  const { tally } = await follow(talks);
  assert.ok(tally['evicted.flows']! > 0);
  assert.deepEqual([tally['syns.unanswered'], tally.flows], [undefined, 1_500]);
});
