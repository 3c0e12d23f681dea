/** Hints that a device sent an RST: each where it is one, and where the end itself sends the like. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, exchange, handshake } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { advised, hints, told } from './told.ts';

test('an ordinary abort has no sign of a middlebox', async () => {
  for (const from of ['client', 'server'] as const) {
    assert.deepEqual(
      (await hints(exchange().wait(2).rstFrom(from))).filter(hint => hint !== 'linger0'),
      [],
    );
  }
});

test('ttl: further off than routes change it', async () => {
  for (const [ttl, expected] of [
    [62, false],
    [66, false],
    [61, true],
    [67, true],
    [255, true],
  ] as const) {
    assert.equal((await hints(exchange().rstFrom('server', { ttl }))).includes('ttl'), expected, `TTL ${ttl}`);
  }
});

test('ip-id: 0 in an abort of a host that counts, but not in a stateless answer', async () => {
  assert.ok((await hints(exchange().rstFrom('server', { ipId: 0 }))).includes('ip-id'));
  assert.ok(!(await hints(exchange().wait(1).bareRst('server'))).includes('ip-id'));
});

test('ip-id: a number from a host that always sends 0', async () => {
  const zero = new Host('198.51.100.80');
  zero.ipId = () => 0;
  assert.ok((await hints(exchange({ server: zero }).rstFrom('server', { ipId: 77 }))).includes('ip-id'));
  assert.ok(!(await hints(exchange({ server: zero }).rstFrom('server'))).includes('ip-id'));
});

test('no-timestamp: an RST,ACK without the option in a connection that uses it', async () => {
  assert.ok((await hints(exchange().rstFrom('server', { bare: true }))).includes('no-timestamp'));
  assert.ok(!(await hints(exchange().bareRst('server'))).includes('no-timestamp'));
  const client = new Host('192.0.2.10', { timestamps: false });
  assert.ok(!(await hints(exchange({ client }).rstFrom('server'))).includes('no-timestamp'));
});

/** The server is 40 ms away; the RST comes so many milliseconds after the request. */
const reacting = (after: number): Conversation => {
  const c = handshake({ rtt: 0.08 }).send('client', 'PA', { payload: 100 });
  c.now = c.last.t + after / 1000;
  return c.rstFrom('server', { ipId: 40_000 }); // a counter of another machine;
};

test('faster-than-rtt: in less than half the time that its sender has ever needed', async () => {
  assert.ok((await hints(reacting(2))).includes('faster-than-rtt'));
  assert.ok(!(await hints(reacting(40))).includes('faster-than-rtt'));
});

/** A client 300 ms away: so many milliseconds after the server's data it resets. */
const clientReacts = (story: Conversation, after: number): Conversation => {
  story.send('server', 'PA', { payload: 300 }).wait(-story.rtt / 2 + after / 1000);
  return story.bareRst('client');
};

test('faster-than-rtt: of a client that has acknowledged data, no handshake alone, as that ACK may be delayed', async () => {
  const slow = (): Conversation => handshake({ rtt: 0.6 }).request();
  assert.ok(!(await hints(clientReacts(slow().fin('client').wait(1), 60))).includes('faster-than-rtt'));
  assert.ok((await hints(clientReacts(slow().response().wait(1), 60))).includes('faster-than-rtt'));
});

test('faster-than-rtt: the fastest answer counts, however slow the handshake was', async () => {
  const radioWakes = (): Conversation => {
    const story = handshake({ rtt: 0.6 })
      .request()
      .send('server', 'PA', { payload: 300 })
      .wait(-0.3 + 0.06);
    return story.ack('client').wait(2);
  };
  const own = clientReacts(radioWakes(), 60);
  assert.ok(!(await hints(own)).includes('faster-than-rtt'));
  const forged = clientReacts(radioWakes(), 20);
  assert.ok((await hints(forged)).includes('faster-than-rtt'));
});

test('faster-than-rtt: no handshake whose ACK was delayed until there was data, or not captured', async () => {
  const late = (): Conversation => new Conversation({ rtt: 0.002 }).syn().synAck().wait(0.16);
  for (const story of [late().send('client', 'PA', { payload: 100 }), late().fin('client')])
    assert.ok(!(await hints(clientReacts(story.ack('server').response().wait(0.3), 0.02))).includes('faster-than-rtt'));
});

test('faster-than-rtt: not where the round trip is too short to tell: the server is not 1 ms away', async () => {
  for (const [rtt, expected] of [
    [0.0004, false],
    [0.0018, false],
    [0.0022, true],
  ] as const) {
    const c = handshake({ rtt }).send('client', 'PA', { payload: 100 });
    c.now = c.last.t + 0.00001;
    const found = await hints(c.rstFrom('server', { ipId: 40_000 }));
    assert.equal(found.includes('faster-than-rtt'), expected, `${rtt} s`);
  }
});

test('ttl: a gateway that rejects is nearer by one hop, and its TTL is untouched', async () => {
  const behind = (): Conversation => exchange({ server: new Host('198.51.100.80', { ttl: 63 }) });
  for (const [ttl, expected] of [
    [64, true],
    [63, false],
    [62, false],
  ] as const) {
    const c = behind().send('client', 'PA', { payload: 5 });
    assert.equal((await hints(c.bareRst('server', { ttl }))).includes('ttl'), expected, `TTL ${ttl}`);
  }
});

test('an RST sooner than the handshake is its own where its TTL and its IP identification are the next of its sender', async () => {
  const soon = (ipId?: number): Conversation => {
    const story = new Conversation({ rtt: 0.4 }).handshake().request().response().fin('client').wait(2);
    story.send('server', 'PA', { payload: 10 }).wait(-0.15);
    return story.bareRst('client', ipId === undefined ? {} : { ipId });
  };
  assert.ok((await hints(soon())).includes('faster-than-rtt'));
  const own = soon();
  const { ipId } = own.packets.findLast(packet => packet.flags === 'FA')!;
  assert.ok(!(await hints(soon(ipId! + 9))).includes('faster-than-rtt'));
});

test('an abort without timestamps, as macOS and old BSDs send it: no device is suspected by that alone', async () => {
  const { finding, said } = await advised(exchange().wait(2).rstFrom('server', { bare: true }));
  assert.deepEqual(finding.evidence.hints, ['no-timestamp', 'linger0']);
  assert.doesNotMatch(finding.title + said, /device|firewall/);
});

test('a forged SYN-ACK in an open connection does not hide that a device sent the RST', async () => {
  const c = exchange();
  const [syn] = c.packets;
  const forged = { seq: 77_777, ack: (syn!.seq + 1) >>> 0, lost: true };
  const [finding] = await told(c.send('server', 'SA', forged).wait(2).rstFrom('server', { ttl: 200 }));
  assert.ok((finding!.evidence.hints as string[]).includes('ttl'));
});

test('an IP identification up to 255 on is of the same counter, one further on may be of another machine', async () => {
  for (const [step, own] of [
    [255, true],
    [256, false],
  ] as const) {
    const story = new Conversation({ rtt: 0.4 }).handshake().request().response().fin('client').wait(2);
    story.send('server', 'PA', { payload: 10 }).wait(-0.15);
    const { ipId } = story.packets.findLast(packet => packet.flags === 'FA')!;
    const found = await hints(story.bareRst('client', { ipId: (ipId! + step) & 0xffff }));
    assert.equal(found.includes('faster-than-rtt'), !own, `${step} on`);
  }
});
