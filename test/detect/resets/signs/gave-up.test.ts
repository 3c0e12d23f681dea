/** RSTs of an end that had given the connection up without a word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conversation, exchange } from '../../../build/conversation.ts';
import { advised, told } from '../told.ts';

test('an end that probed a closed window, and answers by a bare RST later, had given up: nobody is to send keep-alives', async () => {
  const full = (): Conversation => {
    const c = exchange().send('client', 'PA', { payload: 500 }).ack('server', { window: 0 });
    for (let i = 0; i < 4; i++)
      c.wait(0.2 * 2 ** i)
        .send('client', 'A', { seq: c.client.nxt - 1 })
        .ack('server', { window: 0 });
    return c.wait(22);
  };
  const shut = await advised(full().send('server', 'PA', { payload: 1, window: 0 }).bareRst('client'));
  assert.deepEqual([shut.finding.evidence.class, shut.finding.evidence.window_shut], ['no-state', true]);
  assert.match(
    shut.finding.title,
    /^The client had given up the connection, most likely: the window of the server stayed/,
  );
  assert.match(shut.said, /application did not read/);
  assert.equal(shut.changes, '');
  const open = await advised(full().send('server', 'PA', { payload: 1 }).bareRst('client'));
  assert.equal(open.finding.evidence.window_shut, undefined);
  const opens = await advised(full().ack('server').bareRst('client'));
  assert.equal(opens.finding.evidence.window_shut, true);
  assert.match(
    opens.finding.title,
    /: the window of the server stayed closed and opens only now, and it answers that by RST$/,
  );
  // A window that was never closed may only have grown: then an end that is gone was probed as keep-alives do.
  const grown = exchange().wait(5).send('client', 'A', { seq: 0 });
  grown.last.seq = grown.client.nxt - 1;
  grown.ack('server').wait(22).ack('server');
  const lost = await advised(grown.bareRst('client'));
  assert.equal(lost.finding.evidence.window_shut, undefined);
  assert.doesNotMatch(lost.finding.title, /window/);
  // An ACK within a round trip answers the probe.
  const answered = exchange().wait(5).send('client', 'A', { seq: 0 });
  answered.last.seq = answered.client.nxt - 1;
  assert.equal((await advised(answered.ack('server').bareRst('client'))).finding.evidence.window_shut, undefined);
});

test('data sent again and again in vain, then an RST: given up, since the path was dead, and no keep-alives help', async () => {
  const inVain = (tries: number, arrives = false): Conversation => {
    const c = exchange();
    const { nxt: seq } = c.server;
    for (let i = 0; i < tries; i++) c.wait(0.2 * 2 ** i).send('server', 'PA', { payload: 11, seq, lost: !arrives });
    return c.wait(9).send('client', 'PA', { payload: 5 }).bareRst('server', { seq: c.client.rcvNxt });
  };
  const { finding, said, changes } = await advised(inVain(6));
  assert.deepEqual([finding.evidence.class, finding.evidence.unacked_bytes], ['no-state', 11]);
  assert.match(finding.title, /^The server had given up the connection, most likely: .* never acknowledged/);
  assert.doesNotMatch(finding.title + said, /killed|reboot|keep-alive/);
  assert.match(said, /TCPAbortOnTimeout/);
  assert.equal(changes, '');
  const foreign = inVain(6);
  const { nxt } = foreign.server;
  foreign.packets.at(-1)!.ttl = 40;
  const going = foreign.wait(0.5).send('server', 'PA', { payload: 100, seq: nxt });
  const [boxed] = await told(going);
  assert.match(boxed!.title, /^A middlebox .*; if the server did after all: the server had given up the connection$/);
  assert.equal((await told(inVain(1)))[0].evidence.unacked_bytes, undefined, 'sent once');
  assert.equal((await told(inVain(6, true)))[0].evidence.unacked_bytes, undefined, 'acknowledged');
  const longAgo = exchange();
  const { nxt: seq } = longAgo.server;
  longAgo.send('server', 'PA', { payload: 1448 }).send('server', 'PA', { payload: 1448, seq }).ack('client').wait(99);
  longAgo.send('server', 'PA', { payload: 11, lost: true }).send('client', 'PA', { payload: 5 });
  const moved = longAgo.bareRst('server', { seq: longAgo.client.rcvNxt });
  assert.equal((await told(moved))[0].evidence.unacked_bytes, undefined, 'other data had been repeated');
});

test('data sent four times in vain shows that its sender gave up, three times do not', async () => {
  for (const [sent, expected] of [
    [3, undefined],
    [4, 11],
  ] as const) {
    const c = exchange();
    const { nxt: seq } = c.server;
    for (let i = 0; i < sent; i++) c.wait(0.2 * 2 ** i).send('server', 'PA', { payload: 11, seq, lost: true });
    c.wait(9).send('client', 'PA', { payload: 5 }).bareRst('server', { seq: c.client.rcvNxt });
    assert.equal((await told(c))[0].evidence.unacked_bytes, expected, `${sent} times`);
  }
});
