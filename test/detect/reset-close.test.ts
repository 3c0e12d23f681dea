/** What `reset-close` reports for each class of RST: severity, effect, title and packets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESET_CLASSES } from '../../src/flow/resets.ts';
import { Conversation, clientCloses, exchange, serverCloses } from '../build/conversation.ts';
import { follow } from '../flow/follow.ts';
import { resetAt, told } from './resets/told.ts';

/** Class, severity, effective, what the title must say. */
const CLASSES: readonly (readonly [string, string, boolean | undefined, RegExp, () => Conversation])[] = [
  ['refused', 'warning', true, /refused: likely no listener, or a firewall/, () => new Conversation().syn().refuse()],
  [
    'answer-to-old-ack',
    'info',
    undefined,
    /SYN was answered with an ACK that does not acknowledge it$/,
    () => new Conversation().syn().send('server', 'A', { ack: 777 }).bareRst('client', { seq: 777 }),
  ],
  ['client-abort-syn', 'info', true, /gives up its SYN/, () => resetAt(new Conversation().syn(), 'client', 0)],
  [
    'unsolicited-synack',
    'info',
    true,
    /^A SYN-ACK is reset by its target: this capture has no SYN to its sender that it answers$/,
    () => new Conversation().synAck({ ack: 4711 }).bareRst('client', { seq: 4711 }),
  ],
  [
    'handshake-abort',
    'info',
    true,
    /^The client resets before the connection is in use/,
    () => new Conversation().syn().synAck().bareRst('client'),
  ],
  [
    'tw-assassination',
    'notice',
    undefined,
    /^An RST at its expected number meets the server's TIME_WAIT/,
    () => serverCloses().wait(1).bareRst('client'),
  ],
  [
    'tw-ignored',
    'info',
    false,
    /^An RST to the server's TIME_WAIT should have no effect: wrong/,
    () => resetAt(serverCloses(), 'client', 1),
  ],
  [
    'tw-missing',
    'warning',
    true,
    /^The server should be in TIME_WAIT but answers a repeated FIN with RST: likely it keeps no TIME_WAIT$/,
    () => exchange().fin('server').ack('client').fin('client').wait(1).finAgain('client').bareRst('server'),
  ],
  ['after-close', 'info', false, /after the connection was closed/, () => clientCloses().wait(5).bareRst('client')],
  [
    'challenged',
    'notice',
    false,
    /^An RST inside the client's window but not at its expected number/,
    () => resetAt(exchange(), 'server', 1),
  ],
  [
    'ineffective',
    'notice',
    false,
    /^An RST outside the server's window, which its receiver should ignore: it answers/,
    () => resetAt(exchange(), 'client', -1),
  ],
  [
    'after-own-fin',
    'info',
    true,
    /^The server resets after its own FIN/,
    () => exchange().fin('server').ack('client').request().bareRst('server'),
  ],
  [
    'abort-after-peer-fin',
    'warning',
    true,
    /^The server answers the client's FIN with an abort/,
    () => exchange().fin('client').ack('server').rstFrom('server'),
  ],
  ['abort', 'warning', true, /^The client aborts/, () => exchange().rstFrom('client')],
  [
    'no-state',
    'warning',
    true,
    /^The server likely no longer has the connection/,
    () => exchange().wait(200).send('client', 'PA', { payload: 5 }).bareRst('server'),
  ],
  ['no-flow', 'info', true, /of which this capture shows nothing else/, () => new Conversation().bareRst('server')],
];

test('each class has its row here', () => {
  const rows = new Set(CLASSES.map(([kind]) => kind));
  assert.deepEqual(
    RESET_CLASSES.filter(kind => !rows.has(kind)),
    ['repeat'],
  );
});

for (const [kind, severity, effective, title, story] of CLASSES) {
  test(`${kind}: ${severity}, ${effective === undefined ? 'with unknown effect' : effective ? 'effective' : 'without effect'}`, async () => {
    const [finding] = await told(story());
    assert.equal(finding!.evidence.class, kind);
    assert.equal(finding!.severity, severity);
    assert.equal(finding!.evidence.effective, effective);
    assert.match(finding!.title, title);
    const [rst] = finding!.packets.filter(p => p.frame === finding!.frame);
    assert.equal(rst!.note, `RST: ${kind}`);
    assert.ok(finding!.packets.length <= 8);
  });
}

test('the last packet of each end stands before the RST, oldest first', async () => {
  const [finding] = await told(exchange().rstFrom('server'));
  assert.deepEqual(
    finding!.packets.map(p => [p.frame, p.flags, p.fromClient, p.note]),
    [
      [6, 'PA', false, 'last packet of the end that resets'],
      [7, 'A', true, 'last packet of the other end'],
      [8, 'RA', false, 'RST: abort'],
    ],
  );
});

test('joined in the middle, who is the client is a guess: weak', async () => {
  const c = exchange().rstFrom('server');
  c.packets.splice(0, 3);
  assert.equal((await told(c))[0].confidence, 'weak');
});

test('joined in the middle, the port on which the host takes others is the server, be it the higher one', async () => {
  for (const client of ['192.0.2.10:1', '203.0.113.10:1']) {
    for (const kept of [-1, -3]) {
      const server = '198.51.100.80:60000';
      const other = exchange({ server, client, clientPort: 45_606 }).clientCloses();
      const midway = exchange({ server, client, clientPort: 45_204, at: 5 }).rstFrom('client');
      const { findings } = await follow([...other.packets, ...midway.packets.slice(kept)]);
      const finding = findings.find(f => f.rule === 'reset-close')!;
      assert.deepEqual(
        [finding.clientPort, finding.serverPort, finding.evidence.from, finding.confidence],
        [45_204, 60_000, 'client', 'weak'],
        `${client}, ${kept === -1 ? 'nothing but its RST' : 'its last packets'}`,
      );
    }
  }
  const unknown = exchange({ server: '198.51.100.80:60000', clientPort: 45_204 }).rstFrom('client');
  const [alone] = (await follow(unknown.packets.slice(-3))).findings;
  assert.equal(alone!.clientPort, 60_000, 'where none was seen, the lower port is taken for the server');
});
