/** RSTs after another RST of the connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../../src/detect/advice/index.ts';
import { type Conversation, exchange, handshake } from '../../../build/conversation.ts';
import { closedAndGone, resetAt, told } from '../told.ts';

/** An expired NAT entry: the gateway resets in the name of a client that knows nothing of it. */
test('the other end answers whoever goes on after an RST in its name', async () => {
  const goesOn = (after: number, flags: string): Conversation => {
    const c = exchange().wait(100).send('server', 'PA', { payload: 4 });
    c.bareRst('client', { seq: c.client.nxt, ttl: 64 });
    const goneOn = c.wait(after).send('client', flags, { payload: flags === 'PA' ? 5 : 0 });
    return goneOn.bareRst('server', { seq: c.server.nxt });
  };
  for (const [after, flags, classes] of [
    [3, 'PA', ['no-state', 'no-state']],
    [3, 'FA', ['no-state', 'no-state']],
    [60, 'PA', ['no-state', 'repeat']],
  ] as const) {
    const [first, second, ...more] = await told(goesOn(after, flags));
    assert.deepEqual([first!.evidence.class, second!.evidence.class, more.length], [...classes, 0]);
    assert.match(
      second!.title,
      /^The server resets in answer to what the client sent after an RST in the client's name/,
    );
    assert.equal((first!.evidence.hints as string[]).includes('middlebox-likely'), after === 3);
  }
});

test('nothing answers what came after an RST that changed nothing, if nothing came after it', async () => {
  const ignored = resetAt(exchange(), 'client', 50);
  const [first, second, ...more] = await told(ignored.wait(0.5).bareRst('server'));
  assert.deepEqual([first!.evidence.class, second!.evidence.class, more.length], ['challenged', 'no-state', 0]);
  assert.equal(second!.evidence.answers_resetter, undefined);
  assert.doesNotMatch(second!.title, /after an RST in the client's name/);
});

test("a firewall resets what the RST of the server had not: that one is the device's, and it counts", async () => {
  const story = closedAndGone(1).ack('client').fin('client').wait(0.02).finAgain('client');
  const firewall = { ttl: 255, bare: true };
  const [own, foreign, ...more] = await told(story.rstFrom('server', firewall));
  assert.deepEqual([own!.evidence.hints, own!.evidence.effective, more.length], [[], false, 0]);
  assert.deepEqual([foreign!.evidence.class, foreign!.evidence.effective], ['repeat', true]);
  assert.deepEqual(foreign!.evidence.hints, ['ttl', 'no-timestamp', 'middlebox-likely']);
  assert.equal(foreign!.confidence, 'strong');
  assert.match(foreign!.packets.at(-1)!.note, /TTL 255, before 64/);
});

test('the server resets once more where it counts, without a sign of anybody else', async () => {
  const story = closedAndGone(1).ack('client').fin('client');
  const [, again] = await told(story.bareRst('server', { seq: story.client.rcvNxt }));
  assert.deepEqual([again!.evidence.class, again!.evidence.effective], ['repeat', true]);
  assert.match(again!.title, /^The server resets again, now at the number that the client expects/);
  assert.equal(adviceFor(again!).askNext.startsWith('Nobody'), true);
});

test('an RST,ACK of untranslated sequence number, then a bare one to the challenge ACK: one sender, who guesses nothing', async () => {
  const c = exchange().fin('client').ack('server').wait(13);
  c.rstFrom('server', { seq: 3_612_663_531 }).ack('client').bareRst('server');
  const [ignored, second, ...more] = await told(c);
  assert.deepEqual([ignored!.evidence.class, ignored!.evidence.knows_connection], ['ineffective', true]);
  assert.match(ignored!.title, /acknowledges exactly what the client had sent: its sender knows the connection$/);
  assert.deepEqual([second!.evidence.effective, second!.evidence.answers_challenge, more.length], [true, true, 0]);
  assert.match(second!.title, /^The server resets again, now at the number of the client's challenge ACK/);
  assert.doesNotMatch(adviceFor(second!).meaning, /FIN|restart/);
});

test('what answers a challenge ACK soon after the handshake is no full accept queue', async () => {
  const [ignored, second, ...more] = await told(resetAt(handshake(), 'server', 50).ack('client').bareRst('server'));
  assert.deepEqual([ignored!.evidence.class, second!.evidence.class, more.length], ['challenged', 'no-state', 0]);
  assert.match(second!.title, /^The server resets again, now at the number of the client's challenge ACK/);
});
