import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folder } from '../build/store-sample.ts';
import { fixture, pawscope } from './run.ts';

const CAPTURE = fixture('time-wait-collision-one-second.pcap');

interface Told {
  findings: { rule: string; packets: { frame: number }[] }[];
  tally: Record<string, number>;
}

test('a filter leaves out frames and keeps the numbers of the others, however it is given', t => {
  const cwd = folder(t);
  const told = (...args: string[]): Told => {
    const { status, stdout, stderr } = pawscope(cwd, ['analyze', '--db', ':memory:', '--format', 'json', ...args]);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    return JSON.parse(stdout);
  };
  const all = told(CAPTURE);
  const some = told(CAPTURE, '--filter', 'tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0');
  assert.equal(some.tally.frames, all.tally.frames);
  assert.equal(some.tally.segments, all.tally.frames! - some.tally['skipped.filtered']);
  assert.ok(some.tally['skipped.filtered'] > 0);
  const frames = some.findings.flatMap(({ packets }) => packets.map(({ frame }) => frame));
  assert.ok(frames.includes(12), 'the SYN of the new connection is frame 12 as in the file');
  const words = 'tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0'.split(' ');
  assert.deepEqual(told(CAPTURE, '--', ...words).tally, some.tally);
  assert.deepEqual(told('-r', CAPTURE, '--', ...words).tally, some.tally);
  assert.equal(told('--', CAPTURE).tally['skipped.filtered'], undefined, 'without a capture before, a capture');
  assert.deepEqual(told(CAPTURE, '--filter', 'port 80').findings, all.findings);
  assert.deepEqual(told(CAPTURE, '--filter', 'udp').findings, []);
});

test('a filter knows raw IP and cooked frames by their link type', t => {
  const cwd = folder(t);
  for (const capture of ['link-raw.pcap', 'lab-nat-older-any.pcap']) {
    const run = (filter: string): Record<string, number> =>
      JSON.parse(
        pawscope(cwd, ['analyze', fixture(capture), '--db', ':memory:', '--format', 'json', '--filter', filter]).stdout,
      ).tally;
    assert.ok(run('tcp').segments! > 0, capture);
    assert.equal(run('udp').segments, 0, capture);
  }
});

test('a filter that libpcap refuses is one sentence with its words, and 2', t => {
  const cwd = folder(t);
  const { status, stderr, stdout } = pawscope(cwd, ['analyze', CAPTURE, '--filter', 'tcp porrt 80']);
  assert.equal(status, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^pawscope: the filter "tcp porrt 80" cannot be used: [^\n]*syntax error\n$/);
  assert.match(pawscope(cwd, ['analyze', CAPTURE, '--filter', 'tcp', '--', 'udp']).stderr, /give one/);
});

test('a filter behind the captures, without -- before it, is a sentence that shows how it is given', t => {
  const cwd = folder(t);
  for (const [args, command] of [
    [[CAPTURE, 'tcp', 'port', '80'], `${CAPTURE} --filter "tcp port 80"`],
    [['-r', CAPTURE, 'host 192.0.2.1'], `-r ${CAPTURE} --filter "host 192.0.2.1"`],
  ] as const) {
    const { status, stderr } = pawscope(cwd, ['analyze', ...args]);
    assert.equal(status, 2);
    assert.match(stderr, /^pawscope: there is no file [^;\n]+; if "[^"]+" is a filter: pawscope analyze [^\n]+\n$/);
    assert.ok(stderr.endsWith(`pawscope analyze ${command}\n`), stderr);
  }
  assert.match(pawscope(cwd, ['analyze', 'tcp']).stderr, /^pawscope: tcp: there is no such file\n$/);
});
