/** What the flow table forgets, and when: after 150 s, for lack of room, and across steps of the clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { collect, type Outcome } from '../build/collect.ts';
import { Conversation, clientCloses, exchange, serverCloses, TW_ISN_STEP } from '../build/conversation.ts';
import type { Frame } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { randomTraffic } from '../build/random-traffic.ts';
import { collision } from '../build/situations/reuse.ts';
import { evidence, flows, follow, followFile, resets } from './follow.ts';

/** When `serverCloses()` sends its last packet. */
const LAST = 0.05;
const LINGER = 150;

/** Others, who let time pass for the table each second. */
const ticking = (until: number): Conversation[] =>
  Array.from({ length: until }, (_, i) =>
    new Conversation({
      client: '203.0.113.1:50000',
      clientPort: 50000 + (i % 1000),
      server: '203.0.113.2:22',
      at: i,
    }).syn(),
  );

for (const [name, others] of [
  ['nobody else speaks', []],
  ['others speak each second', ticking(LINGER + 2)],
] as const) {
  test(`a closed connection is remembered for exactly 150 s after its last packet, while ${name}`, async () => {
    const reopened = async (at: number): Promise<unknown[]> => {
      const next = serverCloses().reopen(0, { at }).handshake();
      return evidence(await follow([next, ...others]), 'port-reuse').map(e => e.class);
    };
    assert.deepEqual(await reopened(LAST + LINGER), ['after-time-wait']);
    assert.deepEqual(await reopened(LAST + LINGER + 1e-9), []);
  });
}

test('an open connection is remembered however long it is silent', async () => {
  const outcome = await follow([exchange().wait(5000).request().clientCloses(), ...ticking(100)]);
  const [flow] = outcome.flows.filter(f => f.clientPort === 40000);
  assert.equal(flow!.close, 'fin');
  assert.equal(outcome.tally.flows, 101);
});

test('SYN and FIN together open nothing: the connection is that which goes on, with its roles', async () => {
  const c = new Conversation({ client: '192.0.2.10:40000', server: '198.51.100.80:502' });
  c.send('server', 'SF', { payload: 6 }).wait(0.001).response().request();
  const outcome = await follow(c);
  assert.deepEqual(outcome.findings, []);
  const [flow] = outcome.flows;
  assert.deepEqual([flow!.clientPort, flow!.serverPort], [40_000, 502]);
});

test('a half-closed connection is remembered too', async () => {
  const outcome = await follow(
    exchange().fin('client').ack('server').wait(1000).response().fin('server').ack('client'),
  );
  assert.deepEqual(flows(outcome), ['40000 SF ShADadFf fin']);
});

test('a late packet of a closed connection keeps its memory', async () => {
  const c = serverCloses().wait(140).finAgain('client').wait(140).reopen(0).handshake();
  assert.equal(evidence(await follow([c, ...ticking(300)]), 'port-reuse').length, 1);
});

test('the clock steps back in the middle of a connection: it stays one, and no age is taken across', async () => {
  const c = exchange().request();
  const before = c.packets.length;
  c.response().serverCloses();
  for (const packet of c.packets.slice(before)) packet.t -= 0.06;
  const outcome = await followFile(c.packets.map(p => ({ ...p, t: p.t + 1000 })));
  assert.deepEqual(
    outcome.captures[0].notes.map(note => note.kind),
    ['clock-step'],
  );
  assert.deepEqual([outcome.tally.flows, outcome.flows[0].close, outcome.findings], [1, 'fin', []]);
  assert.equal(outcome.timeWaits.length, 1);
});

test('a closed connection and a reuse on the two sides of a step have nothing to do with each other', async () => {
  const { packets } = collision(0.01);
  const cut = packets.findIndex(p => p.t > 20);
  const stepped = packets.map((p, i) => ({ ...p, t: i < cut ? p.t + 1000 : p.t }));
  const outcome = await followFile(stepped);
  assert.deepEqual(evidence(outcome, 'port-reuse'), []);
  assert.deepEqual(evidence(outcome, 'timestamp-regress'), []);
  // The RST still answers an ACK of something.
  assert.deepEqual(resets(outcome), ['answer-to-old-ack']);
});

test('a connection after a step is followed like any other', async () => {
  const first = exchange({ clientPort: 50000 }).packets.map(p => ({ ...p, t: p.t + 5000 }));
  const outcome = await followFile([...first, ...collision(0.01).packets]);
  const plain = await follow(collision(0.01));
  assert.deepEqual(evidence(outcome, 'port-reuse'), evidence(plain, 'port-reuse'));
});

const ALL_TOLD = (outcome: Outcome): void => {
  assert.equal(outcome.flows.length, outcome.tally.flows, 'every connection is told once');
};

