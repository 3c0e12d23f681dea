/** Which SYN repeats, crosses or follows its SYN-ACK, and which opens a new connection (docs/rules.md D0.6). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Conversation,
  clientCloses,
  exchange,
  handshake,
  serverCloses,
  simultaneousClose,
  TW_ISN_STEP,
} from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { collision } from '../build/situations/reuse.ts';
import { evidence, flows, follow, followFile, resets, reuse } from './follow.ts';

const WHOLE = '40000 SF ShADadFf fin';

test('a: a SYN of the same number is a retransmission', async () => {
  const c = new Conversation().syn().wait(1).synAgain().wait(2).synAgain().synAck().ack('client').request().response();
  const outcome = await follow(c.clientCloses());
  assert.deepEqual(flows(outcome), [WHOLE]);
  assert.equal(outcome.flows[0].clientPackets, 8);
  assert.deepEqual(
    outcome.findings.map(({ rule }) => rule),
    ['unanswered-syn'],
  );
});

test('a: also after the SYN-ACK, when that was lost on its way', async () => {
  const c = new Conversation({ clientIsn: 100, serverIsn: 900 }).syn().synAck({ lost: true });
  c.wait(1).synAgain().synAck({ seq: 900 }).ack('client').request().response();
  const outcome = await follow(c.clientCloses());
  assert.deepEqual(flows(outcome), [WHOLE]);
  assert.deepEqual(
    outcome.findings.map(({ rule, evidence }) => [rule, evidence.cause]),
    [['unanswered-syn', 'path-loss']],
  );
});

test('a: after a refusal it is another try of the same attempt', async () => {
  const c = new Conversation().syn().refuse().wait(0.5).synAgain().refuse().wait(0.5).synAgain();
  const outcome = await follow(c.synAck().ack('client').request().response().clientCloses());
  assert.equal(outcome.tally.flows, 1);
  assert.deepEqual(resets(outcome), ['refused', 'refused']);
  assert.deepEqual(evidence(outcome, 'port-reuse'), []);
});

test('b: a SYN from the other end while the first is unanswered crosses it', async () => {
  const c = new Conversation().syn();
  c.send('server', 'S').synAgain({ flags: 'SA', ack: c.server.nxt, tsecr: c.client.tsRecent });
  c.send('server', 'SA', { seq: c.server.nxt - 1 });
  const outcome = await follow(c.request().response().clientCloses());
  assert.equal(outcome.tally.flows, 1);
  assert.equal(outcome.flows[0].close, 'fin');
  assert.deepEqual(outcome.findings, []);
});

test('b: not when the other end has already answered', async () => {
  const c = new Conversation().syn();
  c.send('server', 'A', { ack: 5 });
  const reversed = c.reopen(1, {
    client: c.server.host,
    clientPort: 80,
    server: c.client.host,
    serverPort: 40000,
  });
  assert.equal((await follow(reversed.syn())).tally.flows, 2);
});

test('c: a SYN recorded within 50 ms after its SYN-ACK belongs to it', async () => {
  for (const [late, count] of [
    [0.00003, 1],
    [0.0449, 1],
    [0.0551, 2],
  ] as const) {
    const c = handshake().request().response().clientCloses();
    const [syn, synAck, ...rest] = c.packets;
    const shifted = rest.map(p => ({ ...p, t: p.t + 1 }));
    const outcome = await followFile([synAck!, { ...syn!, t: synAck!.t + late }, ...shifted]);
    assert.equal(outcome.tally.flows, count, `${late} s`);
    if (count === 1) assert.deepEqual([flows(outcome), outcome.findings], [['40000 SF ^hSADadFf fin'], []]);
  }
});

test('c: also where the tuple was in use before, and every packet of the server is recorded early', async () => {
  for (const closed of [
    serverCloses({ rtt: 0.0001 }),
    clientCloses({ rtt: 0.0001 }),
    simultaneousClose({ rtt: 0.0001 }),
  ]) {
    const next = closed.reopen(1).handshake().request(4).response().serverCloses();
    for (const packet of next.packets) if (packet.sport === next.server.port) packet.t -= 0.00006;
    next.packets.sort((a, b) => a.t - b.t);
    assert.deepEqual(
      next.packets.slice(-11, -9).map(({ flags }) => flags),
      ['SA', 'S'],
    );
    const outcome = await follow(next);
    assert.deepEqual(
      flows(outcome).map(flow => flow.replace(/ \^?\w+ fin/, ' fin')),
      ['40000 SF fin', '40000 SF fin'],
    );
    const [found, ...more] = evidence(outcome, 'port-reuse');
    assert.equal(more.length, 0);
    assert.match(String(found!.outcome), /^accepted/);
    assert.deepEqual(evidence(outcome, 'unanswered-syn'), []);
  }
});

test('d: the SYN once more in its own open connection is an old duplicate', async () => {
  const c = handshake();
  const syn = { ...c.packets[0], t: 2 };
  const outcome = await follow([c.wait(3).request().response().clientCloses(), [syn] as unknown as Conversation]);
  assert.equal(outcome.tally.flows, 1);
  assert.deepEqual(outcome.findings, []);
});

test('d: the SYN of an open connection that was joined after it is no new connection', async () => {
  const c = handshake();
  const [syn, , ...rest] = c.request().response().clientCloses().packets;
  const late = { ...syn!, t: rest[1].t + 0.001 };
  const outcome = await follow([...rest, late]);
  assert.equal(outcome.tally.flows, 1);
  assert.deepEqual(outcome.findings, []);
});

test('e: after an attempt that nothing came of, a SYN is a new attempt', async () => {
  const outcome = await follow(new Conversation().syn().reopen(20).handshake());
  assert.equal(outcome.tally.flows, 2);
  assert.deepEqual(outcome.findings, []);
});

test('e: pending attempts are skipped: the connection before them counts', async () => {
  const old = serverCloses();
  const pending = old.reopen(10).syn().reopen(5).syn();
  const outcome = await follow(pending.reopen(5, { serverIsn: old.server.nxt + TW_ISN_STEP }).handshake());
  assert.equal(outcome.tally.flows, 4);
  assert.deepEqual(
    evidence(outcome, 'port-reuse').map(({ class: kind, outcome: answer }) => [kind, answer]),
    [
      ['in-time-wait', 'dropped'],
      ['in-time-wait', 'dropped'],
      ['in-time-wait', 'accepted:tw-isn'],
    ],
  );
});

test('f: any other SYN opens a new connection, and the old one is told once', async () => {
  const outcome = await follow(exchange().reopen(30).handshake());
  assert.deepEqual(flows(outcome), ['40000 S1 ShADad open', '40000 S1 ShA open']);
  assert.deepEqual(reuse(outcome).class, 'open');
});

test('f: a SYN in place of a handshake never completed', async () => {
  const outcome = await follow(new Conversation().syn().synAck().reopen(30).handshake());
  assert.equal(reuse(outcome).class, 'syn-sent');
});

test('initial numbers above 2^31 change nothing', async () => {
  for (const isn of [2 ** 31 - 1, 2 ** 31, 3_000_000_000, 2 ** 32 - 1]) {
    const outcome = await follow(exchange({ serverIsn: isn, clientIsn: isn - 7 }).clientCloses());
    assert.deepEqual([flows(outcome), outcome.findings], [[WHOLE], []], `${isn}`);
    const [found] = evidence(await follow(collision(0.01, { serverIsn: isn, clientIsn: isn })), 'port-reuse');
    assert.equal(found!.outcome, 'challenge-ack>rst>accepted', `${isn}`);
  }
});

test('a SYN with data: all of it is acknowledged', async () => {
  const c = new Conversation().syn({ payload: 50 }).synAck().ack('client').request().response().clientCloses();
  const outcome = await follow(c);
  assert.deepEqual([outcome.flows.length, outcome.flows[0].close, outcome.findings], [1, 'fin', []]);
  assert.equal(outcome.flows[0].clientBytes, 150);
});

test('a SYN with data: only the SYN is acknowledged and the data comes again', async () => {
  const c = new Conversation({ clientIsn: 1000 }).syn({ payload: 50 }).synAck({ ack: 1001 });
  c.ack('client', { seq: 1001 }).send('client', 'PA', { seq: 1001, payload: 50 }).ack('server').response();
  const outcome = await follow(c.clientCloses());
  assert.deepEqual([outcome.flows.length, outcome.flows[0].close, outcome.findings], [1, 'fin', []]);
});

test('a SYN with data is refused with either number', async () => {
  for (const ack of [1001, 1051]) {
    const outcome = await follow(new Conversation({ clientIsn: 1000 }).syn({ payload: 50 }).refuse({ ack }));
    assert.deepEqual(resets(outcome), ['refused'], `${ack}`);
  }
});

/** Leaves out the packets of these numbers, from 0. */
const without = (story: Conversation, ...lost: number[]): Conversation => {
  const kept = story.packets.filter((_, i) => !lost.includes(i));
  story.packets.splice(0, story.packets.length, ...kept);
  return story;
};

