/** `collect` on this host, and what `analyze --context` makes of files. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readProc } from '../../src/cli/proc.ts';
import { writeProc } from '../build/proc.ts';
import { folder } from '../build/store-sample.ts';
import { fixture, pawscope } from './run.ts';

const REGRESS = fixture('nat-second-client-unanswered.pcap');
const SERVER = '198.51.100.80';

test('collect prints one JSON document that analyze takes', t => {
  const cwd = folder(t);
  const { status, stdout, stderr } = pawscope(cwd, ['collect']);
  if (process.platform !== 'linux') {
    assert.equal(status, 2);
    assert.match(stderr, /^pawscope: collect reads \/proc of Linux[^\n]*\n$/);
    return;
  }
  assert.deepEqual([status, stderr], [0, '']);
  assert.equal(JSON.parse(stdout).schema_version, 1);
  writeFileSync(join(cwd, 'host.json'), stdout);
  assert.equal(pawscope(cwd, ['analyze', '-q', '--context', 'host.json', REGRESS]).status, 0);
});

test('a context of the server turns would into cannot, and keeps the ids', t => {
  const cwd = folder(t);
  const context = readProc(writeProc(folder(t), '5.15'), [SERVER], new Date());
  writeFileSync(join(cwd, 'host.json'), JSON.stringify(context));
  const run = (...args: string[]): { id: string; title: string; rule: string; severity: string }[] =>
    JSON.parse(pawscope(cwd, ['analyze', '--db', ':memory:', '--format', 'json', ...args, REGRESS]).stdout).findings;
  const plain = run();
  const informed = run('--context', 'host.json');
  assert.deepEqual(
    informed.map(f => f.id),
    plain.map(f => f.id),
  );
  const regress = informed.find(f => f.rule === 'timestamp-regress');
  assert.match(regress!.title, /; by its context this server cannot do that \(Linux 5\.15, no tcp_tw_recycle\)$/);
  assert.equal(regress!.severity, 'info');
});

test('anything else as context is one sentence and 2', t => {
  const cwd = folder(t);
  const good = readProc(writeProc(folder(t), '5.15'), [SERVER], new Date());
  const sysctl = (name: string, value: string, sentence: RegExp): readonly [string, string, RegExp] => {
    const sysctls = { ...good.sysctls, [`net.ipv4.${name}`]: value };
    return [`${name}.json`, JSON.stringify({ ...good, sysctls }), sentence];
  };
  const files: readonly (readonly [string, string, RegExp])[] = [
    ['broken.json', '{', /broken\.json: not a JSON document of pawscope collect/],
    ['list.json', '[]', /not a JSON document of pawscope collect/],
    ['other.json', '{"schema_version": 1}', /not a document of pawscope collect \(collected\)/],
    ['newer.json', JSON.stringify({ ...good, schema_version: 2 }), /written by a newer pawscope/],
    ['address.json', JSON.stringify({ ...good, addresses: ['nowhere'] }), /\(addresses\)/],
    sysctl('tcp_tw_recycle', 'foo', /net\.ipv4\.tcp_tw_recycle is "foo", but must be a number/),
    sysctl('tcp_timestamps', '1', /net\.ipv4\.tcp_timestamps is "1", but must be a number/),
    sysctl('ip_local_port_range', '32768', /net\.ipv4\.ip_local_port_range is "32768", but must be two ports/),
    sysctl('ip_local_reserved_ports', 'http', /is "http", but must be a list of ports/),
    ['counter.json', JSON.stringify({ ...good, counters: { TcpExtTW: 'many' } }), /\(counters\)/],
  ];
  for (const [name, text, sentence] of files) {
    writeFileSync(join(cwd, name), text);
    const { status, stderr } = pawscope(cwd, ['analyze', '--context', name, REGRESS]);
    assert.equal(status, 2, name);
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
  }
  assert.match(pawscope(cwd, ['analyze', '--context', 'none.json', REGRESS]).stderr, /none\.json: cannot be read/);
});

test('a context of a host that the capture does not show is warned of, and the status stays', t => {
  const cwd = folder(t);
  const proc = writeProc(folder(t), '5.15');
  for (const [name, address] of [
    ['here', SERVER],
    ['elsewhere', '203.0.113.99'],
    ['loopback', '127.0.0.1'],
  ] as const) {
    writeFileSync(join(cwd, name), JSON.stringify({ ...readProc(proc, [address], new Date()), host: name }));
  }
  for (const workers of ['0', '2']) {
    const contexts = ['here', 'elsewhere', 'loopback'].flatMap(name => ['--context', name]);
    const { status, stderr } = pawscope(cwd, ['analyze', '-q', '--workers', workers, ...contexts, REGRESS]);
    assert.equal(status, 0);
    assert.deepEqual(
      stderr.split('\n').map(line => /the context of (.*) matches no address in the capture/.exec(line)?.[1]),
      ['elsewhere', 'loopback', undefined],
    );
  }
});

test('a single reserved port is a number, several are a list, and unknown settings hold what they like', t => {
  const cwd = folder(t);
  const good = readProc(writeProc(folder(t), '5.15'), [SERVER], new Date());
  for (const ports of [8080, '', '8080,9148-9150']) {
    const sysctls = { ...good.sysctls, 'net.ipv4.ip_local_reserved_ports': ports, 'net.ipv4.other': 'cubic' };
    writeFileSync(join(cwd, 'host.json'), JSON.stringify({ ...good, sysctls }));
    assert.equal(pawscope(cwd, ['analyze', '-q', '--context', 'host.json', REGRESS]).status, 0);
  }
});
