import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folder } from '../build/store-sample.ts';
import { fixture, pawscope } from './run.ts';

const REAL = /198[.-]18[.-]42|2001:db8:/i;

/** Captures of an IPv4 and an IPv6 collision, named after the addresses in them. */
function analysed(t: TestContext, key: string | undefined, ...more: string[]) {
  const cwd = folder(t);
  copyFileSync(fixture('lab-nat-older.pcap'), join(cwd, 'gw-198.18.42.80.pcap'));
  copyFileSync(fixture('ipv6-collision.pcap'), join(cwd, 'ip-198-18-42-80.pcap'));
  const env = { ...process.env, NO_COLOR: '1', PAWSCOPE_ANONYMIZE_KEY: key };
  const run = (...args: string[]) => pawscope(cwd, args, { env });
  return { cwd, run, result: run('analyze', '.', '--db', '198.18.42.80.db', ...more) };
}

const told = (stdout: string): { id: string; client: string; server: string; rule: string }[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));

test('with --anonymize no output tells an address, and the database keeps them', t => {
  const { cwd, run, result } = analysed(
    t,
    'key',
    '--anonymize',
    '-v',
    '--filter',
    'net 198.18.42.0/24 or ip6',
    '--flows',
  );
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /port-reuse in-time-wait/);
  const outputs = [result.stdout, result.stderr];
  for (const format of ['text', 'json', 'ndjson', 'csv', 'md', 'sarif', 'junit', 'github']) {
    outputs.push(run('findings', '198.18.42.80.db', '--anonymize', '--format', format).stdout);
  }
  const [finding] = told(run('findings', '198.18.42.80.db', '--format', 'ndjson').stdout);
  for (const format of ['text', 'json']) {
    outputs.push(run('explain', finding.id, '--db', '198.18.42.80.db', '--anonymize', '--format', format).stdout);
  }
  for (const format of ['html', 'md']) {
    const file = `report.${format}`;
    run('report', '198.18.42.80.db', '--compare', '198.18.42.80.db', '--anonymize', '--format', format, '-o', file);
    outputs.push(readFileSync(join(cwd, file), 'utf8'));
  }
  for (const output of outputs) assert.doesNotMatch(output, REAL);
  assert.ok(outputs.slice(2).every(output => output.length > 100));
  assert.match(finding.client, REAL);
});

test('a key gives the same addresses and ids in every command, and no key gives others each time', t => {
  const { run } = analysed(t, 'key');
  const anonymous = () => told(run('findings', '198.18.42.80.db', '--anonymize', '--format', 'ndjson').stdout);
  assert.deepEqual(anonymous(), anonymous());
  const { id, client } = anonymous()[0];
  assert.match(run('explain', id, '--db', '198.18.42.80.db', '--anonymize').stdout, new RegExp(client));
  const unkeyed = analysed(t, undefined);
  const first = told(unkeyed.run('findings', '198.18.42.80.db', '--anonymize', '--format', 'ndjson').stdout);
  const second = told(unkeyed.run('findings', '198.18.42.80.db', '--anonymize', '--format', 'ndjson').stdout);
  assert.notEqual(first[0].client, second[0].client);
  assert.notEqual(first[0].id, second[0].id);
});

test('filters take the addresses that the database has', t => {
  const { run } = analysed(t, 'key');
  const [real] = told(run('findings', '198.18.42.80.db', '--format', 'ndjson').stdout);
  const same = ['findings', '198.18.42.80.db', '--client', real.client, '--format', 'ndjson'];
  const rules = (...more: string[]) => told(run(...same, ...more).stdout).map(({ rule }) => rule);
  assert.deepEqual(rules('--anonymize'), rules());
});

test('what a baseline holds does not count under another name either', t => {
  const { run, result } = analysed(t, 'key');
  assert.equal(result.status, 0);
  const again = ['analyze', '.', '--db', 'again.db', '--anonymize', '--fail-on', 'info', '--format', 'ndjson'];
  assert.equal(run(...again).status, 1);
  const known = run(...again, '--baseline', '198.18.42.80.db');
  assert.equal(known.status, 0);
  assert.equal(known.stdout, '');
});

test('folders of captures and databases may name customers: no output tells them', t => {
  const cwd = folder(t);
  mkdirSync(join(cwd, 'acme', 'site'), { recursive: true });
  const capture = join(cwd, 'acme', 'site', 'gw.pcap');
  const database = join(cwd, 'acme', 'case.db');
  const whole = readFileSync(fixture('lab-nat-older.pcap'));
  writeFileSync(capture, whole.subarray(0, whole.length - 7));
  const env = { ...process.env, NO_COLOR: '1', PAWSCOPE_ANONYMIZE_KEY: 'key' };
  const run = (...args: string[]) => pawscope(cwd, [...args, '--anonymize'], { env });
  const analysed = run('analyze', capture, '--db', database, '-v');
  assert.equal(analysed.status, 3);
  const outputs = [analysed.stdout, analysed.stderr];
  for (const format of ['text', 'json', 'ndjson', 'csv', 'md', 'sarif', 'junit', 'github']) {
    outputs.push(run('findings', database, '--format', format).stdout);
  }
  const [{ id }] = told(run('findings', database, '--format', 'ndjson').stdout);
  for (const format of ['text', 'json']) outputs.push(run('explain', id, '--db', database, '--format', format).stdout);
  for (const format of ['html', 'md']) outputs.push(run('report', database, '--format', format, '-o', '-').stdout);
  outputs.push(run('findings', database, '--client', '192.0.2.200').stdout);
  for (const output of outputs) {
    assert.ok(output.length > 20, output);
    assert.doesNotMatch(output, /acme|site/);
  }
  assert.match(analysed.stderr, /^pawscope: [0-9a-f]{6}\/gw\.pcap: /);
});
