import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openForReading } from '../../src/store/database.ts';
import { readCaptures, readFindings, readRuns } from '../../src/store/reader.ts';
import { shifted } from '../build/records.ts';
import { folder } from '../build/store-sample.ts';
import { fixture, pawscope } from './run.ts';

const COLLISION = fixture('lab-nat-older.pcap');
const HEALTHY = fixture('healthy-traffic.pcap');
const CUT = fixture('cut-mid-record.pcap');

test('a capture gives a summary on stdout, nothing on stderr, and a database', t => {
  const cwd = folder(t);
  const { status, stdout, stderr } = pawscope(cwd, ['analyze', COLLISION]);
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.match(stdout, /TCP: 23 segments/);
  assert.match(stdout, /tshark -r \S*lab-nat-older\.pcap -Y 'frame\.number in \{/);
  assert.deepEqual(readdirSync(cwd), ['pawscope.db']);
  const db = openForReading(join(cwd, 'pawscope.db'));
  assert.deepEqual(
    readRuns(db).map(({ status: s, command, options }) => [s, command, options]),
    [['done', 'analyze', { max_flows: 4_000_000, time_wait: 60, port_range: [32_768, 60_999], flows: false }]],
  );
  assert.equal(readCaptures(db, [1])[0].frames, 23);
  db.close();
});

test('the same capture again is another run with the same finding ids', t => {
  const cwd = folder(t);
  pawscope(cwd, ['analyze', '-q', COLLISION]);
  pawscope(cwd, ['analyze', '-q', '-r', COLLISION, '--workers', '2']);
  const db = openForReading(join(cwd, 'pawscope.db'));
  const ids = (run: number): string[] => [...readFindings(db, { runs: [run] })].map(f => f.id);
  assert.ok(ids(1).length > 0);
  assert.deepEqual(ids(1), ids(2));
  db.close();
});

test('a capture comes in by pipe too, and :memory: keeps nothing', t => {
  const cwd = folder(t);
  const args = ['analyze', '-', '--db', ':memory:', '--format', 'json'];
  const piped = pawscope(cwd, args, { input: readFileSync(COLLISION) });
  assert.equal(piped.status, 0, piped.stderr);
  const document = JSON.parse(piped.stdout);
  assert.equal(document.captures[0].source, '-');
  const named = JSON.parse(pawscope(cwd, ['analyze', COLLISION, '--db', ':memory:', '--format', 'json']).stdout);
  assert.deepEqual(document.findings, named.findings);
  assert.deepEqual(readdirSync(cwd), []);
});

test('a capture of another machine whose clock differs: a caveat in the summary and the report, and no warning', t => {
  const cwd = folder(t);
  const here = fixture('lab-bind-fixed.pcap');
  writeFileSync(join(cwd, 'other.pcap'), shifted(readFileSync(here), 20.1));
  const { status, stdout, stderr } = pawscope(cwd, ['analyze', here, 'other.pcap']);
  assert.deepEqual([status, stderr], [0, '']);
  const said =
    /other\.pcap: holds packets of \S+, 20\.100 s later \(at least \d+ SYNs and SYN-ACKs\).* shift this one: editcap -t -20\.1\b/;
  assert.match(stdout.replace(/\s+/g, ' '), said);
  const report = pawscope(cwd, ['report', '--format', 'md']).stdout;
  assert.match(report.replaceAll('\\', ''), new RegExp(`\\*\\*Caveat:\\*\\* ${said.source}`));
  assert.doesNotMatch(pawscope(cwd, ['analyze', here]).stdout, /editcap/);
});

test('every format writes the findings that the database holds', t => {
  const cwd = folder(t);
  const count = JSON.parse(pawscope(cwd, ['analyze', COLLISION, '--format', 'json']).stdout).findings.length;
  assert.ok(count > 0);
  const lines = (format: string): number =>
    pawscope(cwd, ['analyze', COLLISION, '--format', format]).stdout.trimEnd().split('\n').length;
  assert.equal(lines('ndjson'), count);
  assert.equal(lines('csv'), count + 1);
});

test('--fail-on gives 1 at its severity and above', t => {
  const cwd = folder(t);
  const status = (severity: string): number | null =>
    pawscope(cwd, ['analyze', '-q', COLLISION, '--fail-on', severity]).status;
  assert.deepEqual(['info', 'warning', 'critical', 'none'].map(status), [1, 1, 0, 0]);
});

test('a capture that is cut short is analysed, told, and gives 3; findings that fail the run give 1 before it', t => {
  const cwd = folder(t);
  const cut = pawscope(cwd, ['analyze', CUT]);
  assert.equal(cut.status, 3);
  assert.match(cut.stderr, /^pawscope: \S*cut-mid-record\.pcap: [^\n]+\n$/);
  assert.match(cut.stdout, /of incomplete input/);
  for (const text of [cut.stderr, cut.stdout]) {
    assert.match(text.replace(/\s+/g, ' '), /ends in the middle of a record, after frame \d+ \(byte \d+\) /);
  }
  assert.equal(pawscope(cwd, ['analyze', '-q', CUT, '--fail-on', 'info']).status, 1);
  const db = openForReading(join(cwd, 'pawscope.db'));
  assert.equal(readRuns(db)[0].status, 'damaged');
  db.close();
});

test('--rule runs the rules that it names', t => {
  const cwd = folder(t);
  const run = (...rule: string[]) => pawscope(cwd, ['analyze', COLLISION, '--format', 'ndjson', ...rule]);
  const rules = run('--rule', 'reset-close')
    .stdout.trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).rule);
  assert.deepEqual([...new Set(rules)], ['reset-close']);
  const unknown = run('--rule', 'port-resue');
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /there is no rule port-resue; did you mean port-reuse\?/);
});

