/** RSTs of an end that has waited for an answer in vain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../../src/detect/advice/index.ts';
import { type Conversation, exchange, handshake } from '../../../build/conversation.ts';
import { givenUp, returnPathCut, unheardProbes } from '../../../build/situations/return-path-cut.ts';
import { advised, told } from '../told.ts';

test('keep-alive probes that nobody answers end in an abort that says so', async () => {
  const c = exchange();
  for (let i = 0; i < 3; i++) c.wait(10).send('server', 'A', { seq: c.server.nxt - 1 });
  const [finding] = await told(c.wait(10).rstFrom('server'));
  assert.equal(finding!.evidence.class, 'abort');
  assert.match(finding!.title, /^The server gives up: none of its last 3 keep-alive probes was answered in 30\.0 s$/);
});

test('nine keep-alive probes 75 s apart, as Linux sends them, are not told as one', async () => {
  const c = exchange().wait(7200);
  for (let i = 0; i < 9; i++) c.send('server', 'A', { seq: c.server.nxt - 1 }).wait(75);
  const [reset] = await told(c.rstFrom('server'));
  assert.match(reset!.title, /^The server gives up: its keep-alive probes were not answered, the last one in 75\.0 s$/);
});

test('a single keep-alive probe is not said to be several', async () => {
  const c = exchange().wait(10);
  const [finding] = await told(
    c
      .send('server', 'A', { seq: c.server.nxt - 1 })
      .wait(0.95)
      .rstFrom('server'),
  );
  assert.equal(finding!.evidence.probed, true);
  assert.match(
    finding!.title,
    /^The server gives up, likely: its last keep-alive probe was not answered in 0\.9\d+ s$/,
  );
});

test('keep-alive probes in CLOSE_WAIT that nobody answers: given up, not SO_LINGER', async () => {
  const c = exchange().fin('client').ack('server').wait(1);
  for (let i = 0; i < 3; i++) c.wait(1).send('server', 'A', { seq: c.server.nxt - 1, payload: i % 2 });
  const { finding, said, changes } = await advised(c.wait(1).rstFrom('server'));
  assert.deepEqual([finding.evidence.class, finding.evidence.probed], ['abort-after-peer-fin', true]);
  assert.match(finding.title, /^The server gives up: none of its last 3 keep-alive probes was answered in 3\.\d+ s$/);
  assert.match(said, /TcpExtTCPAbortOnTimeout/);
  assert.equal(changes, '');
});

test('probes without an answer: the RST is the end of it and not the fault', async () => {
  const c = exchange();
  c.ack('client').ack('server').wait(60);
  for (let i = 0; i < 3; i++) c.send('server', 'A', { seq: c.server.nxt - 1 }).wait(75);
  const { finding, said, changes } = await advised(c.rstFrom('server'));
  assert.deepEqual([finding.evidence.class, finding.evidence.probed, finding.evidence.probes], ['abort', true, 3]);
  assert.match(said, /by keep-alive probe whether .* got no answer to the last 3 at least, and gave up\. The RST is/);
  assert.equal(changes, '');
  const once = exchange().ack('server').wait(60);
  const single = await advised(
    once
      .send('server', 'A', { seq: once.server.nxt - 1 })
      .wait(5)
      .rstFrom('server'),
  );
  assert.deepEqual([single.finding.evidence.probed, single.finding.evidence.probes], [true, undefined]);
  assert.match(single.said, /got no answer, and likely gave up/);
});

test('answers in the capture that the end which resets does not hear: named, whether to data or to probes', async () => {
  for (const [story, kind, title] of [
    [givenUp(returnPathCut(0.004)), 'no-state', /^The client had given up .* though the server had acknowledged it/],
    [unheardProbes(), 'abort', /^The client gives up: its keep-alive probes were answered, but it echoes none/],
  ] as const) {
    const { finding, said, changes } = await advised(story);
    assert.deepEqual([finding.evidence.class, finding.evidence.answers_lost], [kind, true]);
    assert.match(finding.title, title);
    assert.doesNotMatch(finding.title + said, /killed|reboot|SO_LINGER/);
    assert.match(said, /heard none of it/);
    assert.match(finding.title, / are likely lost on the way back to it$/);
    assert.match(said, /between the capture point and the client something likely loses/);
    assert.equal(changes, '');
  }
});

test('an abort after probes whose answers came back, and one within their round trip, say nothing of lost answers', async () => {
  const soon = exchange().wait(60);
  soon
    .send('client', 'A', { seq: soon.client.nxt - 1 })
    .ack('server', { lost: true })
    .wait(0.1);
  // An answer beyond a gap renews nothing of what the client echoes, though it has come.
  for (const story of [unheardProbes({ heard: true }), unheardProbes({ beyond: 100 }), soon.rstFrom('client')]) {
    assert.equal((await told(story))[0].evidence.answers_lost, undefined);
  }
});

/** The last byte again, and its acknowledgement. */
function probed(): Conversation {
  const c = exchange().wait(10);
  c.send('client', 'A', { payload: 1, seq: c.client.nxt - 1 });
  return c.ack('server').wait(60).rstFrom('client');
}

test('a client that waits in vain for an answer gives up: no idle timer, no NAT, and the server is asked', async () => {
  for (const seconds of [5, 60]) {
    const { finding, said, changes } = await advised(handshake().request(9).wait(seconds).rstFrom('client'));
    assert.deepEqual(
      [finding.evidence.class, finding.evidence.unanswered, finding.evidence.hints],
      ['abort', true, []],
    );
    assert.match(
      finding.title,
      /^The client gives up: the server acknowledged its last 9 bytes but had not answered them after \S+ s;/,
    );
    assert.doesNotMatch(finding.title + said, /NAT|balancer|keep-alive/);
    assert.equal(changes, '');
    assert.match(adviceFor(finding).askNext, /^The owner of 198\.51\.100\.80:\S+ why no answer comes/);
  }
  for (const [name, story] of [
    ['answered', exchange().wait(60).rstFrom('client')],
    ['not acknowledged', handshake().send('client', 'PA', { payload: 9 }).wait(60).rstFrom('client')],
    ['by the server', handshake().response().wait(60).rstFrom('server')],
    ['at once', handshake().request(9).wait(0.5).rstFrom('client')],
    ['of a device, without timestamps', handshake().request(9).wait(60).rstFrom('client', { bare: true })],
    ['what came since is not captured', handshake().request(9).wait(60).rstFrom('client', { ack: 1 })],
    ['a keep-alive probe of one byte, as Windows sends it', probed()],
  ] as const) {
    assert.equal((await told(story))[0].evidence.unanswered, undefined, name);
  }
});

test('a client has waited for an answer if a second has passed since its request', async () => {
  for (const [seconds, expected] of [
    [0.95, undefined],
    [1.05, true],
  ] as const) {
    const [finding] = await told(handshake().request(9).wait(seconds).rstFrom('client'));
    assert.equal(finding!.evidence.unanswered, expected, `${seconds} s`);
  }
});
