/** Rows of --flows: what Zeek would write into its conn.log (docs/rules.md C2), and the Community ID. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, exchange, handshake, type Setup, serverCloses } from '../build/conversation.ts';
import { flows, follow, followFile } from './follow.ts';

/** Leaves out what this end sends. */
const without = (port: number, story: Conversation): Conversation => {
  const kept = story.packets.filter(p => p.sport !== port);
  story.packets.splice(0, story.packets.length, ...kept);
  return story;
};
const CLIENT = 40000;
const SERVER = 80;
const middle = (story: Conversation): Conversation => {
  story.packets.splice(0, 3);
  return story;
};

/** The client sends an RST at each of these distances from its next number. */
const rsts = (c: Conversation, ...distances: number[]): Conversation => {
  for (const distance of distances) c.bareRst('client', { seq: c.client.nxt + distance });
  return c;
};
const dataAgain = (times: number): Conversation => {
  const c = handshake().request(100);
  for (let i = 0; i < times; i++) c.wait(1).send('client', 'PA', { payload: 100, seq: c.client.nxt - 100 });
  return c.response();
};

const ROWS: readonly (readonly [string, string, () => Conversation])[] = [
  ['a whole connection', 'SF ShADadFf fin', () => exchange().clientCloses()],
  ['closed by the server', 'SF ShADadfF fin', () => serverCloses()],
  ['no data', 'SF ShAFaf fin', () => handshake().clientCloses()],
  ['still open', 'S1 ShADad open', () => exchange()],
  ['a SYN and nothing else', 'S0 S unanswered', () => new Conversation().syn()],
  ['SYNs and nothing else', 'S0 S unanswered', () => new Conversation().syn().wait(1).synAgain()],
  ['refused', 'REJ Sr refused', () => new Conversation().syn().refuse()],
  ['the client closed, the server did not', 'S2 ShADadF half-closed', () => exchange().fin('client').ack('server')],
  ['the server closed, the client did not', 'S3 ShADadf half-closed', () => exchange().fin('server').ack('client')],
  ['reset by the client', 'RSTO ShADadR rst', () => exchange().rstFrom('client')],
  ['reset by the server', 'RSTR ShADadr rst', () => exchange().rstFrom('server')],
  [
    'a half-open scan that the client resets',
    'RSTO ShR rst',
    () => new Conversation().syn().synAck().bareRst('client'),
  ],
  [
    'SYN and RST, and never a word from the server',
    'RSTOS0 SR rst',
    () => {
      const c = new Conversation().syn();
      return c.bareRst('client', { seq: c.client.nxt });
    },
  ],
  [
    'SYN and FIN, and never a word from the server',
    'SH SADF half-closed',
    () => without(SERVER, exchange().clientCloses()),
  ],
  ['the server alone: SYN-ACK and FIN', 'SHR ^hadf half-closed', () => without(CLIENT, exchange().clientCloses())],
  [
    'the server alone: SYN-ACK and RST',
    'RSTRH ^hr rst',
    () => without(CLIENT, new Conversation().syn().synAck().bareRst('server')),
  ],
  ['joined in the middle', 'OTH DadA open', () => middle(exchange())],
  [
    'a FIN that comes again',
    'SF ShADadFf fin',
    () => exchange().fin('client').wait(0.3).finAgain('client').fin('server').ack('client'),
  ],
  ['FIN and RST in one segment', 'RSTO ShADadI rst', () => exchange().send('client', 'FRA')],
  [
    'data with the FIN, which comes again without it',
    'SF ShAFaf fin',
    () =>
      handshake().send('client', 'FPA', { payload: 100 }).finAgain('client').ack('server').fin('server').ack('client'),
  ],
  [
    'a window that is closed after the FIN of the other end',
    'S2 ShADadF half-closed',
    () => exchange().fin('client').ack('server', { window: 0 }),
  ],
  ['an RST that comes again with its number', 'RSTO ShADadR rst', () => rsts(exchange(), 0, 0)],
  ['two answers without a socket', 'RSTO ShADadfRR rst', () => rsts(exchange().fin('server'), 0, 1)],
  ['a window that is closed once', 'S1 ShADadw open', () => exchange().ack('server', { window: 0 })],
  ['data that comes again ten times', 'S1 ShADaTTd open', () => dataAgain(10)],
  ['data that comes again', 'S1 ShADaTd open', () => dataAgain(1)],
];
for (const [name, row, story] of ROWS) {
  test(`${name}: ${row}`, async () => assert.deepEqual(flows(await follow(story())), [`40000 ${row}`]));
}

test('packets and bytes of each side', async () => {
  const [flow] = (await follow(exchange().clientCloses())).flows;
  assert.deepEqual([flow!.clientPackets, flow!.clientBytes], [6, 100]);
  assert.deepEqual([flow!.serverPackets, flow!.serverBytes], [5, 500]);
  assert.deepEqual([flow!.firstAt, flow!.lastAt], [0, 0.05e9]);
});

test('a flow of which nothing that counts comes after the clock stepped back ends at the step', async () => {
  const c = exchange({ at: 100 });
  c.now = 50;
  c.bareRst('server', { seq: c.server.nxt + 0x2000_0000 });
  const [flow] = (await followFile(c.packets)).flows;
  assert.deepEqual([flow!.firstAt, flow!.lastAt], [0, -50e9]);
});

/** Published with the specification of Community ID: baseline of corelight/community-id-spec. */
const COMMUNITY: readonly (readonly [string, Setup, string])[] = [
  ['IPv4', { client: '128.232.110.120:34855', server: '66.35.250.204:80' }, '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
  [
    'IPv6',
    { client: '[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943', server: '[2607:f8b0:400c:c03::1a]:25' },
    '1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=',
  ],
];
for (const [family, { client, server }, id] of COMMUNITY) {
  test(`the published Community ID of an ${family} connection, whoever opens it`, async () => {
    const ids = async (setup: Setup): Promise<string[]> =>
      (await follow(exchange(setup))).flows.map(f => f.communityId);
    assert.deepEqual(await ids({ client: client!, server: server! }), [id]);
    assert.deepEqual(await ids({ client: server!, server: client! }), [id]);
  });
}

test('between two ports of one host the lower port comes first', async () => {
  const ids = async (client: number, server: number): Promise<string> =>
    (await follow(exchange({ client: `127.0.0.1:${client}`, server: `127.0.0.1:${server}` }))).flows[0].communityId;
  assert.equal(await ids(50000, 80), await ids(80, 50000));
});
