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
  state: string;
  reason: string;
}
interface Connection {
  label?: string;
  client_addr: [string, number];
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

const addressOf = ({ client_addr, seen_by_server_as }: Connection): [string, number] =>
  seen_by_server_as ?? client_addr;

/** What each reason of the kernel looks like from outside. */
const BY_REASON: Readonly<Record<string, readonly string[]>> = {
  TCP_STATE: ['abort'],
  TCP_ABORT_ON_CLOSE: ['abort', 'abort-after-peer-fin', 'after-own-fin'],
  TCP_ABORT_ON_DATA: ['after-own-fin', 'no-state'],
  TCP_KEEPALIVE_TIMEOUT: ['abort'],
  NO_SOCKET: ['refused', 'no-state', 'abort-after-peer-fin', 'tw-assassination', 'repeat'],
  /** A SYN_SENT that gets an ACK of something else. */
  TCP_INVALID_ACK_SEQUENCE: ['answer-to-old-ack', 'tw-assassination'],
  /** The listener answers what has no socket of its own. */
  TCP_FLAGS: ['after-own-fin', 'repeat', 'no-state'],
  INVALID_SYN: ['handshake-abort'],
};

/** Between the tracepoint and the capture of what it sent. */
const APART = 0.002;

interface Seen {
  finding: Finding;
  at: number;
  from: unknown;
}

async function run(scenario: string): Promise<{ truth: Truth; seen: Seen[]; sent: Sent[] }> {
  const folder = join(LAB, scenario);
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
  const { findings, origin } = await collect([{ name: scenario, path: join(folder, 'srv.pcap') }]);
  const seen = findings
    .filter(({ rule }) => rule === 'reset-close')
    .map(finding => ({ finding, at: origin + finding.at / 1e9, from: finding.evidence.from }));
  return { truth, seen, sent: truth.kernel_trace.send_reset };
}

const SCENARIOS = [
  'rst-close/kinds-routed',
  'rst-close/accept-overflow',
  'rst-close/middlebox-reject',
  'rst-close/tw-assassination',
  'max-tw-buckets/fin-after-ack',
  'tw-server/nat-meets-established',
  'tw-server/nat-older',
  'tw-server/ts0-seq-older',
  'tw-server/nat-newer',
  'tw-server/same-client-newer',
];

for (const scenario of SCENARIOS) {
  test(`each RST of ${scenario} has the sender that sent it and a class that fits the kernel's reason`, {
    skip,
  }, async () => {
    const { truth, seen, sent } = await run(scenario);
    const { S } = truth.topology.addresses;
    for (const { finding, at, from } of seen) {
      const hints = finding.evidence.hints as string[];
      const cause = sent
        .filter(({ t, src }) => Math.abs(t - at) <= APART && src.startsWith(`${S}:`) === (from === 'server'))
        .toSorted((a, b) => Math.abs(a.t - at) - Math.abs(b.t - at))[0];
      const what = `frame ${finding.frame}, ${finding.evidence.class} by the ${from}`;
      if (cause === undefined) assert.ok(hints.includes('middlebox-likely'), `${what}: no kernel sent it`);
      else {
        assert.ok(BY_REASON[cause.reason]?.includes(String(finding.evidence.class)), `${what}: ${cause.reason}`);
        assert.ok(!hints.includes('middlebox-likely') && !hints.includes('ttl'), `${what}: it was the host itself`);
      }
    }
    // What the gateway kept from the server is not in its capture; further RSTs of a connection are told once.
    const told = new Set(seen.map(({ finding }) => `${finding.client}:${finding.clientPort}`));
    for (const connection of truth.connections) {
      const { label, rst_by } = connection;
      if (rst_by !== 'client' && rst_by !== 'server') continue;
      assert.ok(told.has(addressOf(connection).join(':')), `${label}: an RST by the ${rst_by}`);
    }
  });
}

test('each kind of reset that the server saw is told by the end that sent it', { skip }, async () => {
  const { truth, seen } = await run('rst-close/kinds-routed');
  for (const connection of truth.connections) {
    const first = seen.find(({ finding }) => finding.clientPort === addressOf(connection)[1]);
    assert.equal(first?.from ?? null, connection.rst_by, connection.label);
  }
});

test('RSTs that answer a FIN are as many as TIME_WAITs that did not fit', { skip }, async () => {
  const { truth, seen } = await run('max-tw-buckets/fin-after-ack');
  assert.equal(seen.length, truth.nstat_delta.S!.TcpExtTCPTimeWaitOverflow);
  assert.ok(seen.every(({ finding }) => finding.evidence.class === 'after-own-fin'));
});

test('an RST that tcp_rfc1337 ignores is not said to have ended the TIME_WAIT', { skip }, async () => {
  const { seen } = await run('rst-close/tw-assassination');
  assert.equal(seen.length, 2);
  for (const { finding } of seen) assert.ok(!('effective' in finding.evidence));
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
