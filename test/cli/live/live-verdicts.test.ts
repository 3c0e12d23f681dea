/** Verdicts on the whole run, on real kernel traffic, told while the run goes on. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openForReading } from '../../../src/store/database.ts';
import { Live, type StreamedFinding } from '../../build/live.ts';
import { type Namespace, needsNamespaces, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { pawscope } from '../run.ts';

const SERVER = '10.71.0.2';

const set = (namespace: Namespace, name: string, value: string): string =>
  namespace.run('sysctl', ['-qw', `net.ipv4.${name}=${value}`]);

const metrics = (server: Namespace): string => server.run('curl', ['-s', 'http://127.0.0.1:9477/metrics']);

const by =
  (rule: string) =>
  (finding: StreamedFinding): boolean =>
    finding.rule === rule;

test('a server that takes no timestamps is told of while the run goes on, and stands in the database once', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  set(server, 'tcp_timestamps', '0');
  set(client, 'tcp_timestamps', '2'); // one clock for all: otherwise chance decides what else is found
  await server.serve(t, SERVER, 80, 'wait');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root', '--metrics', '9477']);
  await live.listening();
  client.connect(SERVER, 80);
  await live.until(({ findings }) => findings.some(by('revealed-setting')), 'told');
  client.connect(SERVER, 80);
  await live.until(() => /^pawscope_flows_total 2$/m.test(metrics(server)), 'the second has been read');
  const reader = openForReading(join(cwd, 'pawscope.db'));
  const clock = reader.prepare("SELECT client || ' ' || server FROM clock").pluck();
  await live.until(() => clock.get() === `10.71.0.1 ${SERVER}`, 'its clock stands in the database meanwhile');
  reader.close();
  assert.equal(await live.end('SIGINT'), 130);
  const told = live.findings.filter(by('revealed-setting'));
  const { findings, tally } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  const stored: StreamedFinding[] = findings.filter(by('revealed-setting'));
  assert.equal(stored.length, 1);
  const standing = (f: StreamedFinding): string => `${f.id} ${f.evidence.count} ${f.confidence}`;
  const { id } = stored[0];
  assert.deepEqual(told.map(standing), [`${id} 1 weak`, `${id} 2 strong`], 'again when it was seen again');
  assert.deepEqual(stored.map(standing), [`${id} 2 strong`], 'with the figures of the end');
  assert.equal(tally['findings.revealed-setting'], 1);
});

test('a client that has used up its few ports is told of while the run goes on', { skip: needsNamespaces }, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  set(client, 'ip_local_port_range', '40000 40031');
  set(client, 'tcp_tw_reuse', '0');
  await server.serve(t, SERVER, 80, 'wait');
  const options = ['--port-range', '40000-40031', '--metrics', '9477'];
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root', ...options]);
  await live.listening();
  assert.equal(client.connectMany(SERVER, 80, 100), 'EADDRNOTAVAIL');
  const isFull = ({ rule, severity }: StreamedFinding): boolean =>
    rule === 'port-exhaustion' && severity === 'critical';
  await live.until(({ findings }) => findings.some(isFull), 'told');
  const { evidence } = live.findings.find(isFull)!;
  assert.deepEqual([evidence.in_use, evidence.capacity], [32, 32]);
  await live.until(() => metrics(server).includes('pawscope_time_waits '), 'TIME_WAITs are counted');
  const told = metrics(server);
  assert.match(told, /^pawscope_time_waits 32$/m);
  assert.match(told, /^pawscope_time_waits_top\{client="10\.71\.0\.1",.*,port="80",owner="client"\} 32$/m);
  assert.equal(await live.end('SIGINT'), 130);
});

test('a table of TIME_WAITs that is full is told of', { skip: needsNamespaces }, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  set(server, 'tcp_max_tw_buckets', '16');
  await server.serve(t, SERVER, 80, 'close');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root']);
  await live.listening();
  client.connectMany(SERVER, 80, 40);
  await live.until(({ findings }) => findings.some(by('time-wait-overflow')), 'told');
  const { evidence } = live.findings.find(by('time-wait-overflow'))!;
  assert.ok(Math.abs(Number(evidence.occupancy) - 16) <= 1, JSON.stringify(evidence));
  assert.deepEqual(evidence.signs, ['plateau', 'fin-answered-by-rst']);
  assert.equal(await live.end('SIGINT'), 130);
});
