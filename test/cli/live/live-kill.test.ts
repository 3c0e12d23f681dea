import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAfter } from '../../build/kill.ts';
import { needsTcpdump, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { chatter, serveChat } from '../../build/traffic.ts';

test('killed in the middle of traffic, live leaves a whole database with every finding older than 2 s', {
  skip: needsTcpdump,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await serveChat(t, server);
  let allDue = 0;
  for (const seconds of [0.3, 2.9, 6.1]) {
    const killed = await killAfter(t, server, cwd, seconds, () => chatter(t, client));
    const { due, missing, streamedOnly, integrity } = killed;
    assert.equal(integrity, 'ok');
    assert.deepEqual(missing, []);
    assert.equal(streamedOnly, 0, 'what was streamed had been stored');
    if (seconds < 2) assert.equal(due, 0, 'nothing is due yet');
    allDue += due;
  }
  assert.ok(allDue > 0, 'nothing was ever due, so nothing was shown');
});
