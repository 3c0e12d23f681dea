/** Handshakes that are complete for the client alone: a full accept queue, or packets lost on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { Conversation } from '../../build/conversation.ts';
import { accept, later, only, others, picked, stalled, told, tries } from './told.ts';

test('accept-queue: SYN-ACK repeated and data unanswered; explains SYNs to that port as well', async () => {
  const full = await only(stalled({}, 3, true), later());
  assert.deepEqual(picked(full), ['accept-queue', 1, undefined, 'warning', 'strong']);
  assert.match(
    full.title,
    /^The server repeats its SYN-ACK after the client's ACK, and goes on 3\.\d+ s after the SYN/,
  );
  const dropped = tries([1, 3], { clientPort: 40_002, at: 1 });
  const both = await told(stalled({}, 3, true), dropped, later());
  assert.deepEqual(both.map(picked), [
    ['accept-queue', 3, 'classic', 'warning', 'strong'],
    ['accept-queue', 1, undefined, 'warning', 'strong'],
  ]);
  const elsewhere = await told(stalled({}, 3, true), tries([1, 3], { serverPort: 81, at: 1 }), later());
  assert.ok(elsewhere.some(f => f.evidence.cause === 'unknown'));
});

/** As Linux 6.14 and newer do, and all others where the ACK never comes: the SYN-ACK goes on echoing the SYN. */
function echoesSyn(stall: Conversation): Conversation {
  const syn = stall.packets[0].tsval!;
  for (const packet of stall.packets) if (packet.flags === 'SA') packet.tsecr = syn;
  return stall;
}

test("a path that eats the client's ACKs looks like a full accept queue: title, meaning, checks and change name both", async () => {
  const either = await only(echoesSyn(stalled({}, 3, true)), later());
  assert.deepEqual(picked(either), ['accept-queue', 1, undefined, 'warning', 'strong']);
  assert.match(
    either.title,
    /a full accept queue at the server, or a path that drops what the client sends after its SYN/,
  );
  assert.equal(either.evidence.heard, undefined);
  const { meaning, checks, change, askNext } = adviceFor(either);
  assert.match(meaning, /its queue is full.*A path that drops.*asymmetric routing/);
  assert.match(checks.map(({ command }) => command).join('; '), /ListenOverflows.*tcpdump.*nft list ruleset/);
  assert.match(change[0].what, /^Where ListenOverflows grows: a larger listen\(\) backlog/);
  assert.match(askNext, /Else the firewall or network team/);
});

test("a SYN-ACK that echoes a later TSval than the SYN's: the ACK had come, so it is the queue alone", async () => {
  const queue = await only(stalled({}, 3, true), later());
  assert.deepEqual([picked(queue)[0], queue.evidence.heard], ['accept-queue', true]);
  assert.match(queue.title, /a full accept queue at the server, which has had the client's ACK/);
  assert.doesNotMatch(queue.title + adviceFor(queue).meaning, /a path that drops|asymmetric/);
});

test('a handshake that stalls while others are taken on the port: a full accept queue is not accused', async () => {
  const found = await told(echoesSyn(stalled({}, 3, true)), ...others(1.5, 2), later());
  assert.deepEqual(found.map(picked), [['unknown', 1, undefined, 'notice', 'weak']]);
  assert.match(
    found[0].title,
    /a path that drops .*, or a full accept queue, against which speaks that others were taken/,
  );
});

test('a repeated SYN-ACK proves little without data, or when the next segment gets through', async () => {
  const deferred = await only(stalled({}, 0, true), later());
  assert.deepEqual(picked(deferred), ['unknown', 1, undefined, 'info', 'weak']);
  assert.match(deferred.title, /TCP_DEFER_ACCEPT/);
  assert.equal((await only(stalled({}, 2, true), later())).evidence.cause, 'unknown', 'two losses would do');
});

test('three packets of the client in a row may be lost: that makes no full accept queue, for it or for others', async () => {
  const c = new Conversation().handshake();
  const again = { seq: c.server.nxt - 1 };
  const data = { payload: 10, seq: c.client.nxt };
  c.send('client', 'PA', data).wait(1).send('server', 'SA', again).ack('client');
  c.wait(2).send('server', 'SA', again).ack('client').send('client', 'PA', data).ack('server');
  const other = accept(tries([1], { clientPort: 40_002, at: 1 }));
  const both = await told(c, other, later());
  const stall = both.find(({ evidence }) => evidence.syn_acks !== undefined)!;
  assert.deepEqual(picked(stall), ['accept-queue', 1, undefined, 'notice', 'weak']);
  assert.match(stall.title, /a full accept queue at the server, perhaps/);
  assert.deepEqual(
    both.map(({ evidence }) => evidence.cause),
    ['unknown', 'accept-queue'],
  );
});

test('a handshake is followed for two and a half minutes after the first SYN-ACK that came again', async () => {
  for (const [last, expected] of [
    [148, [4]],
    [152, [3]],
  ] as const) {
    const c = new Conversation().handshake();
    const again = { seq: c.server.nxt - 1 };
    const since = c.wait(1).now;
    for (const after of [0, 60, 120, last]) {
      c.now = since + after;
      c.send('server', 'SA', again).ack('client');
    }
    const findings = await told(c, later(400));
    assert.deepEqual(findings.map(f => f.evidence.syn_acks).slice(0, 1), expected, `the last after ${last} s`);
  }
});
