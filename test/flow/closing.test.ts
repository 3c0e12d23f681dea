/** Who holds the TIME_WAIT, from when to when, and what moves its timer (docs/rules.md D4, B2). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../build/collect.ts';
import { Conversation, clientCloses, exchange, type Setup, serverCloses, TW_ISN_STEP } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import type { Packet } from '../build/packet.ts';
import { newHost, oldHost } from '../build/situations/reuse.ts';
import { follow, resets, timeWaits } from './follow.ts';

const CLIENT = '192.0.2.10:40000';
const SERVER = '198.51.100.80:80';

/** Two hosts that have nothing to do with it speak, so that the capture reaches on to `at`. */
const later = (at: number): Conversation =>
  new Conversation({ client: '203.0.113.1:50000', server: '203.0.113.2:22', at }).syn();

const seen = async (story: Conversation): Promise<string[]> => timeWaits(await follow([story, later(500)]));

/** Times of the packets of `exchange().…Closes()`: FIN at 35 ms, and one packet each 5 ms. */
const CLOSES: readonly (readonly [string, () => Conversation, readonly string[]])[] = [
  ['the server closes first', () => serverCloses(), [`${SERVER} 0.045 to 60.045 timer`]],
  ['the client closes first', () => clientCloses(), [`${CLIENT} 0.045 to 60.045 timer`]],
  [
    'FINs cross: both ends hold one',
    () => exchange().simultaneousClose(),
    [`${SERVER} 0.045 to 60.045 timer`, `${CLIENT} 0.050 to 60.050 timer`],
  ],
  [
    'FIN, FIN with ACK, ACK',
    () => exchange().fin('client').fin('server').ack('client'),
    [`${CLIENT} 0.040 to 60.040 timer`],
  ],
  ['reset instead of closed', () => exchange().rstFrom('server'), []],
  ['half closed only', () => exchange().fin('client').ack('server').response(), []],
  [
    'the last ACK is not in the capture',
    () => exchange().fin('server').ack('client').fin('client'),
    [`${SERVER} 0.045 to 60.045 timer`],
  ],
  [
    'the client answers the FIN with data and its own FIN later',
    () => exchange().fin('server').ack('client').request(10).fin('client').ack('server'),
    [`${SERVER} 0.055 to 60.055 timer`],
  ],
  [
    'joined in the middle of the close',
    () => {
      const c = serverCloses();
      c.packets.splice(0, 6);
      return c;
    },
    [`${SERVER} 0.045 to 60.045 timer`],
  ],
];
for (const [name, story, expected] of CLOSES) {
  test(`TIME_WAIT: ${name}`, async () => assert.deepEqual(await seen(story()), expected));
}

const RESTARTS: readonly (readonly [string, () => Conversation, string])[] = [
  [
    'the last ACK is lost and the FIN comes again',
    () => serverCloses().wait(0.2).finAgain('client').ack('server'),
    'restarted 0.255 to 60.255 timer',
  ],
  [
    'the FIN comes three times more',
    () => serverCloses().wait(0.945).finAgain('client').wait(0.995).finAgain('client').wait(0.995).finAgain('client'),
    'restarted 3.000 to 63.000 timer',
  ],
  ['a late bare ACK', () => serverCloses().wait(9.945).ack('client'), 'restarted 10.000 to 70.000 timer'],
  [
    'late data',
    () => serverCloses().wait(9.945).send('client', 'PA', { payload: 10 }),
    'restarted 10.000 to 70.000 timer',
  ],
  ['the owner repeats its own ACK: no restart', () => serverCloses().wait(10).ack('server'), 'to 60.045 timer'],
  [
    'an RST that is ignored: no restart',
    () => {
      const c = serverCloses();
      return c.wait(10).bareRst('client', { seq: c.client.nxt + 1 });
    },
    'to 60.045 timer',
  ],
];
for (const [name, story, expected] of RESTARTS) {
  test(`the timer: ${name}`, async () => assert.deepEqual(await seen(story()), [`${SERVER} 0.045 ${expected}`]));
}

test('a SYN that PAWS rejects restarts the timer, and so does its repetition', async () => {
  const old = serverCloses({ client: oldHost() });
  const next = old.reopen(9.945, { client: newHost() }).syn().wait(0.995).synAgain();
  assert.deepEqual(await seen(next), [`${SERVER} 0.045 restarted 11.000 to 71.000 timer`]);
});

test('a late copy of the SYN that opened the connection opens none, and PAWS restarts the timer for it', async () => {
  const old = serverCloses();
  const [syn] = old.packets;
  old.packets.push({ ...syn!, t: 10 });
  const outcome = await follow([old, later(500)]);
  assert.deepEqual(timeWaits(outcome), [`${SERVER} 0.045 restarted 10.000 to 70.000 timer`]);
  assert.equal(outcome.findings.length, 0);
  assert.equal(outcome.flows.length, 2);
});