test('what cannot be read is one sentence, status 2, and leaves nothing behind', t => {
  const cwd = folder(t);
  const write = (name: string, content: string): string => {
    writeFileSync(join(cwd, name), content);
    return name;
  };
  const cases: [args: string[], sentence: RegExp][] = [
    [['missing.pcap'], /missing\.pcap: there is no such file/],
    [[write('zero.pcap', '')], /zero\.pcap: /],
    [[write('notes.pcap', 'dear diary, today I captured nothing')], /notes\.pcap: /],
    [[HEALTHY, 'missing.pcap'], /missing\.pcap/],
    [[HEALTHY, 'notes.pcap'], /notes\.pcap/],
    [['*.nothing'], /\*\.nothing: no file matches/],
    [[], /name at least one capture/],
    [[HEALTHY, '--format', 'xml'], /'xml' is invalid\. Allowed choices are text, json, ndjson, csv/],
    [[HEALTHY, '--fail-on', 'bad'], /'bad' is invalid/],
    [[HEALTHY, '--workers', '-1'], /whole number from 0/],
    [[HEALTHY, '--port-range', '9-8'], /LO-HI/],
    [[HEALTHY, '--wrokers', '1'], /unknown option '--wrokers'.*--workers/],
  ];
  const before = readdirSync(cwd).length;
  for (const [args, sentence] of cases) {
    const { status, stdout, stderr } = pawscope(cwd, ['analyze', ...args]);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/, 'one sentence');
    assert.equal(stdout, '');
  }
  assert.ok(!existsSync(join(cwd, 'pawscope.db')));
  assert.equal(readdirSync(cwd).length, before);
});

test("another program's database is refused before it is touched", t => {
  const cwd = folder(t);
  writeFileSync(join(cwd, 'notes.db'), 'x'.repeat(5000));
  const { status, stderr } = pawscope(cwd, ['analyze', HEALTHY, '--db', 'notes.db']);
  assert.equal(status, 2);
  assert.match(stderr, /^pawscope: notes\.db: is not a database; [^\n]+\n$/);
  assert.equal(readFileSync(join(cwd, 'notes.db'), 'utf8'), 'x'.repeat(5000));
});

