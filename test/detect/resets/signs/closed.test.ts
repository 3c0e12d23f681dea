/** RSTs of an end that had closed: what is lost, and whose FIN_WAIT2 had run out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../../src/detect/advice/index.ts';
import { Conversation, exchange, handshake } from '../../../build/conversation.ts';
import { advised, closedAndGone, told } from '../told.ts';

test('after its own FIN: an abort by its own kernel and the answer of a socket that is gone are two things', async () => {
  const aborted = await advised(exchange().fin('server').wait(0.1).rstFrom('server'));
  assert.equal(aborted.finding.evidence.class, 'after-own-fin');
  assert.match(aborted.finding.title, /aborts after its own FIN: data left unread, TCP_LINGER2/);
  assert.match(aborted.said, /TcpExtTCPAbortOnLinger/);
  const gone = await advised(exchange().fin('server').request().bareRst('server'));
  assert.match(gone.finding.title, /its socket was gone/);
});

test('a FIN that comes 65 s after the close finds that FIN_WAIT2 has run out: it was the other end that sat in CLOSE_WAIT', async () => {
  const late = exchange().fin('client').ack('server').wait(65).fin('server').bareRst('client');
  const { finding, said } = await advised(late);
  assert.deepEqual([finding.evidence.class, finding.severity, finding.confidence], ['after-own-fin', 'info', 'strong']);
  assert.ok(Math.abs((finding.evidence.fin_wait2 as number) - 65) < 0.1);
  assert.match(finding.title, /which came 65\.\d s later: its FIN_WAIT2 had run out, likely \(tcp_fin_timeout\)/);
  assert.match(said, /ss -tanp state close-wait/);
  assert.doesNotMatch(said, /TCPAbortOn|TimeWaitOverflow/);
  assert.match(said, /The owner of the application on the server: why it keeps a connection open/);
});

test('a FIN that comes 6 s after the close: FIN_WAIT2 may have run out where tcp_fin_timeout is small', async () => {
  const { finding, said } = await advised(
    exchange().fin('server').ack('client').wait(6).fin('client').bareRst('server'),
  );
  assert.match(
    finding.title,
    /^The server had closed .* had run out if its tcp_fin_timeout \(60 s by default\) or TCP_LINGER2 is that short/,
  );
  assert.match(said, /^[\s\S]*sysctl net\.ipv4\.tcp_fin_timeout[\s\S]*close-wait[\s\S]*TimeWaitOverflow/);
});

for (const [what, story] of [
  ['a FIN sooner than any FIN_WAIT2 ends', () => exchange().fin('server').ack('client').wait(0.3).fin('client')],
  ['data', () => exchange().fin('server').ack('client').wait(65).request()],
  ['data with the FIN', () => exchange().fin('server').ack('client').wait(65).fin('client', { payload: 9 })],
] as const) {
  test(`nothing is said of FIN_WAIT2 where the RST answers ${what}`, async () => {
    const { finding } = await advised(story().bareRst('server'));
    assert.equal(finding.evidence.class, 'after-own-fin');
    assert.equal(finding.evidence.fin_wait2, undefined);
    assert.doesNotMatch(finding.title, /FIN_WAIT2/);
  });
}

test('a request that crosses the FIN of the server is lost: its bytes, and the idle time of the client against it', async () => {
  const crossing = (order: 'request first' | 'FIN first'): Conversation => {
    const c = exchange().wait(1);
    const seen = { ack: c.client.rcvNxt };
    const closes = (): unknown => c.fin('server', { ack: c.server.rcvNxt, lost: true });
    if (order === 'FIN first') closes();
    const acked = c.server.rcvNxt;
    c.send('client', 'PA', { payload: 19, ...seen });
    if (order === 'request first') c.fin('server', { ack: acked, lost: true });
    return c.bareRst('server', { seq: seen.ack });
  };
  for (const order of ['request first', 'FIN first'] as const) {
    const { finding, said, changes } = await advised(crossing(order));
    assert.deepEqual([finding.evidence.class, finding.severity], ['after-own-fin', 'info'], order);
    assert.deepEqual([finding.evidence.lost_bytes, finding.evidence.close_known], [19, undefined], order);
    assert.match(finding.title, /^19 bytes of the client are lost: the server had closed when they came/);
    assert.match(changes, /pool below the server's keep-alive time/);
    assert.match(said, /502/);
    assert.match(adviceFor(finding).askNext, /^If a request failed: the owner of the client \(idle time of its pool/);
  }
});

test('a request on a connection whose close the client had acknowledged: its pool is asked', async () => {
  const known = (after: number): Conversation =>
    exchange().fin('server').ack('client').wait(after).send('client', 'PA', { payload: 19 }).bareRst('server');
  const { finding } = await advised(known(1.3));
  assert.ok(Math.abs(Number(finding.evidence.close_known) - 1.3) < 0.1);
  assert.match(finding.title, /^19 bytes of the client are lost: .* the client had acknowledged that 1\.3\d* s before/);
  assert.match(adviceFor(finding).askNext, /^The owner of the client: why its pool keeps/);
  const soon = (await told(known(0.01)))[0].evidence;
  assert.deepEqual([soon.lost_bytes, soon.close_known], [19, undefined], 'no time to notice');
  const far = new Conversation({ rtt: 0.3 }).handshake().request().fin('server');
  far.send('client', 'PA', { payload: 19 }).bareRst('server');
  assert.equal((await told(far))[0].evidence.close_known, undefined, 'as soon as the FIN came to it');
  // The usual round trip counts, and not the fastest answer, as for the speed of an RST.
  const slow = handshake({ rtt: 0.6 }).request().send('server', 'PA', { payload: 300 });
  slow.wait(-0.24).ack('client').wait(1).fin('server').wait(0.05);
  slow.send('client', 'PA', { payload: 19 }).bareRst('server');
  assert.equal((await told(slow))[0].evidence.close_known, undefined, 'the handshake took longer, one answer did not');
  const fin = exchange().fin('server').ack('client').wait(0.2).fin('client').bareRst('server');
  assert.equal((await told(fin))[0].evidence.lost_bytes, undefined, 'a FIN is no data');
});

test('bytes that either end sent before its own FIN were its last: no race of a pool, and no full table of TIME_WAITs', async () => {
  for (const from of ['client', 'server'] as const) {
    const other = from === 'client' ? 'server' : 'client';
    const story = exchange();
    const seen = { ack: story[other].rcvNxt };
    story
      .fin(from, { lost: true })
      .send(other, 'PA', { payload: 31, ...seen })
      .fin(other, seen)
      .bareRst(from);
    const { finding, said, changes } = await advised(story);
    assert.deepEqual([finding.evidence.class, finding.evidence.lost_bytes], ['after-own-fin', 31]);
    assert.deepEqual([finding.evidence.closed_too, finding.evidence.close_known], [true, undefined]);
    assert.match(finding.title, new RegExp(`^The ${other}'s last 31 bytes before its FIN are lost: `));
    assert.match(said, /close_notify/);
    assert.doesNotMatch(said + changes, /pool|time-wait-overflow/);
  }
});

test('an answer repeated with the FIN after its sender had closed is not one that it sent though it knew of the close', async () => {
  const story = exchange().request().fin('client');
  const { nxt } = story.server;
  story.send('server', 'A', { payload: 418, lost: true }).fin('server', { lost: true }).wait(6.2);
  story.packets.splice(-2, 1); // the capture lacks the first time
  story.send('server', 'FPA', { seq: nxt, payload: 418 }).bareRst('client');
  const { evidence, title } = (await told(story))[0];
  assert.deepEqual([evidence.lost_bytes, evidence.closed_too, evidence.close_known], [418, true, undefined]);
  assert.doesNotMatch(title, /later/);
});

test('bytes of the server that a client which had closed does not take are said to be lost, not a FIN without a TIME_WAIT', async () => {
  const { finding, said } = await advised(
    exchange().fin('client', { lost: true }).send('server', 'PA', { payload: 24 }).bareRst('client'),
  );
  assert.equal(finding.evidence.lost_bytes, 24);
  assert.match(said, /did not wait for them/);
  assert.doesNotMatch(said, /time-wait-overflow/);
});

test('an RST below data and FIN that had passed: the client, which acknowledges them, ignores it', async () => {
  const story = closedAndGone(1);
  const [silent] = await told(closedAndGone(1));
  assert.deepEqual([silent!.evidence.class, silent!.evidence.effective], ['after-own-fin', undefined]);
  const { finding, said } = await advised(story.send('client', 'PA', { payload: 31 }).fin('client'));
  assert.deepEqual([finding.evidence.class, finding.evidence.effective], ['after-own-fin', false]);
  assert.equal(finding.evidence.lost_bytes, 125, 'with what came after the first RST');
  assert.match(finding.title, /^125 bytes of the client are lost/);
  assert.doesNotMatch(said, /security/);
});

test('a segment with far-off numbers after an RST adds nothing to what is lost', async () => {
  const story = closedAndGone(1).send('client', 'PA', { payload: 31 }).fin('client');
  const far = (story.client.nxt + 2_000_000_000) >>> 0;
  const [finding] = await told(story.send('client', 'PA', { payload: 10, seq: far, lost: true }));
  assert.equal(finding!.evidence.lost_bytes, 125);
});

test('the client had 100 ms to notice the close before its pool is asked', async () => {
  for (const [after, expected] of [
    [0.08, undefined],
    [0.12, 0.125],
  ] as const) {
    const c = exchange().fin('server').ack('client').wait(after).send('client', 'PA', { payload: 19 });
    assert.equal((await told(c.bareRst('server')))[0].evidence.close_known, expected);
  }
});

test('FIN_WAIT2 ends after 0.7 s at the soonest, and after 60 s by default', async () => {
  for (const [after, title] of [
    [0.65, /its socket was gone before the other end had finished$/],
    [0.75, /had run out if its tcp_fin_timeout/],
    [59, /had run out if its tcp_fin_timeout/],
    [61, /had run out, likely \(tcp_fin_timeout\)/],
  ] as const) {
    const c = exchange().fin('client').ack('server').wait(after).fin('server').bareRst('client');
    assert.match((await told(c))[0].title, title, `${after} s`);
  }
});