/** The first SYN-ACK is lost, and the second SYN comes once more when all is over. */
function repeatedSynAgain(tsval = (syn: number): number => syn): Conversation {
  const client = new Host('192.0.2.10');
  const story = new Conversation({ client }).syn().wait(1).synAgain();
  const repeated = story.packets.at(-1)!;
  story.synAck().ack('client').request().response().serverCloses();
  story.packets.push({ ...repeated, t: 10, tsval: tsval(repeated.tsval!) });
  return story;
}

test('a late copy of a SYN that was sent again opens none either: the connection has gone on since it was', async () => {
  const outcome = await follow([repeatedSynAgain(), later(500)]);
  assert.deepEqual(
    outcome.findings.filter(({ rule }) => rule === 'port-reuse'),
    [],
  );
  assert.equal(outcome.flows.length, 2);
});

test('the same ISN with a TSval that the connection had not come to opens a new one', async () => {
  const outcome = await follow([repeatedSynAgain(tsval => tsval + 60_000), later(500)]);
  assert.equal(outcome.findings.filter(({ rule }) => rule === 'port-reuse').length, 1);
});

test('a late copy of a SYN that the capture has missed opens none: it stands before the first that was seen', async () => {
  for (const [add, reuses] of [
    [0, 0],
    [1, 1],
  ] as const) {
    const [syn, , ...seenOf] = serverCloses().packets;
    const copy = { ...syn!, t: 10, seq: syn!.seq + add };
    const outcome = await follow([...seenOf, copy, ...later(500).packets]);
    assert.equal(outcome.findings.filter(({ rule }) => rule === 'port-reuse').length, reuses, `${add}`);
    assert.equal(outcome.flows.length, 2 + reuses);
  }
});

/** The RST that ended the TIME_WAIT is not in the capture, nor, of `missing` packets, the beginning. */
function lateSynTaken(missing: number, changes: Partial<Packet> = {}, closed = serverCloses()): Packet[] {
  const [syn] = closed.packets;
  const answer = { flags: 'SA', seq: 77_000, ack: syn!.seq + 1, tsecr: syn!.tsval! };
  const copy = { ...syn!, t: 0.4 };
  closed.wait(0.4 - closed.now).send('server', 'SA', { ...answer, ...changes });
  closed.bareRst('client', { seq: syn!.seq + 1 });
  closed.finAgain('client').bareRst('server', { seq: closed.client.rcvNxt });
  closed.packets.splice(-4, 0, copy);
  return closed.packets.slice(missing);
}

test('a server that takes a late copy of the SYN for a new one has no TIME_WAIT left: the capture lacks how it ended', async () => {
  for (const missing of [0, 1, 2, 3, 4]) {
    const outcome = await follow([...lateSynTaken(missing), ...later(500).packets]);
    const [row, ...more] = timeWaits(outcome);
    assert.match(row!, /^198\.51\.100\.80:80 0\.045 .*to 0\.400 syn$/, `${missing}`);
    assert.deepEqual(more, []);
    assert.deepEqual(resets(outcome), ['after-close', 'after-close']);
    assert.deepEqual(
      outcome.findings.filter(({ severity }) => severity !== 'info'),
      [],
    );
    assert.equal(outcome.flows.length, 2);
  }
});

test('nor if the last ACK of the close is missing as well; another machine that takes it says nothing of the TIME_WAIT', async () => {
  const unacked = exchange().fin('server').ack('client').fin('client');
  assert.deepEqual(timeWaits(await follow(lateSynTaken(0, {}, unacked))), [`${SERVER} 0.045 to 0.400 syn`]);
  const other = await follow([...lateSynTaken(0, { ttl: 40 }), ...later(500).packets]);
  assert.deepEqual(timeWaits(other).length, 1);
  assert.doesNotMatch(timeWaits(other)[0]!, /syn$/);
});

test('a late copy of the SYN does not end the TIME_WAIT of its sender', async () => {
  const old = clientCloses();
  old.packets.push({ ...old.packets[0], t: 2 });
  assert.deepEqual(await seen(old), [`${CLIENT} 0.045 to 60.045 timer`]);
});

test('a SYN rejected by its number does not restart the timer', async () => {
  const client = new Host('192.0.2.10', { timestamps: false });
  const old = serverCloses({ client, clientPort: 40000 });
  const next = old
    .reopen(10, { clientIsn: old.client.nxt - 5000 })
    .syn()
    .wait(1)
    .synAgain();
  assert.deepEqual(await seen(next), [`${SERVER} 0.045 to 60.045 timer`]);
});

