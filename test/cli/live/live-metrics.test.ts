/** `live --metrics` on real traffic, and what its numbers are made of. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { metricsOf, type Snapshot } from '../../../src/cli/live/live-metrics.ts';
import { exposition } from '../../../src/report/exposition.ts';
import { Database } from '../../../src/store/sqlite.ts';
import { readExposition } from '../../build/exposition.ts';
import { Live } from '../../build/live.ts';
import { type Namespace, needsNamespaces, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { chatter, serveChat } from '../../build/traffic.ts';

const SERVER = '10.71.0.2';
/** As a device of Linux may be called: only spaces and slashes may not be in it. */
const HOSTILE = 'q"\\n{} 1';

const numbers = (snapshot: Partial<Snapshot>): Record<string, Record<string, number>> => {
  const families = metricsOf({
    version: '1.2.3',
    now: 1_000.5,
    started: 900,
    resident: 4096,
    interfaces: [],
    evidenceLost: undefined,
    findings: [],
    standing: undefined,
    ...snapshot,
  });
  return Object.fromEntries(
    [...readExposition(exposition(families))].map(([name, { samples }]) => [name, Object.fromEntries(samples)]),
  );
};

test('before the run stands nothing is told of it', () => {
  assert.deepEqual(Object.keys(numbers({})), ['process_resident_memory_bytes', 'process_start_time_seconds']);
});

test('the numbers of a run are told under its tables, rules and interfaces', () => {
  const told = numbers({
    interfaces: [{ name: HOSTILE, state: 'lost', packets: 9, dropped: 2, interfaceDropped: 1, backlog: 300 }],
    evidenceLost: 6,
    findings: [{ rule: 'port-reuse', severity: 'error', count: 4 }],
    standing: {
      until: 998,
      counts: { segments: 8, flows: 3, 'evicted.flows': 0, 'evicted.attempts': 5 },
      shards: 2,
      slabs: 1,
      timeWaits: {
        total: 70,
        top: [{ client: '10.0.0.1', server: '10.0.0.2', serverPort: 443, owner: 'client', count: 60 }],
      },
    },
  });
  const of = JSON.stringify({ interface: HOSTILE });
  assert.deepEqual(told.pawscope_interface_up, { [of]: 0 });
  assert.deepEqual(told.pawscope_packets_dropped_total, { [of]: 2 });
  assert.deepEqual(told.pawscope_interface_packets_dropped_total, { [of]: 1 });
  assert.deepEqual(told.pawscope_packets_received_total, { [of]: 9 });
  assert.deepEqual(told.pawscope_backlog_bytes, { [of]: 300 });
  assert.deepEqual(told.pawscope_evidence_lost_packets_total, { '{}': 6 });
  assert.deepEqual(told.pawscope_findings_total, { '{"rule":"port-reuse","severity":"error"}': 4 });
  assert.deepEqual(told.pawscope_evictions_total, { '{"table":"flows"}': 0, '{"table":"attempts"}': 5 });
  assert.deepEqual(told.pawscope_flows_total, { '{}': 3 });
  assert.deepEqual(told.pawscope_slabs_busy, { '{}': 1 });
  assert.deepEqual(told.pawscope_time_waits, { '{}': 70 });
  assert.deepEqual(told.pawscope_time_waits_top, {
    '{"client":"10.0.0.1","server":"10.0.0.2","port":"443","owner":"client"}': 60,
  });
  assert.deepEqual(told.pawscope_analysis_lag_seconds, { '{}': 2.5 });
  assert.deepEqual(told.pawscope_build_info, {
    [JSON.stringify({ version: '1.2.3', node: process.version, shards: '2' })]: 1,
  });
});

test('how far analysis lags is not told while it is not known', () => {
  const standing = { until: Number.NEGATIVE_INFINITY, counts: {}, shards: 1, slabs: 0, timeWaits: undefined };
  assert.equal(numbers({ standing }).pawscope_analysis_lag_seconds, undefined);
});

const ASK = `const answer = await fetch('http://127.0.0.1:9477' + process.argv[1]);
  console.log(JSON.stringify([answer.status, await answer.text()]));`;

/** What is told inside the namespace. */
const ask = (server: Namespace, path: string): [status: number, body: string] =>
  JSON.parse(server.run(process.execPath, ['--input-type=module', '-e', ASK, path]));

async function health(server: Namespace, wanted: RegExp): Promise<void> {
  let last = '';
  for (let tries = 0; tries < 100; tries++) {
    last = ask(server, '/healthz').join(' ');
    if (wanted.test(last)) return;
    await sleep(100);
  }
  assert.match(last, wanted);
}

