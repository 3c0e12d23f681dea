import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, linkSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { handshake } from '../build/conversation.ts';
import { frames } from '../build/packet.ts';
import { BASE_TIME, pcap } from '../build/pcap.ts';
import { folder } from '../build/store-sample.ts';
import { fixture, pawscope } from './run.ts';

const COLLISION = fixture('time-wait-collision-one-second.pcap');
const PCAP_HEADER = 24;
const REUSE = '0477a892ea341d53';

/** A folder with the capture as `name`, analysed. */
function analysed(t: TestContext, name: string, bytes: Uint8Array): string {
  const cwd = folder(t);
  writeFileSync(join(cwd, name), bytes);
  assert.equal(pawscope(cwd, ['analyze', name]).status, 0);
  return cwd;
}

test('the packets of both connections of a tuple are written with their times and lengths, for the owner alone', t => {
  const cwd = analysed(t, 'a.pcap', readFileSync(COLLISION));
  const { status, stdout, stderr } = pawscope(cwd, ['slice', REUSE, '-o', 'out.pcap']);
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
  assert.equal(statSync(join(cwd, 'out.pcap')).mode & 0o777, 0o600);
  const again = pawscope(cwd, ['analyze', 'out.pcap', '--db', ':memory:', '--format', 'ndjson']);
  assert.match(again.stdout, new RegExp(REUSE));
  assert.match(pawscope(cwd, ['analyze', 'out.pcap', '--db', ':memory:']).stdout, /Ethernet {2}25 frames/);
});

test('captures of different years in one run: the packets are found though their times were rounded, and written unrounded', t => {
  const YEARS = 3 * 365 * 86_400;
  const cwd = analysed(t, 'a.pcap', readFileSync(COLLISION));
  const story = handshake({ client: '192.0.2.77:40000', at: 0.000000123 })
    .request()
    .wait(0.000001003)
    .rstFrom('server');
  const bytes = pcap(frames(story.packets), { nanos: true, base: BASE_TIME + YEARS });
  writeFileSync(join(cwd, 'later.pcap'), bytes);
  const { stdout } = pawscope(cwd, ['analyze', 'a.pcap', 'later.pcap', '--format', 'ndjson']);
  const found = stdout.split('\n').find(line => line.includes('192.0.2.77'))!;
  const { id } = JSON.parse(found) as { id: string };
  const { status, stderr } = pawscope(cwd, ['slice', id, '-o', 'out.pcap']);
  assert.deepEqual([status, stderr], [0, '']);
  const written = readFileSync(join(cwd, 'out.pcap'));
  assert.ok(written.subarray(PCAP_HEADER).equals(bytes.subarray(PCAP_HEADER)));
});

test('a compressed capture gives the same bytes, to standard output too', t => {
  const cwd = analysed(t, 'a.pcap', readFileSync(COLLISION));
  const packed = analysed(t, 'a.pcap.gz', gzipSync(readFileSync(COLLISION)));
  assert.equal(pawscope(cwd, ['slice', REUSE, '-o', 'out.pcap']).status, 0);
  const { stdout } = pawscope(packed, ['slice', REUSE.slice(0, 6), '-o', '-'], { encoding: 'latin1' });
  assert.equal(stdout, readFileSync(join(cwd, 'out.pcap'), 'latin1'));
});

test('without a margin only what lies between the packets that prove it is written', t => {
  const cwd = analysed(t, 'a.pcap', readFileSync(COLLISION));
  assert.equal(pawscope(cwd, ['slice', REUSE, '--margin', '0', '-o', 'out.pcap']).status, 0);
  assert.match(pawscope(cwd, ['analyze', 'out.pcap', '--db', ':memory:']).stdout, /Ethernet {2}7 frames/);
});

test('a capture that is gone, has changed, or would be overwritten is one sentence, and 2', t => {
  const cwd = analysed(t, 'a.pcap', readFileSync(COLLISION));
  const refused = (output: string, sentence: RegExp): void => {
    const { status, stdout, stderr } = pawscope(cwd, ['slice', REUSE, '-o', output]);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
    assert.match(stderr, sentence);
  };
  refused('a.pcap', /a\.pcap is a capture that the run read/);
  refused('', /the name of the output file is empty; is a variable not set\?/);
  refused('x'.repeat(300), /cannot be opened: the name is too long/);
  copyFileSync(fixture('healthy-keep-alive.pcap'), join(cwd, 'other.pcap'));
  renameSync(join(cwd, 'a.pcap'), join(cwd, 'kept.pcap'));
  refused('out.pcap', /a\.pcap: there is no such file/);
  renameSync(join(cwd, 'other.pcap'), join(cwd, 'a.pcap'));
  refused('out.pcap', /is not the packet that 0477a892ea341d53 has there; the capture has changed/);
});

test('neither slice nor report writes over the database, or over a capture that its run read', t => {
  const cwd = analysed(t, 'a.pcap', readFileSync(COLLISION));
  const files = ['a.pcap', 'pawscope.db'];
  const before = files.map(file => readFileSync(join(cwd, file)));
  linkSync(join(cwd, 'pawscope.db'), join(cwd, 'another-name.db'));
  for (const output of [...files, './pawscope.db', 'another-name.db']) {
    for (const command of [
      ['slice', REUSE],
      ['report', 'pawscope.db'],
    ]) {
      const { status, stdout, stderr } = pawscope(cwd, [...command, '-o', output]);
      assert.deepEqual([status, stdout], [2, ''], `${command} ${output}`);
      assert.match(
        stderr,
        /^pawscope: \S+ is (the database that is read|a capture that the run read), and would be [^\n]+\n$/,
      );
    }
  }
  assert.deepEqual(
    files.map(file => readFileSync(join(cwd, file))),
    before,
  );
});

test('a finding that is not there, and what was read from a pipe, is one sentence, and 2', t => {
  const cwd = folder(t);
  assert.equal(pawscope(cwd, ['analyze', '-'], { input: readFileSync(COLLISION) }).status, 0);
  for (const [word, sentence] of [
    [REUSE, /standard input was read, and its packets were not kept; analyse them from a file/],
    ['ffffffff', /there is no finding whose id begins with ffffffff/],
    ['port-reuse', /port-reuse is not a finding's id/],
  ] as const) {
    const { status, stderr } = pawscope(cwd, ['slice', word, '-o', 'out.pcap']);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
  }
});

const TSHARK = spawnSync('tshark', ['--version']).error === undefined;

test('tshark reads a slice', { skip: TSHARK ? false : 'needs tshark' }, t => {
  const cwd = analysed(t, 'a.pcap', readFileSync(COLLISION));
  assert.equal(pawscope(cwd, ['slice', REUSE, '-o', 'out.pcap']).status, 0);
  const fields = (file: string): string =>
    spawnSync(
      'tshark',
      ['-r', file, '-T', 'fields', '-e', 'frame.time_epoch', '-e', 'frame.len', '-e', 'tcp.seq_raw'],
      {
        cwd,
        encoding: 'utf8',
      },
    ).stdout;
  assert.equal(fields('out.pcap'), fields('a.pcap'));
});