test('an accepted SYN ends it, at the time of the SYN', async () => {
  const old = serverCloses();
  const next = old.reopen(9.945, { serverIsn: old.server.nxt + TW_ISN_STEP }).handshake();
  assert.deepEqual(await seen(next), [`${SERVER} 0.045 to 10.000 syn`]);
});

test('the owner that opens the tuple again ends its own', async () => {
  const old = clientCloses();
  assert.deepEqual(await seen(old.reopen(1.945).syn()), [`${CLIENT} 0.045 to 2.000 reuse`]);
});

test('a port that its owner uses again hides no TIME_WAIT: the ISN continues the old numbers, or its own clock', async () => {
  const client = new Host('192.0.2.10', { timestamps: false });
  for (const setup of [{}, { client, clientPort: 40_000 }]) {
    const taken = clientCloses(setup);
    const next = taken.reopen(1.945, { clientIsn: taken.client.nxt + TW_ISN_STEP }).syn();
    assert.deepEqual(await seen(next), [`${CLIENT} 0.045 to 2.000 reuse`]);
    assert.deepEqual(await seen(clientCloses(setup).reopen(1.945).syn()), [`${CLIENT} 0.045 to 2.000 reuse`]);
  }
});

test('a port that a NAT has given to another host ends there, and the first may hold its TIME_WAIT to the end', async () => {
  const outside = [`${CLIENT} 0.045 to 2.000 reuse, hidden to 60.045`];
  const setup = { client: oldHost() };
  assert.deepEqual(await seen(clientCloses(setup).reopen(1.945, { client: newHost() }).syn()), outside);
  // The same host, from another port inside: its clock goes on, and its ISN is that of another tuple.
  assert.deepEqual(await seen(clientCloses(setup).reopen(1.945, { clientIsn: 7 }).syn()), outside);
  const again = clientCloses(setup).reopen(1.945, { client: newHost() }).handshake().clientCloses();
  assert.deepEqual(await seen(again.reopen(3, { client: oldHost(), clientIsn: 9 }).syn().synAgain()), [
    `${CLIENT} 0.045 to 2.000 reuse, hidden to 60.045`,
    `${CLIENT} 2.025 to 5.035 reuse, hidden to 62.025`,
  ]);
});

test('a server whose TIME_WAIT takes a SYN hides none', async () => {
  const next = serverCloses({ client: oldHost() }).reopen(9.945, { clientIsn: 7, client: newHost() }).handshake();
  assert.deepEqual(await seen(next), [`${SERVER} 0.045 restarted 10.000 to 10.000 syn`]);
});

test('an RST at the expected number ends it', async () => {
  const old = serverCloses();
  assert.deepEqual(await seen(old.wait(4.945).bareRst('client', { seq: old.client.nxt })), [
    `${SERVER} 0.045 to 5.000 rst`,
  ]);
});

test('the capture ends before the timer', async () => {
  assert.deepEqual(timeWaits(await follow(serverCloses())), [`${SERVER} 0.045 to 60.045 capture-end`]);
});

test('the new connection of a tuple has a TIME_WAIT of its own', async () => {
  const old = serverCloses();
  const next = old
    .reopen(9.945, { serverIsn: old.server.nxt + TW_ISN_STEP })
    .handshake()
    .serverCloses();
  assert.deepEqual(await seen(next), [`${SERVER} 0.045 to 10.000 syn`, `${SERVER} 10.025 to 70.025 timer`]);
});

test('with --time-wait 30 it lasts 30 s', async () => {
  const outcome = await follow([serverCloses(), later(500)], { timeWait: 30 });
  assert.deepEqual(timeWaits(outcome), [`${SERVER} 0.045 to 30.045 timer`]);
});

test('with --time-wait 900 the tuple is remembered as long', async () => {
  const old = serverCloses();
  const next = old.reopen(899).handshake();
  const ticks = Array.from({ length: 450 }, (_, i) => later(2 * i));
  const outcome: Outcome = await follow([next, ...ticks], { timeWait: 900 });
  const [finding] = outcome.findings.filter(f => f.rule === 'port-reuse');
  assert.equal(finding?.evidence.class, 'in-time-wait');
});

test('numbers around the wrap give the same TIME_WAIT', async () => {
  for (const setup of [
    { clientIsn: 0xffff_ffff - 100, serverIsn: 0x7fff_ffff - 500 },
    { clientIsn: 0x7fff_ffff - 101, serverIsn: 0xffff_fffe },
    { clientIsn: 0xffff_ffff, serverIsn: 0xffff_ffff },
  ] satisfies Setup[]) {
    assert.deepEqual(await seen(serverCloses(setup)), [`${SERVER} 0.045 to 60.045 timer`]);
    assert.deepEqual(await seen(clientCloses(setup)), [`${CLIENT} 0.045 to 60.045 timer`]);
  }
});
