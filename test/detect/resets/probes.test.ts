/** What is a keep-alive probe, and what only looks like one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conversation, exchange, handshake } from '../../build/conversation.ts';
import { told } from './told.ts';

test('one byte of new data, acknowledged at once, is no keep-alive probe', async () => {
  for (const wait of [3, 90]) {
    const c = handshake().wait(1).send('server', 'PA', { payload: 1 }).ack('client').wait(wait).rstFrom('server');
    const [finding] = await told(c);
    assert.equal(finding!.evidence.probed, undefined);
    assert.match(finding!.title, /^The server aborts the connection/);
    assert.ok((finding!.evidence.hints as string[]).includes('linger0'));
  }
  const lost = handshake().wait(1).send('server', 'PA', { payload: 1, lost: true }).wait(3).rstFrom('server');
  assert.equal((await told(lost))[0].evidence.probed, undefined, 'nor is one that is never acknowledged');
});

test('a keep-alive probe that was answered, or that an abort follows at once, is not what ends the connection', async () => {
  const probe = (c: Conversation): Conversation => c.wait(60).send('server', 'A', { seq: c.server.nxt - 1 });
  for (const c of [probe(exchange()).ack('client').wait(5), probe(exchange()).wait(0.02)]) {
    const [finding] = await told(c.rstFrom('server'));
    assert.equal(finding!.evidence.probed, undefined);
    assert.match(finding!.title, /^The server aborts the connection/);
  }
});
