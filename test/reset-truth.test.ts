/**
 * RSTs against the kernels that sent them: their tracepoint names a reason and a sender for each, and one that no
 * kernel sent came from the gateway. The captures lie beside the corpus (PAWSCOPE_CORPUS).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../src/detect/finding.ts';
import { collect } from './build/collect.ts';

const LAB = process.env.PAWSCOPE_CORPUS === undefined ? '' : join(process.env.PAWSCOPE_CORPUS, '../lab');
const skip = existsSync(LAB) ? false : 'skipped: needs PAWSCOPE_CORPUS';

interface Sent {
  t: number;
  /** `address:port`, before NAT. */
  src: string;
  /** The other end; zeros where a listener answers. */
  dest: string;
  reason: string;
}
interface Connection {
  label: string;
  client_addr: [string, number];
  dport: number;
  /** After NAT; absent where the server accepted nothing. */
  seen_by_server_as?: [string, number];
  rst_by?: string | null;
}
interface Truth {
  topology: { addresses: { S: string } };
  connections: Connection[];
  kernel_trace: { send_reset: Sent[] };
  nstat_delta: Record<string, Record<string, number>>;
}

const seenAs = ({ seen_by_server_as, client_addr }: Connection): string => (seen_by_server_as ?? client_addr).join(':');

/** Between the tracepoint and the capture of what it sent. */
const APART = 0.001;

interface Seen {
  finding: Finding;
  class: unknown;
  from: unknown;
  /** Of the connections of the tuple, the first one's label. */
  label: string;
  /** What the kernel sent at the time from that end of that tuple. */
  cause: Sent | undefined;
}

async function run(scenario: string, file = 'srv.pcap'): Promise<{ truth: Truth; seen: Seen[]; sent: Sent[] }> {
  const folder = join(LAB, scenario);
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
  const { findings, origin } = await collect([{ name: scenario, path: join(folder, file) }]);
  const sent = truth.kernel_trace.send_reset;
  const seen = findings
    .filter(({ rule }) => rule === 'reset-close')
    .map((finding): Seen => {
      const { client, clientPort, server, serverPort, evidence } = finding;
      const of = truth.connections.filter(
        each => seenAs(each) === `${client}:${clientPort}` && each.dport === serverPort,
      );
      const clients = of.map(({ client_addr }) => client_addr.join(':'));
      const servers = [`${server}:${serverPort}`];
      const [senders, targets] = evidence.from === 'client' ? [clients, servers] : [servers, [...clients, '0.0.0.0:0']];
      const at = origin + finding.at / 1e9;
      const causes = sent.filter(
        ({ t, src, dest }) => Math.abs(t - at) <= APART && senders.includes(src) && targets.includes(dest),
      );
      assert.ok(causes.length <= 1, `frame ${finding.frame}: one RST of one sender`);
      return { finding, class: evidence.class, from: evidence.from, label: of[0]!.label, cause: causes[0] };
    });
  return { truth, seen, sent };
}

/** The connection, who sent the RST, its class, and the reason of the kernel that sent it: none for the gateway's. */
type Row = readonly [label: string, from: 'client' | 'server', kind: string, reason: string | undefined];

const KINDS: readonly Row[] = [
  ['client-linger0', 'client', 'abort', 'TCP_STATE'],
  ['server-linger0', 'server', 'abort', 'TCP_STATE'],
  ['closed-port', 'server', 'refused', 'NO_SOCKET'],
  ['server-unread-data', 'server', 'abort', 'TCP_ABORT_ON_CLOSE'],
  ['client-unread-data', 'client', 'abort', 'TCP_ABORT_ON_CLOSE'],
  ['half-close-then-rst', 'client', 'after-own-fin', 'TCP_ABORT_ON_CLOSE'],
  ['data-after-client-close', 'client', 'after-own-fin', 'TCP_ABORT_ON_DATA'],
  ['write-to-dead-peer', 'server', 'after-own-fin', 'TCP_ABORT_ON_DATA'],
  // Its FIN waited behind data, so that none was on the wire.
  ['server-killed-mid-transfer', 'server', 'no-state', 'TCP_ABORT_ON_DATA'],
  ['server-killed-unread-request', 'server', 'abort', 'TCP_ABORT_ON_CLOSE'],
  ['keepalive-timeout', 'server', 'abort', 'TCP_KEEPALIVE_TIMEOUT'],
  ['keepalive-timeout', 'server', 'repeat', 'TCP_FLAGS'],
];

