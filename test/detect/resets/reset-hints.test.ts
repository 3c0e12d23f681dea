/** The hints that come from what follows an RST or preceded it, and when they make a middlebox likely. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, exchange, handshake } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';
import { advised, hints, told } from './told.ts';

test('stepped-seq: guesses in steps', async () => {
  const c = exchange();
  const { nxt } = c.server;
  for (const step of [0, 1460, 2920]) c.wait(0.006).bareRst('server', { seq: nxt + step });
  assert.ok((await hints(c)).includes('stepped-seq'));
  const same = exchange();
  for (let i = 0; i < 3; i++) same.wait(0.006).bareRst('server', { seq: nxt });
  assert.ok(!(await hints(same)).includes('stepped-seq'));
});

test('sender-continues: who goes on did not send the RST', async () => {
  const c = exchange().rstFrom('server').wait(0.1).response();
  const [finding] = await told(c);
  assert.deepEqual((finding!.evidence.hints as string[]).slice(-2), ['sender-continues', 'middlebox-likely']);
  assert.equal(finding!.evidence.effective, true);
  assert.match(finding!.title, /^A middlebox sent this RST in the name of the \w+, most likely; /);
  assert.equal(finding!.packets.at(-1)!.note, 'the sender of the RST goes on');
});

test('a virtual IP that has moved: another host answers by a bare RST, and the one before goes on; no firewall is accused alone', async () => {
  const moved = exchange().send('server', 'PA', { payload: 20 }).ack('client').bareRst('server');
  const { finding, said } = await advised(moved.wait(0.2).send('server', 'PA', { payload: 30 }));
  assert.deepEqual(finding.evidence.hints, ['sender-continues', 'middlebox-likely']);
  assert.match(
    finding.title,
    /^A middlebox \(or another host with this address\) sent this RST in the name of the server/,
  );
  assert.match(said, /virtual IP that moved/);
  const nearer = exchange().send('server', 'PA', { payload: 20 }).ack('client').bareRst('server', { ttl: 200 });
  const gateway = await advised(nearer.wait(0.2).send('server', 'PA', { payload: 30 }));
  assert.match(gateway.finding.title, /^A middlebox sent this RST/);
});

test('sender-continues: not by what was on its way, nor by the other end, nor after ten seconds', async () => {
  const onItsWay = exchange().rstFrom('server');
  onItsWay.now = onItsWay.last.t + 0.019;
  const others = exchange().rstFrom('server').wait(0.1).send('client', 'PA', { payload: 5 });
  const late = exchange().rstFrom('server').wait(10.1).response();
  for (const story of [onItsWay.send('server', 'PA', { payload: 5 }), others, late]) {
    assert.ok(!(await hints(story)).includes('sender-continues'));
  }
});

test('sender-continues: 20 ms after the RST nothing is on its way any more, and 10 s after it is too late', async () => {
  for (const [after, expected] of [
    [0.019, false],
    [0.021, true],
    [9.9, true],
    [10.1, false],
  ] as const) {
    const c = exchange().rstFrom('server');
    c.now = c.last.t + after;
    assert.equal(
      (await hints(c.send('server', 'PA', { payload: 5 }))).includes('sender-continues'),
      expected,
      `${after} s`,
    );
  }
});

test('sender-continues: a SYN that was refused is answered after all, within a second', async () => {
  for (const [after, expected] of [
    [0.5, true],
    [1.5, false],
  ] as const) {
    const c = new Conversation().syn().refuse().wait(after).synAck();
    assert.equal((await hints(c)).includes('sender-continues'), expected, `${after} s`);
  }
});

test('stepped-seq: guesses come within a second', async () => {
  for (const [times, expected] of [
    [[0.4, 0.9], true],
    [[0.4, 1.1], false],
  ] as const) {
    const c = exchange().bareRst('server');
    const { t: start, seq } = c.last;
    for (const [i, after] of times.entries()) {
      c.now = start + after;
      c.bareRst('server', { seq: seq + 1460 * (i + 1) });
    }
    assert.equal((await hints(c)).includes('stepped-seq'), expected, times.join(', '));
  }
});

test('sender-continues: only by what is new, since packets may be held back on the way', async () => {
  const { seq, tsval } = exchange().packets.findLast(({ flags }) => flags === 'PA')!;
  for (const after of [0.03, 0.3, 2]) {
    const heldBack = exchange().rstFrom('server').wait(after).send('server', 'PA', { payload: 500, seq, tsval });
    assert.ok(!(await hints(heldBack)).includes('sender-continues'), `${after} s later`);
  }
  const retransmitted = exchange().rstFrom('server').wait(2).send('server', 'PA', { payload: 500, seq });
  assert.ok((await hints(retransmitted)).includes('sender-continues'), 'the same data with a newer TSval');
  const fin = exchange().rstFrom('server').wait(5).fin('server');
  assert.ok((await hints(fin)).includes('sender-continues'));
});

test('sender-continues: not by a later connection of the tuple whose SYN the capture lacks', async () => {
  for (const [further, expected] of [
    [1_000, true],
    [869_900_924, false],
    [-869_900_924, false],
  ] as const) {
    const c = exchange().rstFrom('server').wait(0.4);
    c.server.nxt = (c.server.nxt + further) >>> 0;
    const later = c.send('server', 'PA', { payload: 500 }).fin('server');
    assert.equal((await hints(later)).includes('sender-continues'), expected, `${further} further on`);
  }
});

test('sender-continues: by a sender of which the capture shows nothing before, whatever its numbers', async () => {
  for (const serverIsn of [1_000, 3_000_000_000]) {
    const c = exchange({ serverIsn });
    c.packets.length = 0;
    c.send('client', 'PA', { payload: 5 }).bareRst('server').wait(0.4).send('server', 'PA', { payload: 500 });
    assert.ok((await hints(c)).includes('sender-continues'), `ISN ${serverIsn}`);
  }
});

test('middlebox-likely: on two signs, not on one', async () => {
  assert.ok(!(await hints(exchange().rstFrom('server', { ttl: 200 }))).includes('middlebox-likely'));
  const two = await hints(exchange().rstFrom('server', { ttl: 200, bare: true }));
  assert.ok(two.includes('middlebox-likely'));
});

test('unread-data, after-response and linger0', async () => {
  const unread = handshake().send('client', 'PA', { payload: 1400 }).ack('server', { window: 10 });
  assert.ok((await hints(unread.wait(0.3).rstFrom('server', { window: 10 }))).includes('unread-data'));
  const responded = handshake().request().send('server', 'PA', { payload: 500 });
  assert.deepEqual(await hints(responded.wait(0.01).rstFrom('server')), ['after-response', 'linger0']);
  assert.deepEqual(await hints(handshake().response().wait(2).rstFrom('server')), ['linger0']);
  assert.deepEqual(await hints(handshake().wait(2).rstFrom('server')), [], 'a listener may have been closed');
  const oneWay = handshake().response().wait(2).rstFrom('server');
  const alone = oneWay.packets.filter(({ sport }) => sport === 80);
  const [finding] = (await follow(alone)).findings.filter(f => f.rule === 'reset-close');
  assert.ok(!(finding!.evidence.hints as string[]).includes('linger0'), 'what came from the client is not captured');
});

test('a window of Windows that has shrunk by one step says nothing of what was read', async () => {
  const story = (ttl: number): Conversation =>
    handshake({ server: new Host('198.51.100.80', { ttl }) })
      .send('client', 'PA', { payload: 200 })
      .ack('server', { window: 500 })
      .wait(0.3)
      .rstFrom('server');
  assert.ok((await hints(story(64))).includes('unread-data'));
  assert.ok(!(await hints(story(128))).includes('unread-data'));
});

test('stepped-seq: two RST,ACKs, the second beyond the first; not a bare RST that answers what was on its way', async () => {
  const guessed = exchange().rstFrom('server', { bare: true });
  guessed.rstFrom('server', { bare: true, seq: guessed.server.nxt + 1460 });
  const found = await hints(guessed);
  assert.deepEqual(
    found.filter(hint => hint === 'stepped-seq' || hint === 'middlebox-likely'),
    ['stepped-seq', 'middlebox-likely'],
  );
  const answered = exchange().send('server', 'PA', { payload: 100, lost: true }).rstFrom('server');
  answered.send('client', 'PA', { payload: 5 }).bareRst('server', { seq: answered.client.rcvNxt });
  assert.ok(!(await hints(answered)).includes('stepped-seq'));
});

/** As with a gateway's REJECT of established connections, and a server that aborts by itself 0.36 s later. */
test('an abort with timestamps after a bare RST: there was a socket, so the bare one came from elsewhere', async () => {
  const rejected = (): Conversation => exchange().send('client', 'PA', { payload: 4 }).bareRst('server').wait(0.36);
  const [finding] = await told(rejected().rstFrom('server'));
  assert.deepEqual(finding!.evidence.hints, ['sender-continues', 'middlebox-likely']);
  assert.match(finding!.title, /^A middlebox \(.*\) sent this RST in the name of the server, most likely/);
  // An old one may have been overtaken, and one without timestamps is sent by whoever has no socket.
  const { server } = rejected();
  for (const changes of [{ tsval: server.host.tsval(0, '') - 1000 }, { bare: true }] as const) {
    assert.deepEqual(await hints(rejected().rstFrom('server', changes)), []);
  }
  assert.deepEqual(await hints(rejected().bareRst('server')), []);
});