test('a folder is one run over its captures', t => {
  const cwd = folder(t);
  for (const name of ['cap1', 'cap2']) writeFileSync(join(cwd, name), readFileSync(HEALTHY));
  const { status, stdout } = pawscope(cwd, ['analyze', '.', '--db', ':memory:', '--format', 'json']);
  assert.equal(status, 0);
  assert.deepEqual(
    JSON.parse(stdout).captures.map(({ source }: { source: string }) => source),
    ['cap1', 'cap2'],
  );
});

test('a folder gives its captures that tcpdump -z gzip packed, and no other gzip files', t => {
  const cwd = folder(t);
  writeFileSync(join(cwd, 'cap1.gz'), gzipSync(readFileSync(HEALTHY)));
  writeFileSync(join(cwd, 'cap2'), readFileSync(HEALTHY));
  writeFileSync(join(cwd, 'syslog.1.gz'), gzipSync('what the server wrote'));
  writeFileSync(join(cwd, 'broken.gz'), gzipSync(readFileSync(HEALTHY)).subarray(0, 3));
  const { status, stdout } = pawscope(cwd, ['analyze', '.', '--db', ':memory:', '--format', 'json']);
  assert.equal(status, 0);
  assert.deepEqual(
    JSON.parse(stdout).captures.map(({ source }: { source: string }) => source),
    ['cap1.gz', 'cap2'],
  );
});

test('what is no capture is passed over where a pattern or a folder found it, told in a sentence, and the status is 3', t => {
  const cwd = folder(t);
  const run = (...words: string[]) => pawscope(cwd, ['analyze', ...words, '--db', ':memory:', '--format', 'json']);
  const sources = (stdout: string): string[] =>
    JSON.parse(stdout).captures.map(({ source }: { source: string }) => source);
  for (const name of ['cap1', 'cap2']) writeFileSync(join(cwd, name), readFileSync(HEALTHY));
  writeFileSync(join(cwd, 'cap3.pcap'), '');
  for (const found of ['.', 'cap*']) {
    const { status, stdout, stderr } = run(found);
    assert.equal(status, 3);
    assert.equal(stderr, 'pawscope: skipped: cap3.pcap: is empty (byte 0)\n');
    assert.deepEqual(sources(stdout), ['cap1', 'cap2']);
    assert.equal(JSON.parse(stdout).run.status, 'damaged');
  }
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(cwd, `${name}.txt`), 'what the customer said about it');
  const { status, stderr } = run('*');
  assert.equal(status, 3);
  assert.equal(stderr, 'pawscope: skipped 5 files that are not captures: a.txt, b.txt, c.txt and 2 more\n');
  assert.deepEqual(sources(run('{a.txt,cap1}').stdout), ['cap1']);
  for (const named of [['cap1', 'a.txt'], ['*.txt']]) assert.equal(run(...named).status, 2, named.join());
});

test('a capture of a link type without TCP is passed over where a folder found it, and refused where it is named', t => {
  const cwd = folder(t);
  const can = Buffer.from(readFileSync(HEALTHY));
  can.writeUInt32LE(227, 20);
  for (const [name, bytes] of Object.entries({ 'a.pcap': readFileSync(HEALTHY), 'can.pcap': can })) {
    writeFileSync(join(cwd, name), bytes);
  }
  const run = (...words: string[]) => pawscope(cwd, ['analyze', ...words, '--db', ':memory:', '--quiet']);
  const why = 'can.pcap: unsupported link type 227 (CAN_SOCKETCAN): no TCP can be read from it (byte 24)';
  for (const found of ['.', '*.pcap']) {
    const { status, stderr } = run(found);
    assert.deepEqual({ status, stderr }, { status: 3, stderr: `pawscope: skipped: ${why}\n` });
  }
  const named = run('a.pcap', 'can.pcap');
  const hint = 'to pass over such files, name their folder or put the pattern in quotes';
  assert.deepEqual([named.status, named.stderr], [2, `pawscope: ${why}; ${hint}\n`]);
  assert.equal(run('can.pcap').stderr, `pawscope: ${why}\n`);
  writeFileSync(join(cwd, 'empty.pcap'), '');
  assert.equal(run('.').stderr, 'pawscope: skipped 2 files from which no TCP can be read: can.pcap, empty.pcap\n');
});

