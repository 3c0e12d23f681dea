import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../src/base/time.ts';
import type { Observer } from '../../src/flow/events.ts';
import { Conversation } from '../build/conversation.ts';
import type { Packet } from '../build/packet.ts';
import { observed } from './observe.ts';

/** What an observer is told of the attempts, in words. */
async function fates(packets: readonly Packet[]): Promise<string[]> {
  const told: string[] = [];
  let opened = 0;
  const observer: Observer = {
    opened: () => opened++,
    repeated: event => told.push(`repeated ${event.attempt().syns}`),
    answered: () => told.push('answered'),
    unanswered: (flow, until) => told.push(`unanswered, watched ${((until - flow.opened) / SECOND).toFixed(0)} s`),
    attempt: ({ steps, syns, answered }) =>
      told.push(`${syns} SYNs, ${steps.join('>') || 'no answer'}${answered ? '' : '!'}`),
    stalled: ({ synAcks, dataSegments, resumed }) =>
      told.push(`stalled: ${synAcks} SYN-ACKs, ${dataSegments} data, ${resumed ? 'resumed' : 'over'}`),
  };
  await observed(observer, packets);
  const ends = told.filter(line => !line.startsWith('repeated') && !line.startsWith('stalled'));
  assert.equal(ends.length, opened, 'each attempt ends once');
  return told;
}

const syn = (t: number, changes: Partial<Packet> = {}): Packet => ({
  t,
  src: '192.0.2.10',
  dst: '198.51.100.80',
  sport: 40000,
  dport: 80,
  flags: 'S',
  seq: 1000,
  tsval: 5000 + t * 1000,
  tsecr: 0,
  ...changes,
});
const answer = (t: number, flags: string, changes: Partial<Packet> = {}): Packet => ({
  t,
  src: '198.51.100.80',
  dst: '192.0.2.10',
  sport: 80,
  dport: 40000,
  flags,
  seq: 7000,
  ack: 1001,
  ...changes,
});
/** Another host is heard: time goes on. */
const later = (t: number): Packet => syn(t, { src: '192.0.2.99', flags: 'A', ack: 1 });

test('a flow whose stories are over has none: the addon may follow it again', async () => {
  const stories: boolean[] = [];
  await observed({ opened: event => event.attempt(), left: ({ story }) => stories.push(story !== 0) }, [
    ...new Conversation().handshake().request().packets,
    ...new Conversation({ client: '192.0.2.11:1', at: 9 }).syn().packets,
  ]);
  assert.deepEqual(stories, [false, true], 'answered, and still open at the end');
});

test('a SYN that is answered at once is told without a story', async () => {
  assert.deepEqual(await fates(new Conversation().handshake().packets), ['answered']);
  assert.deepEqual(await fates([syn(0), answer(0.01, 'RA', { seq: 0 })]), ['answered'], 'refused');
  assert.deepEqual(await fates([syn(0), syn(0.02, { flags: 'A', seq: 1001, ack: 7001 })]), ['answered'], 'one way');
});

test('a SYN-ACK recorded before its SYN answers it', async () => {
  assert.deepEqual(await fates([answer(0, 'SA'), syn(0.001)]), ['answered']);
});

test('a lone SYN is given up after 75 seconds, or when the capture ends', async () => {
  assert.deepEqual(await fates([syn(0), later(80)]), ['unanswered, watched 75 s']);
  assert.deepEqual(await fates([syn(0), later(3)]), ['unanswered, watched 3 s']);
});

test('a lone SYN whose tuple is opened again counts by itself', async () => {
  assert.deepEqual(await fates([syn(0), syn(5, { seq: 99 }), answer(5.01, 'SA', { ack: 100 })]), [
    'unanswered, watched 5 s',
    'answered',
  ]);
});

test('repeated SYNs are one attempt, whose story begins with the first', async () => {
  assert.deepEqual(await fates([syn(0), syn(1), syn(3), answer(3.01, 'SA')]), [
    'repeated 1',
    'repeated 2',
    '3 SYNs, accepted',
  ]);
  assert.deepEqual(await fates([syn(0), syn(1), later(90)]), ['repeated 1', '2 SYNs, no answer!']);
});

test('an ACK of something else begins a story', async () => {
  const story = [syn(0), answer(0.01, 'A', { ack: 4444 }), syn(0.02, { flags: 'R', seq: 4444 }), syn(1)];
  assert.deepEqual(await fates([...story, answer(1.01, 'SA')]), [
    'repeated 1',
    '2 SYNs, challenge-ack:foreign>rst>accepted',
  ]);
});

test('a client that resets its SYN has given up', async () => {
  const packets = [syn(0), syn(0.5, { flags: 'R', seq: 1001 }), syn(30, { sport: 40_001 })];
  assert.deepEqual((await fates(packets)).at(0), '1 SYNs, no answer!');
  const watched: number[] = [];
  await observed({ attempt: ({ since, settledAt }) => watched.push((settledAt - since) / SECOND) }, packets);
  assert.deepEqual(watched, [0.5]);
});

test('a refused SYN that is sent again is not told twice', async () => {
  const refused = [syn(0), answer(0.01, 'RA', { seq: 0 }), syn(0.5), answer(0.51, 'RA', { seq: 0 })];
  assert.deepEqual(await fates(refused), ['answered']);
});

test('SYNs that cross are answered by each other', async () => {
  assert.deepEqual(await fates([syn(0), answer(0.01, 'S', { ack: 0 })]), ['answered']);
});

test('a server that repeats its SYN-ACK after the ACK has not taken the connection', async () => {
  const opened = [syn(0), answer(0.01, 'SA'), syn(0.02, { flags: 'A', seq: 1001, ack: 7001 })];
  const request = (t: number): Packet => syn(t, { flags: 'PA', seq: 1001, ack: 7001, payload: 10 });
  const stalled = [...opened, request(0.03), answer(1.01, 'SA'), request(1.2), answer(3.01, 'SA')];
  assert.deepEqual(await fates([...stalled, answer(3.5, 'A', { seq: 7001, ack: 1011 })]), [
    'answered',
    'stalled: 2 SYN-ACKs, 1 data, resumed',
  ]);
  assert.deepEqual(await fates([...stalled, later(200)]), ['answered', 'stalled: 2 SYN-ACKs, 1 data, over']);
});

test('a SYN-ACK that the path has doubled is no stall', async () => {
  const opened = [syn(0), answer(0.01, 'SA'), syn(0.02, { flags: 'A', seq: 1001, ack: 7001 })];
  assert.deepEqual(await fates([...opened, answer(0.3, 'SA', { ipId: 7 }), later(200)]), ['answered']);
});

test('a SYN-ACK repeated before the ACK, or after the server has spoken, is no stall', async () => {
  assert.deepEqual(await fates([syn(0), answer(0.01, 'SA'), answer(1.01, 'SA')]), ['answered']);
  const spoken = new Conversation().handshake().request(10).response(10);
  const again = { ...spoken.packets[1], t: spoken.now + 0.2, ipId: 7 };
  assert.deepEqual(await fates([...spoken.packets, again]), ['answered']);
});
