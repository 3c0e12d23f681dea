/** What acknowledgements show to be missing from the captures (docs/rules.md D0.7). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow } from '../../src/flow/flow.ts';
import { layout } from '../../src/flow/layout.ts';
import { Unseen } from '../../src/flow/unseen.ts';
import { Conversation, exchange } from '../build/conversation.ts';
import { inShards } from '../build/in-process.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { follow } from './follow.ts';

/** [flows with one direction, flows with more acknowledged than captured]. */
async function unseen(...packets: readonly Packet[][]): Promise<unknown[]> {
  const { tally } = await follow(packets.flat().sort((a, b) => a.t - b.t));
  return [tally['unseen.directions'], tally['unseen.acknowledged']];
}

const whole = (): Conversation => exchange().request(300).response(1000).response(1000).wait(1).clientCloses();
const fromClient = (p: Packet): boolean => p.dport === 80;
const fromServer = (p: Packet): boolean => p.sport === 80;

test('nothing is missing', async () => {
  const again = exchange().request(300).wait(0.3);
  again
    .send('client', 'PA', { payload: 300, seq: again.client.nxt - 300 })
    .response(100)
    .ack('client');
  const aborted = exchange({ clientPort: 40001 }).request(300).rstFrom('server');
  assert.deepEqual(await unseen(whole().packets), [undefined, undefined]);
  assert.deepEqual(await unseen(again.packets, aborted.packets), [undefined, undefined]);
});

test('one direction only, as where the servers answer past a balancer, or a mirror copies one direction', async () => {
  assert.deepEqual(await unseen(whole().packets.filter(fromClient)), [1, undefined]);
  assert.deepEqual(await unseen(whole().packets.filter(fromServer)), [1, undefined]);
});

test('one direction of a connection from before the capture, of which nothing is sent twice', async () => {
  const c = exchange();
  const begun = c.packets.length;
  for (let i = 0; i < 5; i++) c.wait(1).request(300).response(100);
  assert.deepEqual(await unseen(c.packets.slice(begun).filter(fromClient)), [1, undefined]);
});

test('two segments, and five within a second, may have gone out without an answer', async () => {
  const c = exchange().wait(1);
  const begun = c.packets.length;
  c.request(300).wait(5).request(300);
  assert.deepEqual(await unseen(c.packets.slice(begun).filter(fromClient)), [undefined, undefined]);
  const soon = exchange().wait(1);
  for (let i = 0; i < 5; i++) soon.wait(0.2).request(300);
  assert.deepEqual(await unseen(soon.packets.slice(begun).filter(fromClient)), [undefined, undefined]);
});

test('no answer, and none is missing: a SYN alone, a SYN-ACK alone, data that is sent until its sender gives up', async () => {
  const c = exchange().wait(1).send('client', 'PA', { payload: 300 });
  const data = c.last;
  const again = [0.2, 0.6, 1.4, 3, 6.2].map(after => ({ ...data, t: data.t + after }));
  const silent = new Conversation({ clientPort: 40001 }).syn().wait(1).synAgain().wait(2).synAgain();
  const flood = new Conversation({ clientPort: 40002 }).syn().synAck().wait(1);
  flood.send('server', 'SA', { seq: flood.server.nxt - 1 });
  assert.deepEqual(await unseen([data, ...again]), [undefined, undefined]);
  assert.deepEqual(await unseen(silent.packets, flood.packets.filter(fromServer)), [undefined, undefined]);
});

test('packets that the capture lost, at the end of what a side sent and in its middle', async () => {
  const { packets } = whole();
  const isData = (p: Packet): boolean => fromServer(p) && (p.payload ?? 0) > 0;
  assert.ok(packets.some(isData));
  assert.deepEqual(await unseen(packets.filter(p => !isData(p))), [undefined, 1]);
  const last = packets.findLast(p => fromClient(p) && p.flags.includes('F'))!;
  assert.deepEqual(await unseen(packets.filter(p => p !== last)), [undefined, 1], 'a FIN');
  const toFin = packets.slice(0, packets.findLastIndex(p => fromServer(p) && p.flags.includes('F')) + 1);
  const bare = toFin.filter(p => p !== last).map(p => ({ ...p, tsval: undefined, tsecr: undefined }));
  assert.deepEqual(await unseen(bare), [undefined, 1], 'a FIN without timestamps');
  assert.deepEqual(await unseen(packets.slice(0, packets.indexOf(last))), [undefined, undefined], 'the capture ended');
});

test('what was under way when the capture began is not missing', async () => {
  const c = exchange().request(300);
  const begun = c.packets.length;
  c.response(1000).request(300).response(500).ack('client');
  const [, ...later] = c.packets.slice(begun);
  assert.deepEqual(await unseen(later), [undefined, undefined]);
});

test('what was under way is not missing where a retransmission comes first, either, whatever the scale of the window', async () => {
  const missing = (upTo: number): Packet[] => {
    const c = new Conversation().send('server', 'A', { payload: 1000, seq: 1, window: 500 });
    const { seq } = c.send('client', 'A', { ack: upTo, window: 500 }).last;
    c.send('server', 'A', { payload: 1000, seq: upTo, ack: seq, window: 500 });
    return c.send('client', 'A', { ack: upTo + 1000, window: 500 }).packets;
  };
  assert.deepEqual(await unseen(missing(100_000)), [undefined, undefined]);
  const closes = new Conversation().send('server', 'A', { payload: 1000, seq: 1 });
  assert.deepEqual(await unseen(closes.send('client', 'FA', { ack: 100_000 }).packets), [undefined, undefined]);
  assert.deepEqual(await unseen(missing(500 * 2 ** 14 + 100_000)), [undefined, 1], 'no window is as large');
});