test('the SYN-ACK is not in the capture: the client goes on, so it came', async () => {
  const outcome = await follow(without(exchange().clientCloses(), 1));
  assert.deepEqual([outcome.tally.flows, outcome.flows[0].close, outcome.findings], [1, 'fin', []]);
  assert.equal(outcome.timeWaits.length, 1);
});

test('neither the SYN-ACK nor the ACK of it is in the capture', async () => {
  const outcome = await follow(without(exchange().clientCloses(), 1, 2));
  assert.deepEqual([outcome.tally.flows, outcome.flows[0].close, outcome.findings], [1, 'fin', []]);
});

test('the SYN-ACK of a reuse is not in the capture: accepted all the same', async () => {
  const old = serverCloses();
  const next = old.reopen(30, { serverIsn: old.server.nxt + TW_ISN_STEP });
  const before = next.packets.length;
  next.handshake().request();
  assert.equal(reuse(await follow(without(next, before + 1))).outcome, 'accepted');
});

test('the ACK of the SYN-ACK is not in the capture, and the server spoke twice before the client did', async () => {
  const c = new Conversation().syn().synAck().send('server', 'PA', { payload: 100 });
  const ack = c.server.nxt;
  c.send('server', 'PA', { payload: 100 }).ack('client', { ack }).wait(0.2).rstFrom('server');
  const outcome = await follow(c);
  assert.deepEqual(resets(outcome), ['abort']);
});

test('the SYN is not in the capture: the SYN-ACK tells who is the client', async () => {
  const c = handshake({ client: '192.0.2.10:80', server: '198.51.100.80:50000' }).request().clientCloses();
  const [flow] = (await follow(without(c, 0))).flows;
  assert.deepEqual([flow!.client, flow!.clientPort, flow!.close], ['192.0.2.10', 80, 'fin']);
});

test('joined in the middle, the end with the higher port is the client', async () => {
  const [flow] = (await follow(without(exchange(), 0, 1, 2))).flows;
  assert.deepEqual([flow!.clientPort, flow!.serverPort, flow!.connState], [40000, 80, 'OTH']);
});

test('an old ACK does not move the new attempt', async () => {
  const old = exchange({ client: new Host('192.0.2.10', { boot: 5e7 }) });
  const next = old.reopen(30, { client: new Host('192.0.2.10', { boot: 6e7 }) }).syn();
  old.oldAck(next, {});
  const outcome = await follow(next);
  assert.deepEqual(
    outcome.flows.map(f => f.close),
    ['open', 'unanswered'],
  );
});