for (const workers of ['0', '2']) {
  test(`metrics and health of a capture that goes on, with ${workers} workers`, { skip: needsNamespaces }, async t => {
    const cwd = folder(t);
    const { client, server } = pair(t);
    server.ip('link', 'set', 'eth0', 'down');
    server.ip('link', 'set', 'eth0', 'name', 'q"\\');
    server.ip('link', 'set', 'q"\\', 'up');
    await server.serve(t, SERVER, 80, 'end');
    const options = ['--metrics', '9477', '--workers', workers, '--db', 'live.db', '-Z', 'root', 'tcp'];
    const live = new Live(t, server, cwd, ['-i', 'q"\\', ...options]);
    await live.listening();
    assert.deepEqual(ask(server, '/healthz'), [200, 'ok\n']);
    client.connect(SERVER, 80, 40_000);
    client.connect(SERVER, 80, 40_000);
    await live.until(({ findings }) => findings.some(({ rule }) => rule === 'port-reuse'), 'a finding');
    const [status, body] = ask(server, '/metrics');
    assert.equal(status, 200);
    const families = readExposition(body);
    const value = (name: string, labels = '{}'): number | undefined => families.get(name)?.samples.get(labels);
    const of = JSON.stringify({ interface: 'q"\\' });
    const received = value('pawscope_packets_received_total', of)!;
    assert.ok(received >= 10, body);
    assert.equal(value('pawscope_segments_total'), received);
    assert.equal(value('pawscope_packets_dropped_total', of), 0);
    assert.equal(value('pawscope_interface_up', of), 1);
    assert.equal(value('pawscope_flows_total'), 2);
    assert.equal(value('pawscope_time_waits'), undefined, 'not counted yet, and not 0: one is there');
    const found = [...families.get('pawscope_findings_total')!.samples.values()].reduce((a, b) => a + b);
    assert.equal(found, live.findings.length);
    assert.ok(value('pawscope_analysis_lag_seconds')! < 60, body);
    assert.match(live.stderr, /^pawscope: metrics at http:\/\/127\.0\.0\.1:9477\/metrics$/m);
    assert.doesNotMatch(live.stderr, /password/);

    renameSync(join(cwd, 'live.db'), join(cwd, 'moved.db'));
    await health(server, /^503 live\.db was removed or replaced/);
    renameSync(join(cwd, 'moved.db'), join(cwd, 'live.db'));
    await health(server, /^200 ok/);
    server.ip('link', 'set', 'q"\\', 'down');
    await health(server, /^503 q"\\ is down/);
    server.ip('link', 'set', 'q"\\', 'up');
    await health(server, /^200 ok/);
    assert.equal(await live.end('SIGINT'), 130);
  });
}

test('as nobody: an interface that is lost turns health red, and an open address is warned about', {
  skip: needsNamespaces,
}, async t => {
  const { server } = pair(t);
  const live = new Live(t, server, folder(t), ['-i', 'eth0', '--metrics', '0.0.0.0:9477']);
  await live.listening();
  assert.match(live.stderr, /^pawscope: anyone who can reach http:\/\/0\.0\.0\.0:9477 can read the metrics: [^\n]+$/m);
  server.ip('link', 'del', 'eth0');
  await health(server, /^503 eth0 is lost/);
  assert.equal(await live.end('SIGINT'), 130);
});

test('packets that cannot be kept are counted, and turn health red until they are kept again', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  chmodSync(cwd, 0o777);
  const kept = join(cwd, 'kept');
  const begin = (): void => {
    mkdirSync(kept);
    chmodSync(kept, 0o777);
  };
  begin();
  const { client, server } = pair(t);
  await serveChat(t, server);
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-w', 'kept/ring.pcap', '-C', '8k', '--metrics', '9477', 'tcp']);
  await live.listening();
  const lost = (): number | undefined =>
    readExposition(ask(server, '/metrics')[1]).get('pawscope_evidence_lost_packets_total')?.samples.get('{}');
  assert.equal(lost(), 0);
  chatter(t, client);
  rmSync(kept, { recursive: true });
  await health(server, /^503 \S+ring\.pcap\d* cannot be written: [^\n]+; packets are not kept/);
  assert.ok(lost()! > 0);
  begin();
  await health(server, /^200 ok/);
  assert.equal(await live.end('SIGINT'), 130);
});

test('while another program writes to the database findings wait, health is red, and nothing is lost', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  const live = new Live(t, server, cwd, ['-i', 'eth0', '--metrics', '9477', '--db', 'live.db', '-Z', 'root', 'tcp']);
  await live.listening();
  const other = new Database(join(cwd, 'live.db'));
  other.exec('BEGIN IMMEDIATE');
  assert.equal(client.connect(SERVER, 81), 'ECONNREFUSED');
  await health(server, /^503 another program has held the database for \d+ s: findings wait in memory/);
  // Longer than a write waits for a lock.
  await sleep(6_000);
  assert.equal(live.findings.length, 0);
  other.exec('ROLLBACK');
  other.close();
  await live.until(({ findings }) => findings.length > 0, 'nothing is told though the database is free');
  assert.equal(live.findings[0].evidence.class, 'refused');
  await health(server, /^200 ok/);
  assert.equal(await live.end('SIGTERM'), 143);
});
