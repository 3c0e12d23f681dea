/**
 * SYNs against the kernels that dropped them: counters, sockets and the log of the rule itself say which, when and
 * why. The captures lie beside the corpus (PAWSCOPE_CORPUS).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SEVERITIES } from '../src/detect/finding.ts';
import { collect, type Outcome } from './build/collect.ts';

const LAB = process.env.PAWSCOPE_CORPUS === undefined ? '' : join(process.env.PAWSCOPE_CORPUS, '../lab');
const skip = existsSync(LAB) ? false : 'skipped: needs PAWSCOPE_CORPUS';

type Address = [string, number];
interface Truth {
  t_end: number;
  connections: { client: string; result: string; client_addr: Address; lport: number; seconds_to_result: number }[];
  events: { t: number; what: string; PAWSPassive?: number; last_A?: number; established_at_server?: string[] }[];
  client_syns_on_client_wire: Record<string, { t: number; sport: number }[]>;
  conntrack_new: { inside: Address; outside: Address }[];
  nstat_delta: Record<string, Record<string, number>>;
  seconds_from_last_A_to_B_working: number;
  tw_recycle_log: { src: Address; verdict: 'accept' | 'DROP' }[];
  accepted_by_server: [number, Address][];
}

async function run(scenario: string): Promise<{ outcome: Outcome; truth: Truth }> {
  const folder = join(LAB, scenario);
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
  return { outcome: await collect([{ name: scenario, path: join(folder, 'srv.pcap') }], { maxFlows: 8192 }), truth };
}
const of = ({ findings }: Outcome, rule: string) => findings.filter(f => f.rule === rule);
const signatures = (outcome: Outcome) => of(outcome, 'recycle-signature');
const unanswered = (outcome: Outcome) => of(outcome, 'unanswered-syn');

test('4.10.17 with tcp_tw_recycle: every SYN of both hosts as the kernel decided', { skip }, async () => {
  const { outcome, truth } = await run('tw-recycle-real/two-hosts');
  const [finding, ...rest] = signatures(outcome);
  assert.deepEqual(rest, []);
  const { evidence, confidence, severity } = finding!;
  assert.deepEqual([severity, confidence], ['critical', 'proof']);
  const failed = truth.connections.filter(c => c.result !== 'ok').length;
  assert.equal(evidence.bad_unanswered, failed);
  assert.equal(evidence.good_answered, truth.connections.length - failed);
  const sent = Object.values(truth.client_syns_on_client_wire).flat().length;
  assert.equal(evidence.syns, sent);
  assert.equal(evidence.foretold, sent);
  // What the kernel counted: the SYNs of the attempts that failed.
  const dropped = truth.nstat_delta.S!.TcpExtPAWSPassive!;
  assert.equal(sent - (truth.connections.length - failed), dropped);

  // The lock-out ends between the last SYN that was dropped and the first that was let in.
  const times = truth.client_syns_on_client_wire.B!.map(({ t }) => t);
  const [lastDropped, letIn] = times.slice(-2) as [number, number];
  const freed = lastDropped + (evidence.unblock_in as number);
  assert.ok(lastDropped < freed && freed < letIn, `${freed} in ${lastDropped} to ${letIn}`);
  assert.ok(unanswered(outcome).every(f => f.evidence.cause === 'per-host-paws'));
  // Whenever they came: that the rule is proved of all together says of none alone that it was not lost.
  assert.ok(unanswered(outcome).every(f => f.confidence === 'strong'));
  const ports = truth.connections.filter(c => c.result !== 'ok').map(c => c.lport);
  const sentFrom = (port: number): number =>
    Object.values(truth.client_syns_on_client_wire)
      .flat()
      .filter(({ sport }) => sport === port).length;
  const told = new Map(unanswered(outcome).map(f => [f.clientPort, f.evidence.syns]));
  for (const [port, syns] of told) assert.deepEqual([ports.includes(port), syns], [true, sentFrom(port)], `${port}`);
  // Those that were sent again, at least: lone ones at the end of the capture are only counted.
  for (const port of ports) assert.ok(told.has(port) || sentFrom(port) === 1, `${port}`);
  assert.ok(told.size > 1);
});

test('the rule itself, applied to one modern host: found, with every decision it logged', { skip }, async () => {
  const { outcome, truth } = await run('tw-recycle/rule-one-modern-host');
  const [finding] = signatures(outcome);
  // A filter did it, in front of Linux 6.18, which has no such rule and a clock for each connection.
  assert.equal(finding?.confidence, 'strong');
  assert.match(finding!.title, /SYN-ACKs show a clock for each connection/);
  assert.deepEqual([finding?.evidence.server_clocks, finding?.evidence.server_connections], [5, 5]);
  const drops = truth.tw_recycle_log.filter(({ verdict }) => verdict === 'DROP');
  const accepts = truth.tw_recycle_log.length - drops.length;
  // The last SYN is the last frame of the capture.
  assert.equal(finding?.evidence.bad_unanswered, drops.length - 1);
  assert.deepEqual([finding?.evidence.bad_answered, finding?.evidence.good_answered], [0, accepts]);
  assert.equal(finding?.evidence.foretold, truth.tw_recycle_log.length - 1);
  const told = unanswered(outcome).map(f => f.clientPort);
  assert.notEqual(told.length, 0);
  for (const port of told) assert.ok(drops.some(({ src }) => src[1] === port));
});

test('a filter by source port that hits one host: unknown, and no tcp_tw_recycle', { skip }, async () => {
  const { outcome, truth } = await run('tw-recycle/drop-b');
  assert.deepEqual(signatures(outcome), []);
  const [finding, ...rest] = unanswered(outcome);
  assert.deepEqual(rest, []);
  const hit = truth.conntrack_new.find(({ inside }) => inside[0] === '10.66.32.3')!;
  assert.equal(finding!.clientPort, hit.outside[1]);
  assert.equal(finding!.evidence.cause, 'unknown');
  assert.equal(finding!.evidence.syns, truth.client_syns_on_client_wire.B!.length);
  assert.equal(
    truth.accepted_by_server.some(([, [, port]]) => port === finding!.clientPort),
    false,
  );
});

test('a full accept queue that drops SYNs without a trace: each delay told, and no tcp_tw_recycle', {
  skip,
}, async () => {
  const { outcome, truth } = await run('tw-recycle/listen-overflow');
  assert.deepEqual(signatures(outcome), []);
  const told = unanswered(outcome);
  const sent = new Map<number, number>();
  for (const { sport } of Object.values(truth.client_syns_on_client_wire).flat()) {
    sent.set(sport, (sent.get(sport) ?? 0) + 1);
  }
  assert.deepEqual(
    new Map(told.map(f => [f.clientPort, f.evidence.syns])),
    new Map([...sent].filter(([, syns]) => syns > 1)),
    'SYNs of each attempt',
  );
  for (const { client_addr, result, seconds_to_result } of truth.connections) {
    const finding = told.find(f => f.clientPort === client_addr[1]);
    if (finding === undefined || result !== 'ok') continue;
    assert.ok(Math.abs((finding.evidence.delay as number) - seconds_to_result) < 0.05, `${client_addr[1]}`);
  }
  assert.ok(
    told.every(f => f.evidence.schedule === 'linear'),
    'Linux 6.18',
  );
  // The kernel counted the drops; all that packets show is that nothing came back.
  assert.ok(truth.nstat_delta.S!.TcpExtListenOverflows! > 0);
  assert.ok(told.every(f => f.evidence.cause === 'unknown' && f.confidence === 'weak'));
});

test('a full accept queue that repeats its SYN-ACK: the socket that ss showed in SYN_RECV', { skip }, async () => {
  const { outcome, truth } = await run('rst-close/accept-overflow');
  const waiting = truth.events
    .flatMap(({ established_at_server }) => established_at_server ?? [])
    .flatMap(line => /^SYN-RECV .*:(\d+) timer/.exec(line)?.[1] ?? []);
  assert.deepEqual(
    unanswered(outcome).map(f => [String(f.clientPort), f.evidence.cause]),
    waiting.map(port => [port, 'accept-queue']),
  );
});

for (const scenario of [
  'normal/lossy',
  'normal/clean-nat',
  'nat-two-clients/ts1-single',
  'nat-two-clients/ts2-shift',
]) {
  test(`${scenario}: nobody is accused`, { skip }, async () => {
    const { outcome } = await run(scenario);
    assert.deepEqual(signatures(outcome), []);
    const high = SEVERITIES.indexOf('warning');
    assert.deepEqual(
      unanswered(outcome).filter(f => SEVERITIES.indexOf(f.severity) >= high),
      [],
    );
  });
}

for (const scenario of ['nat-older', 'ts0-seq-older', 'nat-newer', 'same-client-newer', 'nat-meets-established']) {
  test(`tw-server/${scenario}: the TIME_WAIT's answers, as the kernel counted them`, { skip }, async () => {
    const { outcome, truth } = await run(`tw-server/${scenario}`);
    const retried = Object.values(truth.nstat_delta).reduce((sum, host) => sum + (host.TcpExtTCPSynRetrans ?? 0), 0);
    assert.equal(unanswered(outcome).length, retried, 'one attempt for each SYN that was sent again');
    const cause = scenario === 'nat-meets-established' ? 'unknown' : 'time-wait';
    assert.ok(unanswered(outcome).every(f => f.evidence.cause === cause && f.evidence.schedule === 'fast'));
  });
}