/** Of each scenario every RST that the capture has, in their order; connections that are not named were not reset. */
const SCENARIOS: Readonly<Record<string, readonly Row[]>> = {
  'rst-close/kinds-routed': KINDS,
  'rst-close/accept-overflow': [
    // The listener is closed and has not accepted it.
    ['abort_on_overflow=0 #3', 'server', 'abort-after-peer-fin', 'TCP_ABORT_ON_CLOSE'],
    ['abort_on_overflow=1 #3', 'server', 'handshake-abort', 'INVALID_SYN'],
  ],
  'rst-close/middlebox-reject': [
    ['mid-connection: server data rejected', 'client', 'no-state', undefined],
    // The gateway had reset the client, where the capture does not show it.
    ['mid-connection: client data rejected', 'client', 'abort-after-peer-fin', 'NO_SOCKET'],
    ['mid-connection: server data rejected', 'server', 'no-state', 'TCP_FLAGS'],
    ['mid-connection: server data rejected', 'server', 'repeat', 'TCP_FLAGS'],
  ],
  'rst-close/tw-assassination': [
    ['rfc1337=0', 'client', 'tw-assassination', 'NO_SOCKET'],
    ['rfc1337=1', 'client', 'tw-assassination', 'NO_SOCKET'],
  ],
  // One RST, told of the attempt that it ends and of the connection before it.
  'tw-server/nat-older': [
    ['first owner of the NAT port', 'client', 'answer-to-old-ack', 'TCP_INVALID_ACK_SEQUENCE'],
    ['first owner of the NAT port', 'client', 'tw-assassination', 'TCP_INVALID_ACK_SEQUENCE'],
  ],
  'tw-server/ts0-seq-older': [
    ['first', 'client', 'answer-to-old-ack', 'TCP_INVALID_ACK_SEQUENCE'],
    ['first', 'client', 'tw-assassination', 'TCP_INVALID_ACK_SEQUENCE'],
  ],
  'tw-server/nat-meets-established': [
    ['first owner of the NAT port', 'client', 'answer-to-old-ack', 'TCP_INVALID_ACK_SEQUENCE'],
  ],
  'tw-server/nat-newer': [],
  'tw-server/same-client-newer': [],
};

/** Further RSTs of the kernels: three that the gateway kept from the server, and one more that the server sent at once. */
const UNTOLD: Readonly<Record<string, number>> = { 'rst-close/middlebox-reject': 4 };

for (const [scenario, rows] of Object.entries(SCENARIOS)) {
  test(`each RST of ${scenario} has the sender that sent it and the one class that the lab made`, {
    skip,
  }, async () => {
    const { seen, sent, truth } = await run(scenario);
    assert.deepEqual(
      seen.map(({ label, from, class: kind, cause }) => [label, from, kind, cause?.reason]),
      rows,
    );
    assert.equal(sent.length - new Set(seen.flatMap(({ cause }) => cause ?? [])).size, UNTOLD[scenario] ?? 0);
    for (const { finding, cause } of seen) {
      const hints = finding.evidence.hints as string[];
      // No kernel sent it, or the host itself did.
      assert.equal(hints.includes('middlebox-likely'), cause === undefined, `frame ${finding.frame}: ${hints}`);
      assert.equal(hints.includes('ttl'), cause === undefined, `frame ${finding.frame}: ${hints}`);
    }
    for (const { label, rst_by } of truth.connections) {
      if (rst_by !== 'client' && rst_by !== 'server') continue;
      assert.equal(seen.find(each => each.label === label)?.from, rst_by, label);
    }
  });
}

for (const file of ['gw-lan.pcap', 'gw-any.pcap']) {
  test(`the same kinds of reset in ${file}, taken at the gateway`, { skip }, async () => {
    const { seen } = await run('rst-close/kinds-routed', file);
    assert.deepEqual(
      seen.map(({ label, from, class: kind, cause }) => [label, from, kind, cause?.reason]),
      KINDS,
    );
  });
}

for (const file of ['srv.pcap', 'gw-lan.pcap', 'gw-any.pcap']) {
  test(`a server that was killed while it sent is told as one that had closed, in ${file}, and no other`, {
    skip,
  }, async () => {
    const { seen } = await run('rst-close/kinds-routed', file);
    const held = seen.filter(({ finding }) => finding.evidence.fin_held === true);
    assert.deepEqual(
      held.map(({ label }) => label),
      ['server-killed-mid-transfer'],
    );
  });
}

test('RSTs that answer a FIN are as many as TIME_WAITs that did not fit', { skip }, async () => {
  const { truth, seen, sent } = await run('max-tw-buckets/fin-after-ack');
  assert.equal(seen.length, truth.nstat_delta.S!.TcpExtTCPTimeWaitOverflow);
  // Each of the listener's, and none of anything else.
  assert.deepEqual(
    seen.map(({ cause }) => cause),
    sent,
  );
  assert.ok(sent.every(({ reason }) => reason === 'TCP_FLAGS'));
  assert.deepEqual(
    new Set(seen.map(each => `${each.class} by the ${each.from}`)),
    new Set(['after-own-fin by the server']),
  );
});

test('an RST that tcp_rfc1337 ignores is not said to have ended the TIME_WAIT', { skip }, async () => {
  const { seen } = await run('rst-close/tw-assassination');
  assert.equal(seen.length, 2);
  for (const { finding } of seen) assert.equal('effective' in finding.evidence, false);
});

test('what the kernel counts as PAWSEstab on a lossy path is overtaken ACKs, told as no more than that', {
  skip,
}, async () => {
  const folder = join(LAB, 'normal/lossy');
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
  const { findings } = await collect([{ name: 'lossy', path: join(folder, 'srv.pcap') }]);
  const drops = findings.filter(({ rule }) => rule === 'paws-drop');
  assert.ok(drops.length > 0 && drops.length <= truth.nstat_delta.S!.TcpExtPAWSEstab!);
  for (const { severity, evidence } of drops) {
    assert.deepEqual(
      [severity, evidence.class, evidence.carries, evidence.from],
      ['info', 'reordered', 'ack', 'client'],
    );
  }
});
