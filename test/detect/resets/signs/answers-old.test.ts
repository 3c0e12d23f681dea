/** A bare RST that answers nothing new of the capture: a late copy, or what was not captured. Nobody is accused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conversation, exchange, handshake } from '../../../build/conversation.ts';
import { Host } from '../../../build/host.ts';
import { told } from '../told.ts';

/** Class, severity and the end of which packets are missing, of the last RST. */
async function judged(story: Conversation): Promise<unknown[]> {
  const { evidence, severity, confidence } = (await told(story)).at(-1)!;
  return [evidence.class, severity, confidence, evidence.unseen];
}

/** The packet with these flags comes again so many seconds later, and is answered by RST. */
function copyAnswered(c: Conversation, flags: string, from: 'client' | 'server', after: number): Conversation {
  const packet = c.packets.findLast(p => p.flags === flags && (p.sport === 80) === (from === 'server'))!;
  c.wait(after);
  c.packets.push({ ...packet, t: c.now });
  return c.wait(0.005).bareRst(from === 'server' ? 'client' : 'server', { seq: packet.ack! });
}

test('of the close the capture has the first FIN only, and a late copy of earlier data is answered by RST', async () => {
  const closing = (): Conversation => exchange().fin('server');
  assert.deepEqual(await judged(copyAnswered(closing(), 'PA', 'server', 0.1)), [
    'abort-after-peer-fin',
    'info',
    'weak',
    'client',
  ]);
  const [finding] = await told(copyAnswered(closing(), 'PA', 'server', 0.1));
  assert.match(
    finding!.title,
    /^The client answers a late copy of an earlier packet of the server by RST: it had its socket/,
  );
  const [uncaptured] = await told(closing().ack('client').wait(0.1).bareRst('client'));
  assert.match(uncaptured!.title, /^The client answers something that the capture lacks, or a late copy of an earlier/);
  // Sent again it is not: the server had not heard the ACK.
  const again = closing()
    .wait(0.3)
    .send('server', 'PA', { payload: 500, seq: exchange().server.nxt - 500 });
  assert.deepEqual((await judged(again.bareRst('client'))).slice(1), ['warning', 'strong', undefined]);
});

test('a FIN that its receiver would have answered long before, and that was not sent again: the capture lacks the answer', async () => {
  const gone = (after: number, rtt = 0.0045): Conversation =>
    exchange({ rtt }).fin('client', { lost: true }).wait(after).bareRst('server');
  assert.deepEqual(await judged(gone(0.32)), ['abort-after-peer-fin', 'info', 'weak', 'server']);
  const [late] = await told(gone(0.32));
  assert.match(
    late!.title,
    /^The server resets 0\.322 s after the client's last packet, though it answers in 2\.3 ms: likely the/,
  );
  const fault = ['abort-after-peer-fin', 'warning', 'strong', undefined];
  assert.deepEqual(await judged(gone(0.15)), fault, 'sooner than any timer');
  assert.deepEqual(await judged(gone(0.32, 0.08)), fault, 'a slow path');
  assert.deepEqual(await judged(gone(4)), fault, 'a device may have given it up');
  const again = exchange({ rtt: 0.0045 }).fin('client', { lost: true }).wait(0.2).finAgain('client').wait(0.3);
  assert.deepEqual(await judged(again.bareRst('server')), fault, 'the path holds it back, perhaps');
  const data = exchange({ rtt: 0.0045 }).send('client', 'PA', { payload: 9, lost: true }).wait(0.32);
  assert.deepEqual(
    (await judged(data.bareRst('server'))).slice(1),
    ['warning', 'strong', undefined],
    'it waits for an answer',
  );
});

test('a bare RST by the number of another answers no challenge if the ACK before it is an old one', async () => {
  const twice = (after: number): Conversation => {
    const c = exchange({ rtt: 0.0045 });
    const seq = c.server.nxt - 500;
    return c.wait(after).bareRst('server', { seq }).wait(0.07).bareRst('server');
  };
  const [, late] = await told(twice(0.3));
  assert.deepEqual([late!.evidence.answers_challenge, late!.severity], [undefined, 'info']);
  const [, soon] = await told(twice(0.01));
  assert.equal(soon!.evidence.answers_challenge, true);
});

test('what a device resets is told as before, and so is a host without timestamps', async () => {
  const device = exchange({ rtt: 0.0045 }).fin('client', { lost: true }).wait(0.32).bareRst('server', { ttl: 200 });
  assert.deepEqual((await judged(device)).slice(1), ['warning', 'strong', undefined]);
  const client = new Host('192.0.2.10', { timestamps: false });
  const plain = handshake({ client }).request().response().fin('server');
  assert.deepEqual((await judged(copyAnswered(plain, 'PA', 'server', 0.1))).slice(1), ['warning', 'strong', undefined]);
});

test('the FIN of the other end was acknowledged, and all that came of it since is an ACK long before: it answers what was not captured', async () => {
  const closed = (after: number, acked = true): Conversation => {
    const c = exchange({ rtt: 0.0045 }).fin('server', { lost: !acked }).ack('client').wait(0.02);
    return c.ack('server').wait(after).bareRst('client');
  };
  assert.deepEqual(await judged(closed(0.08)), ['abort-after-peer-fin', 'info', 'weak', 'client']);
  const fault = ['abort-after-peer-fin', 'warning', 'strong', undefined];
  assert.deepEqual(await judged(closed(0.04)), fault, 'in answer to that ACK, perhaps');
  assert.deepEqual(await judged(closed(0.08, false)), fault, 'nothing shows that the FIN has come');
});

test('an ACK without IP identification is answered by RST: its sender had closed, though the capture lacks the FINs', async () => {
  const c = exchange().wait(0.1).ack('client', { ipId: 0 }).bareRst('server');
  assert.deepEqual(await judged(c), ['no-state', 'info', 'weak', 'server']);
  const [finding] = await told(c);
  assert.match(
    finding!.title,
    /^The server answers an ACK of the client by RST, which had closed, by the form of that ACK: the capture lacks how/,
  );
  const joined = exchange().wait(0.1).ack('client', { ipId: 0 }).bareRst('server');
  joined.packets.splice(
    0,
    joined.packets.length,
    ...joined.packets.filter(({ flags }) => flags === 'A' || flags === 'R').slice(-3),
  );
  assert.deepEqual((await judged(joined)).slice(1, 3), ['info', 'weak']);
  // With its FIN it may be a FIN_WAIT2 that waits for the server, which is gone.
  const waits = exchange().fin('client').ack('server').wait(0.01).ack('client', { ipId: 0 }).bareRst('server');
  assert.deepEqual((await judged(waits)).slice(1), ['warning', 'strong', undefined]);
  const socket = exchange().wait(0.1).ack('client').bareRst('server');
  assert.deepEqual((await judged(socket)).slice(1), ['warning', 'strong', undefined]);
});