test('one number that acknowledges too much shows nothing, at the end of a connection or before', async () => {
  const wild = (c: Conversation): Conversation => c.ack('client', { ack: c.server.nxt + 5000 });
  const last = wild(exchange().request(300).response(1000).ack('client').wait(1));
  assert.deepEqual(await unseen(last.packets), [undefined, undefined]);
  const before = wild(exchange().request(300).response(1000).ack('client').wait(1));
  assert.deepEqual(await unseen(before.wait(1).fin('client').ack('server').packets), [undefined, undefined]);
});

test('what was sent, not captured and not acknowledged may have been lost before the capture point', async () => {
  const c = exchange().request(300).response(1000).ack('client').wait(1);
  c.server.nxt += 1000;
  const { packets } = c.send('server', 'PA', { payload: 1000, lost: true }).ack('client');
  assert.deepEqual(await unseen(packets), [undefined, undefined]);
});

test('an ACK of a response that was not captured shows it by the TSval that it echoes', async () => {
  const { packets } = exchange().request(300).response(1000).ack('client').wait(1).response(500).ack('client');
  assert.deepEqual(await unseen(packets.filter(p => !(fromServer(p) && p.payload === 500))), [undefined, 1]);
});

for (const ahead of [1e8, -1e8]) {
  test(`a server begins again with an ISN ${ahead} further: nothing is missing, and the client went on`, async () => {
    const c = new Conversation({ serverIsn: 5e8 }).syn().synAck({ lost: true }).wait(1).synAgain();
    c.server.nxt = 5e8 + ahead;
    c.synAck().ack('client').request(300).response(1000).ack('client').clientCloses();
    assert.deepEqual(await unseen(c.packets), [undefined, undefined]);
    const { findings } = await follow(c);
    assert.ok(!findings.some(({ title }) => title.includes('never goes on')));
  });
}

test('a second SYN-ACK for which the client has not asked changes no numbers', async () => {
  const c = new Conversation({ serverIsn: 5e8 }).syn().synAck();
  c.packets.push({ ...c.last, t: c.now, seq: 4e8, ipId: 999 });
  c.ack('client').request(300).response(1000).ack('client').clientCloses();
  assert.deepEqual(await unseen(c.packets), [undefined, undefined]);
});

test('two machines that answer one SYN, and the two sides of a SYN proxy, have numbers that do not fit', async () => {
  const two = new Conversation({ serverIsn: 5e8 }).syn().synAck({ lost: true });
  two.server.nxt = 6e8;
  two
    .synAck({ ttl: 50 })
    .ack('client')
    .request(300)
    .response(1000)
    .ack('client')
    .request(300)
    .response(1000)
    .ack('client');
  assert.deepEqual(await unseen(two.packets), [undefined, undefined]);
  const proxy = new Conversation({ serverIsn: 5e8 }).syn().synAck({ window: 0 }).ack('client');
  proxy.synAgain();
  proxy.server.nxt = 6e8;
  proxy.synAck().ack('client').request(300).response(1000).ack('client').clientCloses();
  assert.deepEqual(await unseen(proxy.packets), [undefined, undefined]);
});

test('a connection to itself has one side only', async () => {
  const self = '127.0.0.1:40000';
  const c = exchange({ client: self, server: self }).request(300).response(300).ack('client');
  assert.deepEqual(await unseen(c.packets), [undefined, undefined]);
});

test('from 2 GiB on the numbers no longer show how many bytes there were', () => {
  const { SideBit, Phase } = layout;
  const side = (bits: number, acked: number, nxt: number, bytes: number): object => ({
    ...{ isn: -1, acked: acked | 0, nxt: nxt | 0, bytes, maxWindow: 1, sentFlags: 0, sent: () => 0 },
    has: (bit: number) => (bits & bit) !== 0,
  });
  const client = side(SideBit.SYN | SideBit.SPOKE, 2.2e9, 0, 0);
  const server = side(SideBit.SYN_ACK | SideBit.SPOKE, 0, 2.2e9, 4.4e9);
  const twice = { a: client, b: server, client, server, phase: Phase.OPEN, hostA: 1, hostB: 2 };
  const { acknowledged } = noted(twice as unknown as Flow);
  assert.equal(acknowledged, 0);
});

function noted(flow: Flow): Unseen {
  const counts = new Unseen();
  counts.note(flow);
  return counts;
}

test('a segment whose handshake never ended says nothing', async () => {
  const c = new Conversation().syn().synAck();
  c.send('client', 'FA', { ack: c.server.nxt + 5000 });
  assert.deepEqual(await unseen(c.packets), [undefined, undefined]);
});

test('any number of shards counts the same', async () => {
  const stories = Array.from({ length: 9 }, (_, i) => {
    const client = `192.0.2.${10 + i}:40000`;
    const c = exchange({ client, at: i / 10 })
      .request(300)
      .response(1000)
      .clientCloses();
    return i % 3 === 0 ? c.packets.filter(fromClient) : c.packets.filter((_, n) => n % 5 !== 3);
  });
  const packets = stories.flat().sort((a, b) => a.t - b.t);
  const input = [{ name: 'x.pcap', bytes: pcap(frames(packets), { nanos: true }) }];
  const one = await inShards(input, 1);
  for (const shards of [2, 5]) assert.deepEqual((await inShards(input, shards)).tally, one.tally);
  assert.deepEqual([one.tally['unseen.directions'], one.tally['unseen.acknowledged']], [3, 6]);
});
