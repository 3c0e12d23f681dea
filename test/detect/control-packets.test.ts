/** A capture of SYNs, FINs and RSTs only, as many take it: what the numbers of an RST show of all that it lacks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { erasOf } from '../../src/report/explain/eras.ts';
import { decisionsOf } from '../../src/report/explain/what-decided.ts';
import { MEMORY } from '../../src/store/database.ts';
import { readFindings } from '../../src/store/reader.ts';
import { Store } from '../../src/store/store.ts';
import { Conversation, exchange, handshake, serverCloses, together } from '../build/conversation.ts';
import type { Packet } from '../build/packet.ts';
import { newRun } from '../build/store-sample.ts';
import { follow } from '../flow/follow.ts';

const filtered = (packets: readonly Packet[]): Packet[] => packets.filter(({ flags }) => /[SFR]/.test(flags!));

async function toldOf(rule: string, packets: readonly Packet[]): Promise<Finding[]> {
  return (await follow(filtered(packets))).findings.filter(finding => finding.rule === rule);
}

async function reset(story: Conversation): Promise<Finding> {
  const [finding, ...more] = await toldOf('reset-close', story.packets);
  assert.deepEqual(more, []);
  return finding!;
}

test('a server that leaves a request unread has received something, as its RST acknowledges it', async () => {
  const { title, evidence, severity } = await reset(handshake().request().rstFrom('server'));
  assert.deepEqual([evidence.class, severity, evidence.received_nothing], ['abort', 'warning', undefined]);
  assert.match(title, /unread data/);
});

test('an RST beyond the handshake: the connection was in use, and a FIN may be missing', async () => {
  for (const end of ['client', 'server'] as const)
    for (const form of ['rstFrom', 'bareRst'] as const) {
      const finding = await reset(exchange().wait(60)[form](end));
      const { class: kind, unseen, idle, hints } = finding.evidence;
      assert.deepEqual(
        [kind, unseen, idle, hints, finding.severity, finding.confidence],
        [form === 'rstFrom' ? 'abort' : 'no-state', end, undefined, [], 'info', 'weak'],
      );
      assert.match(finding.title, /resets, and the capture lacks what it had sent before, by the number of its RST/);
      assert.match(JSON.stringify(adviceFor(finding)), /a filter left them out/);
    }
});

test('explain does not say what the other end expects, as the capture lacks its ACKs', async () => {
  const { findings, captures, origin } = await follow(filtered(exchange().rstFrom('client').packets));
  const store = new Store(MEMORY, newRun({ captures, origin }));
  try {
    store.findings(findings);
    const [finding] = [...readFindings(store.database, { rules: ['reset-close'] })];
    const [decision] = decisionsOf(finding!, erasOf(finding!));
    assert.match(decision!.text, /acknowledged last in this capture, which lacks what was sent since\.$/);
  } finally {
    store.close();
  }
});

test('an RST after a FIN, beyond what was captured, is no guess: its sender had answered', async () => {
  for (const form of ['rstFrom', 'bareRst'] as const) {
    const finding = await reset(
      handshake().request().fin('client').ack('server').response(5000).wait(30)[form]('server'),
    );
    const { class: kind, unseen, effective, idle, hints } = finding.evidence;
    assert.deepEqual(
      [kind, unseen, effective, idle, hints, finding.severity],
      ['abort-after-peer-fin', 'server', true, undefined, [], 'info'],
    );
  }
});

test('a client that had an answer closes: the handshake was completed, though its FIN acknowledges what was not captured', async () => {
  const closed = () => exchange().fin('client').ack('server');
  const own = await reset(closed().response(5000).wait(1).bareRst('client'));
  assert.deepEqual([own.evidence.class, own.severity], ['after-own-fin', 'info']);
  assert.match(own.title, /^The client resets after its own FIN/);
  const withoutData = handshake().response(100).fin('client').ack('server').response(50);
  assert.equal((await reset(withoutData.wait(1).bareRst('client'))).evidence.class, 'after-own-fin');
  const peer = await reset(closed().response(5000).wait(1).rstFrom('server'));
  assert.deepEqual([peer.evidence.class, peer.evidence.unseen], ['abort-after-peer-fin', 'server']);
  const [again] = await toldOf('port-reuse', closed().reopen(5).handshake().packets);
  assert.equal(again!.evidence.class, 'unknown-close');
});

test('nobody was idle for the time since the handshake, though it is the same on all connections', async () => {
  for (const end of ['client', 'server'] as const) {
    const stories = [0, 1, 2, 3].map(i => {
      const story = exchange({ client: `192.0.2.10:${40_000 + i}`, at: i * 7 })
        .wait(30)
        .request()
        .wait(0.05);
      return story.ack('server').rstFrom(end);
    });
    assert.deepEqual(await toldOf('idle-timer', together(...stories)), []);
  }
});

test('an RST at the numbers of the handshake still comes before the connection is in use', async () => {
  for (const story of [
    new Conversation().syn().synAck().rstFrom('client'),
    new Conversation().syn().synAck().bareRst('client'),
    handshake().bareRst('server'),
    // The form of a closed port: the number 0 is nobody's.
    new Conversation().syn().synAck().rstFrom('server', { seq: 0, window: 0, ipId: 0 }),
  ])
    assert.equal((await reset(story)).evidence.class, 'handshake-abort');
});

test('a server that has sent nothing, and resets long after its SYN-ACK, has no full accept queue', async () => {
  for (const form of ['rstFrom', 'bareRst'] as const) {
    const late = await reset(handshake().wait(60)[form]('server'));
    assert.deepEqual(
      [late.evidence.class, late.evidence.unseen, late.severity, late.confidence],
      ['handshake-abort', 'client', 'info', 'weak'],
    );
    assert.match(late.title, /^The server resets 60\.\d s after its SYN-ACK/);
    assert.doesNotMatch(late.title + JSON.stringify(adviceFor(late)), /accept queue|abort_on_overflow|listener/);
    // A bare RST acknowledges nothing: what came in between, and so how long it was silent, is not known.
    const isBare = form === 'bareRst';
    assert.deepEqual([late.evidence.idle === undefined, late.evidence.hints], [isBare, isBare ? [] : ['idle-timer']]);
    assert.match(late.title, isBare ? /may have used the connection since$/ : /received no data since, as its RST/);
    // The SYN-ACK of a server that takes up the client's ECN has ECE.
    const withEcn = new Conversation()
      .syn({ flags: 'SEC' })
      .synAck({ flags: 'SAE' })
      .ack('client')
      .wait(60)
      [form]('server');
    assert.equal((await reset(withEcn)).evidence.unseen, 'client');
    // A full queue answers without a socket. A closed listener aborts the sockets that it has.
    const soon = await reset(handshake().wait(3)[form]('server'));
    assert.match(
      soon.title,
      /^The server resets before the connection is in use: a (full accept queue|listener that was)/,
    );
    assert.equal(/accept queue|somaxconn|ListenOverflows/.test(soon.title + JSON.stringify(adviceFor(soon))), isBare);
    assert.equal(soon.evidence.sent_nothing, isBare ? undefined : true);
  }
});

test('a client that resets long after the only SYN-ACK had an open connection: no half-open scan', async () => {
  for (const form of ['rstFrom', 'bareRst'] as const) {
    const late = await reset(handshake().wait(60)[form]('client'));
    assert.deepEqual(
      [late.evidence.class, late.evidence.unseen, late.severity, late.confidence],
      ['handshake-abort', 'client', 'info', 'weak'],
    );
    const isBare = form === 'bareRst';
    assert.deepEqual([late.evidence.idle === undefined, late.evidence.hints], [isBare, isBare ? [] : ['idle-timer']]);
    assert.match(
      late.title,
      /^The client resets 60\.\d s after the server's SYN-ACK, and the capture lacks what came in/,
    );
    assert.match(
      late.title,
      isBare ? /may have used the connection since$/ : /by its numbers the RST comes before any data$/,
    );
    assert.doesNotMatch(late.title + JSON.stringify(adviceFor(late)), /scan/);
    // A server that repeats its SYN-ACK has not heard of the client's ACK.
    const c = new Conversation().syn().synAck().wait(1);
    const halfOpen = await reset(
      c
        .synAck({ seq: c.server.nxt - 1 })
        .wait(60)
        [form]('client'),
    );
    assert.equal(halfOpen.evidence.unseen, undefined);
  }
});

test('a listener is closed before anybody accepts: the RST shows that the server has sent nothing, and what it had received', async () => {
  const { title, evidence, severity } = await reset(handshake().request().wait(2).rstFrom('server'));
  assert.deepEqual([evidence.class, evidence.sent_nothing, evidence.received_nothing], ['abort', true, undefined]);
  assert.equal(severity, 'warning');
  assert.match(
    title,
    /^The server aborts the connection, having sent nothing: a listener that was closed before it accepted/,
  );
});

test('a server that has closed refuses what its client still sends: a bare RST at its FIN, or at an earlier number', async () => {
  for (const seq of [0, -1, -300]) {
    const closed = exchange().fin('server').request();
    const finding = await reset(closed.bareRst('server', { seq: closed.server.finSeq + seq }));
    assert.deepEqual([finding.evidence.class, finding.severity], ['after-own-fin', 'info']);
    assert.match(finding.title, /^The server resets after its own FIN: its socket was gone/);
  }
});

test('a server that resets soon had no full accept queue where ACKs show data that a filter left out', async () => {
  for (const [story, unseen] of [
    [exchange(), 'server'],
    [exchange().send('server', 'PA', { payload: 700 }), 'server'],
    [handshake().request(), undefined],
  ] as const) {
    const withoutData = story.bareRst('server').packets.filter(({ payload }) => payload === undefined);
    const { findings } = await follow(withoutData);
    const { evidence, title } = findings.find(({ rule }) => rule === 'reset-close')!;
    assert.deepEqual([evidence.class, evidence.unseen], ['no-state', unseen]);
    assert.doesNotMatch(title, /accept queue|before the connection is in use/);
  }
});

test('an RST,ACK far from what its sender has sent is a guess, also where the capture has only ACKs of its sender', async () => {
  const { packets, server } = exchange().wait(60).fin('client').ack('server');
  const [ack] = packets.slice(-1);
  const rst = { ...ack!, t: ack!.t + 13, flags: 'RA', seq: (server.nxt + 1_957_144_149) >>> 0 };
  const challenge = { ...packets.at(-2)!, t: rst.t + 0.001, flags: 'A', seq: (packets.at(-2)!.seq + 1) >>> 0 };
  const bare: Packet = { ...ack!, t: rst.t + 0.04, flags: 'R', ack: 0, window: 0 };
  const { findings } = await follow([ack!, rst, challenge, bare]);
  const told = findings.filter(({ rule }) => rule === 'reset-close');
  assert.deepEqual(
    told.map(({ evidence }) => [evidence.class, evidence.answers_challenge]),
    [
      ['ineffective', undefined],
      ['no-state', true],
    ],
  );
});

test('the client of an open connection begins anew: its RST has the number that the server expected, though no data shows it', async () => {
  for (const sent of [1, 700]) {
    const old = handshake().request(sent);
    const next = old.reopen(1).syn();
    old.oldAck(next, { ipId: 7 });
    next.bareRst('client', { seq: old.client.nxt }).wait(0.01).synAgain().synAck().ack('client');
    const finding = await reset(next);
    assert.deepEqual([finding.evidence.class, finding.evidence.ack_unseen], ['answer-to-old-ack', true]);
    const [reuse] = await toldOf('port-reuse', next.packets);
    assert.equal(reuse!.evidence.outcome, 'challenge-ack:unseen>rst>accepted');
    assert.match(
      reuse!.title,
      /after a connection whose close this capture does not show: answered with an ACK of the old/,
    );
  }
});

test('an RST after a SYN that has none of its numbers answers something: no SYN was given up', async () => {
  const answered = new Conversation().syn().bareRst('client', { seq: 4711 });
  answered.wait(0.01).synAgain().synAck().ack('client');
  const { title, evidence, confidence } = await reset(answered);
  assert.deepEqual([evidence.class, evidence.unfitting, confidence], ['client-abort-syn', 'ack', 'weak']);
  assert.match(
    title,
    /at a number that does not belong to the SYN: .* most likely an ACK of an older connection on these ports$/,
  );
  const later = handshake({ clientPort: 40_002, at: 5 });
  const givenUp = await toldOf('reset-close', together(later, new Conversation().syn().bareRst('client')));
  assert.match(givenUp[0]!.title, /^The client gives up its SYN/);
});

test('a server that aborts answers what is still on its way at numbers of before: no device steps through them', async () => {
  const story = exchange().response(3).rstFrom('server');
  const { nxt } = story.server;
  for (const seq of [nxt - 503, nxt - 503, nxt - 3, nxt]) story.wait(0.01).bareRst('server', { seq });
  const [finding] = await toldOf('reset-close', story.packets);
  assert.deepEqual([finding!.evidence.class, finding!.evidence.hints], ['abort', []]);
  for (const seq of [nxt + 1460, nxt + 4380]) story.bareRst('server', { seq });
  const [guessed] = await toldOf('reset-close', story.packets);
  assert.deepEqual(guessed!.evidence.hints, ['stepped-seq']);
});

test('a port that is used again: whether the handshake before was completed is not shown', async () => {
  const { packets } = serverCloses().reopen(5).handshake();
  const [finding] = (await follow(packets.filter(({ flags }) => flags!.includes('S')))).findings.filter(
    ({ rule }) => rule === 'port-reuse',
  );
  assert.match(finding!.title, /a handshake that was never completed, as far as this capture shows/);
});

test('an RST beyond the FIN of its own sender is a guess, whatever the capture lacks: nothing comes after a FIN', async () => {
  const story = exchange().fin('server').ack('client').wait(1);
  const { evidence } = await reset(story.bareRst('server', { seq: story.server.nxt + 5000 }));
  assert.deepEqual([evidence.class, evidence.effective], ['challenged', false]);
});

test('a client that resets beyond its SYN had been answered, though the capture has nothing of the server', async () => {
  const ofClient = (story: Conversation) =>
    filtered(story.packets).filter(({ flags }) => !flags!.includes('A') || flags === 'RA');
  for (const form of ['rstFrom', 'bareRst'] as const)
    for (const story of [exchange().wait(60)[form]('client'), handshake().request(3).wait(6)[form]('client')]) {
      const [finding, ...more] = (await follow(ofClient(story))).findings;
      assert.deepEqual(more, []);
      const { class: kind, unseen, unfitting, idle } = finding!.evidence;
      assert.deepEqual(
        [finding!.rule, kind, unseen, unfitting, idle, finding!.severity, finding!.confidence],
        ['reset-close', form === 'rstFrom' ? 'abort' : 'no-state', 'server', undefined, undefined, 'info', 'weak'],
      );
      assert.match(finding!.title, /^The client resets, and the capture has nothing of the server: perhaps/);
    }
  // It acknowledges something: there was a SYN-ACK.
  const unused = await toldOf('reset-close', ofClient(handshake().rstFrom('client')));
  assert.deepEqual([unused[0]!.evidence.class, unused[0]!.evidence.unseen], ['abort', 'server']);
  // A SYN that was sent again was accepted at last, elsewhere.
  const late = new Conversation().syn().wait(1).synAgain().synAck().ack('client').request().wait(6).bareRst('client');
  const [attempt] = (await follow(ofClient(late))).findings.filter(({ rule }) => rule === 'unanswered-syn');
  assert.deepEqual([attempt!.evidence.cause, attempt!.severity], ['one-way-capture', 'info']);
});
