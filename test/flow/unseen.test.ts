/** What acknowledgements show to be missing from the captures (docs/rules.md D0.7). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('no answer, and none is missing: a SYN alone, a SYN-ACK alone, data that is sent until its sender gives up', async () => {
  const c = exchange().wait(1).request(300);
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
  assert.deepEqual(await unseen(packets.slice(0, packets.indexOf(last))), [undefined, undefined], 'the capture ended');
});

test('what was under way when the capture began is not missing', async () => {
  const c = exchange().request(300);
  const begun = c.packets.length;
  c.response(1000).request(300).response(500).ack('client');
  const [, ...later] = c.packets.slice(begun);
  assert.deepEqual(await unseen(later), [undefined, undefined]);
});

test('a segment whose handshake never ended says nothing', async () => {
  const c = new Conversation().syn().synAck();
  c.send('client', 'A', { ack: 5 });
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
