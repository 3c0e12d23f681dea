/** RSTs of an end that had closed while its FIN waited behind data (measured on Linux 6.18: kill -9 and close() alike). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conversation, exchange } from '../../../build/conversation.ts';
import { advised, told } from '../told.ts';

/** The server sends more than is acknowledged, is killed or closes, and the client sends what nobody reads any more. */
function sending(length = 1448, wait = 0.1): Conversation {
  const c = exchange();
  const { rcvNxt: ack } = c.client;
  for (let i = 0; i < 10; i++) c.send('server', 'A', { payload: length, lost: true });
  return c.wait(wait).send('client', 'PA', { payload: 22, ack, lost: true }).bareRst('server', { seq: ack });
}

test('a server that closes or is killed while it sends resets the next request without a FIN: it had closed, and nothing was lost on the way', async () => {
  const { finding, said } = await advised(sending());
  assert.deepEqual([finding.evidence.class, finding.evidence.fin_held], ['no-state', true]);
  assert.match(
    finding.title,
    /^The server had closed with its own data unsent when data of the client came, most likely/,
  );
  assert.match(
    finding.title,
    /: it had sent data until 0\.110 s before, and its FIN was held behind the rest, which is lost$/,
  );
  assert.match(said, /was killed.*answers data that the client sends meanwhile by RST.*TCPAbortOnData/);
  assert.doesNotMatch(finding.title + said, /only if its FIN or RST was lost|NAT/);
});

test('the same where the window of the client has just closed', async () => {
  const c = exchange().send('server', 'PA', { payload: 1448 }).ack('client', { window: 0 }).wait(0.1);
  c.send('client', 'PA', { payload: 22, window: 0, lost: true }).bareRst('server');
  assert.equal((await told(c))[0]!.evidence.fin_held, true);
  const open = exchange().send('server', 'PA', { payload: 1448 }).ack('client').wait(0.1);
  open.send('client', 'PA', { payload: 22, lost: true }).bareRst('server');
  assert.equal((await told(open))[0]!.evidence.fin_held, undefined, 'its FIN would have followed its data');
});

test('the same where the request is the first to acknowledge what a long transfer has sent', async () => {
  const story = (sent: number, between: boolean): Conversation => {
    const c = exchange();
    for (let all = 500; all < sent; all += 1000) c.send('server', 'A', { payload: Math.min(1000, sent - all) });
    if (between) c.ack('client');
    return c.send('client', 'PA', { payload: 22, lost: true }).bareRst('server');
  };
  for (const [sent, between, held] of [
    [5400, false, true],
    [5400, true, undefined],
    [5360, false, undefined],
  ] as const)
    assert.equal((await told(story(sent, between)))[0]!.evidence.fin_held, held, `${sent}, ${between}`);
});

test('no FIN is held of an end that had nothing more to send, had been silent for over a second, or answers no data', async () => {
  const held = async (c: Conversation): Promise<unknown> => (await told(c))[0]!.evidence.fin_held;
  assert.equal(await held(sending(536)), true);
  assert.equal(await held(sending(535)), undefined, 'its last segment was short');
  assert.equal(await held(sending(1448, 0.98)), true);
  assert.equal(await held(sending(1448, 1.01)), undefined, 'a timer would have sent again');
  const c = exchange();
  const { rcvNxt: ack } = c.client;
  for (let i = 0; i < 3; i++) c.send('server', 'A', { payload: 1448, lost: true });
  assert.equal(await held(c.ack('client', { ack }).bareRst('server', { seq: ack })), undefined, 'an ACK');
});

test('a closed window that was probed, then data: a timer or its application ended the connection, and the FIN waits', async () => {
  const c = exchange().send('server', 'PA', { payload: 1448 }).ack('client', { window: 0 });
  for (const wait of [0.2, 0.4, 0.8])
    c.wait(wait)
      .send('server', 'A', { seq: c.server.nxt - 1 })
      .ack('client', { window: 0 });
  c.wait(1.4).send('client', 'PA', { payload: 22, window: 0, lost: true }).bareRst('server');
  const { finding, said } = await advised(c);
  assert.match(
    finding.title,
    /stayed closed; a timer ended the connection, or its application did and the FIN waits; data that/,
  );
  assert.match(said, /its application had closed it or was killed/);
});