test('how to pass over a file is not said of what a folder found, or of standard input', t => {
  const cwd = folder(t);
  for (const name of ['a.pcap', 'b.pcap']) writeFileSync(join(cwd, name), '');
  const run = (...words: string[]) =>
    pawscope(cwd, ['analyze', ...words, '--db', ':memory:', '--quiet'], { input: '' });
  assert.equal(run('.').stderr, 'pawscope: a.pcap: is empty (byte 0)\n');
  assert.equal(run('-', HEALTHY).stderr, 'pawscope: standard input is empty (byte 0)\n');
});

test('a compressed file that has just begun ends no analysis of its folder', t => {
  const cwd = folder(t);
  writeFileSync(join(cwd, 'a.pcap'), readFileSync(HEALTHY));
  writeFileSync(join(cwd, 'b.pcap.gz'), gzipSync(readFileSync(HEALTHY)).subarray(0, 5));
  const { status, stderr } = pawscope(cwd, ['analyze', '.', '--db', ':memory:', '--quiet']);
  const why = 'b.pcap.gz: cannot be read: the gzip stream ends too early (byte 0)';
  assert.deepEqual({ status, stderr }, { status: 3, stderr: `pawscope: skipped: ${why}\n` });
});

test('standard input is called by that name', t => {
  const bytes = readFileSync(HEALTHY);
  const said = (input: Buffer): string =>
    pawscope(folder(t), ['analyze', '-', '--db', ':memory:', '-q'], { input }).stderr;
  assert.match(said(bytes.subarray(0, -1)), /^pawscope: standard input: the capture ends in the middle of a record/);
  assert.match(said(Buffer.alloc(100)), /^pawscope: standard input: is not a pcap or pcapng capture \(byte 0\)$/m);
});

test('a capture that is named twice is read once, and it is told', t => {
  const cwd = folder(t);
  for (const name of ['cap1', 'cap2']) writeFileSync(join(cwd, name), readFileSync(HEALTHY));
  const words = ['cap1', 'cap*', './cap1', '--db', ':memory:', '--format', 'json'];
  const { status, stdout, stderr } = pawscope(cwd, ['analyze', ...words]);
  assert.equal(status, 0);
  assert.equal(stderr, 'pawscope: read once, though named more often: cap1, ./cap1\n');
  assert.equal(JSON.parse(stdout).captures.length, 2);
});

test('--flows stores every connection', t => {
  const cwd = folder(t);
  pawscope(cwd, ['analyze', '-q', '--flows', HEALTHY]);
  const db = openForReading(join(cwd, 'pawscope.db'));
  assert.equal(db.prepare('SELECT count(*) FROM flow').pluck().get(), 45);
  db.close();
});

test('colour is for terminals, and for those who ask', t => {
  const cwd = folder(t);
  const run = (...color: string[]): string => pawscope(cwd, ['analyze', COLLISION, ...color]).stdout;
  assert.ok(!run().includes('\u001b['));
  assert.ok(run('--color', 'always').includes('\u001b['));
  assert.ok(!run('--no-color').includes('\u001b['));
  assert.ok(run('--color').includes('\u001b['));
  assert.ok(run('--color', '--db', ':memory:').includes('\u001b['));
  assert.ok(pawscope(cwd, ['analyze', '--color', COLLISION]).stdout.includes('\u001b['));
  assert.ok(pawscope(cwd, ['explain', '--color', 'port-reuse']).stdout.includes('\u001b['));
  // A mode is a mode, even where a file has that name.
  writeFileSync(join(cwd, 'never'), '');
  assert.ok(!run('--color', 'never').includes('\u001b['));
});