test('a full table lets the oldest closed connections go, and counts them', async () => {
  const closed = Array.from({ length: 20 }, (_, i) => clientCloses({ clientPort: 41000 + i, at: i }));
  const outcome = await follow(closed, { maxFlows: 4 });
  ALL_TOLD(outcome);
  assert.equal(outcome.tally.flows, 20);
  assert.equal(outcome.tally['evicted.flows'], 16);
  assert.deepEqual(
    outcome.flows.slice(0, 16).map(f => f.clientPort),
    closed.slice(0, 16).map(c => c.client.port),
  );
});

test('a closed connection goes before an open one, however old that is', async () => {
  const open = exchange({ clientPort: 50000 });
  const closed = Array.from({ length: 5 }, (_, i) => clientCloses({ clientPort: 41000 + i, at: i + 1 }));
  const outcome = await follow([open.wait(20).request(), ...closed], { maxFlows: 4 });
  ALL_TOLD(outcome);
  const [flow] = outcome.flows.filter(f => f.clientPort === 50000);
  assert.deepEqual([flow!.history, flow!.clientBytes], ['ShADad', 200]);
});

test('once something was forgotten nothing is proof any more', async () => {
  const before = Array.from({ length: 8 }, (_, i) =>
    clientCloses({ client: '203.0.113.1:1', clientPort: 41000 + i, at: i }),
  );
  const confidences = async (others: readonly Conversation[]): Promise<unknown[]> =>
    (await follow([...others, collision(0.01, { at: 40 })], { maxFlows: 4 })).findings.map(f => f.confidence);
  const proofs = await confidences([]);
  assert.ok(proofs.includes('proof'));
  assert.deepEqual(
    await confidences(before),
    proofs.map(confidence => (confidence === 'proof' ? 'strong' : confidence)),
  );
});

test('a flood of SYNs pushes out neither the open connection in its middle nor the one that has just closed', async () => {
  const flood = Array.from({ length: 10_000 }, (_, i) => ({
    t: i / 10_000,
    src: '203.0.113.1',
    sport: 1024 + i,
    dst: '198.51.100.80',
    dport: 443,
    flags: 'S',
    seq: i,
  }));
  const old = serverCloses({ at: 0.6 });
  const next = old
    .reopen(0.005, { serverIsn: old.server.nxt + TW_ISN_STEP })
    .handshake()
    .request();
  const packets = [...flood, ...next.packets].toSorted((a, b) => a.t - b.t);
  const span = next.packets.at(-1)!.t - next.packets[0].t;
  const outcome = await followFile(packets, { maxFlows: Math.ceil(span * 10_000) + 100 });
  ALL_TOLD(outcome);
  assert.ok(outcome.tally['evicted.flows'] > 5000);
  assert.deepEqual(
    evidence(outcome, 'port-reuse').map(e => [e.class, e.outcome]),
    [['in-time-wait', 'accepted:tw-isn']],
  );
});

test('a chain of an old and a new connection survives the eviction of others', async () => {
  const old = serverCloses({ at: 30 });
  const next = old.reopen(10, { serverIsn: old.server.nxt + TW_ISN_STEP }).syn();
  const others = Array.from({ length: 10 }, (_, i) => clientCloses({ clientPort: 41000 + i, at: i }));
  const outcome = await follow([...others, next.wait(1).synAck().ack('client').request()], { maxFlows: 4 });
  ALL_TOLD(outcome);
  assert.ok(outcome.tally['evicted.flows'] > 0);
  assert.deepEqual(
    evidence(outcome, 'port-reuse').map(e => e.outcome),
    ['accepted:tw-isn'],
  );
});

const framesOf = (frames: readonly Frame[], maxFlows: number): Promise<Outcome> =>
  collect([{ name: 'random.pcap', bytes: pcap(frames, { nanos: true, linkType: 1 }) }], { flows: true, maxFlows });

test('random traffic in a table of any size: no connection is lost, none is told twice', async () => {
  const property = fc.asyncProperty(randomTraffic(120), fc.integer({ min: 2, max: 5 }), async (frames, maxFlows) => {
    const outcome = await framesOf(frames, maxFlows);
    ALL_TOLD(outcome);
    const roomy = await framesOf(frames, 1024);
    ALL_TOLD(roomy);
    assert.equal(roomy.tally['evicted.flows'], 0);
    assert.equal(outcome.tally.segments, roomy.tally.segments);
  });
  await fc.assert(property, { numRuns: 30 });
});

test('a table for a single connection is still a table', async () => {
  const outcome = await follow([collision(0.01), ...ticking(20)], { maxFlows: 1 });
  ALL_TOLD(outcome);
});
