/** A full accept queue that shows itself by silence alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../build/conversation.ts';
import { accept, later, only, others, picked, told, tries } from './told.ts';

/** Taken at second 0, its request acknowledged at once, and answered by the application after `answered` seconds. */
function waiting(answered: number, request = 100): Conversation {
  const c = new Conversation().handshake();
  if (request > 0) c.send('client', 'PA', { payload: request }).ack('server');
  return c.wait(answered).send('server', 'PA', { payload: 500 }).ack('client').serverCloses();
}

test('accept-queue, perhaps: who was taken last waits for the application, and nobody is taken meanwhile', async () => {
  const late = (times: readonly number[]): Conversation => accept(tries(times, { clientPort: 40_002, at: 0.5 }));
  const finding = await only(waiting(4), late([1, 2, 3, 4]), later());
  assert.deepEqual(picked(finding), ['accept-queue', 5, 'linear', 'notice', 'weak']);
  assert.match(finding.title, /a full accept queue, perhaps: .* no answer in 3\.\d+ s \(an outage looks the same\)/);
  assert.match(finding.packets[0].note, /accepted before, and still without an answer/);
  const never = await only(waiting(9), tries([1, 2, 3], { clientPort: 40_002, at: 0.5 }), later(10));
  assert.deepEqual(picked(never), ['accept-queue', 4, 'linear', 'warning', 'weak']);
  const together = await told(
    waiting(4),
    late([1, 2, 3, 4]),
    accept(tries([1, 2, 3, 4.1], { at: 0.51, clientPort: 40_004 })),
    later(),
  );
  assert.deepEqual(
    together.map(f => f.evidence.cause),
    ['accept-queue', 'accept-queue'],
    'who is let in a moment earlier speaks against nothing',
  );
});

test('no full accept queue: an idle connection, one that is answered, others that are taken, too few SYNs', async () => {
  const cause = async (...stories: Conversation[]): Promise<unknown> => {
    const found = await told(...stories, later());
    return found.find(f => f.clientPort === 40_002)!.evidence.cause;
  };
  const late = (times: readonly number[]): Conversation => accept(tries(times, { clientPort: 40_002, at: 0.5 }));
  assert.equal(await cause(waiting(4, 0), late([1, 2, 3, 4])), 'unknown', 'nothing was asked of the application');
  assert.equal(await cause(waiting(2), late([1, 2, 3, 4])), 'unknown', 'the application answers meanwhile');
  assert.equal(await cause(waiting(9), ...others(1, 3), late([1, 2, 3, 4])), 'unknown', 'others are taken');
  assert.equal(await cause(waiting(4), late([1, 2])), 'unknown', 'two SYNs may be lost');
  const port81 = accept(tries([1, 2, 3, 4], { clientPort: 40_002, at: 0.5, serverPort: 81 }));
  assert.equal(await cause(waiting(9), port81), 'unknown', 'another port');
});

test('no full accept queue where SYN-ACKs are missing that its timer sends', async () => {
  const c = new Conversation().handshake();
  const first = c.client.nxt;
  for (const gap of [0, 0.2, 0.4, 0.8]) c.wait(gap).send('client', 'PA', { payload: 10, seq: first });
  c.send('server', 'SA', { seq: c.server.nxt - 1 }).ack('client');
  // Others would be due two and six seconds later.
  for (const gap of [2, 5]) c.wait(gap).send('client', 'PA', { payload: 10, seq: first });
  const finding = await only(c.ack('server'), later());
  assert.deepEqual(picked(finding), ['unknown', 1, undefined, 'notice', 'weak']);
  assert.match(finding.title, /a path that loses packets, as SYN-ACKs are missing/);
});
