import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FORMATS } from '../../src/cli/options.ts';
import { close, openForReading } from '../../src/store/database.ts';
import { readRuns } from '../../src/store/reader.ts';
import { Store } from '../../src/store/store.ts';
import { findings, folder, newRun } from '../build/store-sample.ts';
import { BIN, fixture, pawscope, ROOT } from './run.ts';

const COLLISION = fixture('lab-nat-older.pcap');

test('--version is the version of the package, --help has examples, both give 0', t => {
  const cwd = folder(t);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  assert.deepEqual(pawscope(cwd, ['--version']), { status: 0, stdout: `${version}\n`, stderr: '' });
  for (const args of [
    ['--help'],
    ['analyze', '--help'],
    ['findings', '--help'],
    ['check', '--help'],
    ['collect', '--help'],
    ['live', '--help'],
    ['interfaces', '--help'],
  ]) {
    const help = pawscope(cwd, args);
    assert.equal(help.status, 0);
    assert.match(help.stdout, /Examples:\n {2}pawscope/);
  }
  assert.match(pawscope(cwd, ['analyze', '--help']).stdout, /Exit status: 0 done[\s\S]* 3 input[\s\S]*129, 130, 143/);
});

test('no command and unknown commands are one sentence and 2', t => {
  const cwd = folder(t);
  for (const [args, sentence] of [
    [[], /name a command: analyze, live, [a-z, ]+ or completion; /],
    [['analyse', 'x.pcap'], /unknown command 'analyse' \(Did you mean analyze\?\)/],
    [['analyse', '--help'], /unknown command 'analyse' \(Did you mean analyze\?\)/],
    [['analyse', 'x.pcap', '-h'], /unknown command 'analyse' \(Did you mean analyze\?\)/],
    [['findings', '--severity', 'bad'], /Allowed choices are info/],
    [['findings', 'a.db', 'b.db'], /too many arguments/],
  ] as const) {
    const { status, stderr } = pawscope(cwd, args);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
  }
});

test('SIGINT, SIGTERM and SIGHUP end a run cleanly: the summary is printed, the run is kept', async t => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const cwd = folder(t);
    const child = spawn(process.execPath, [BIN, 'analyze', '-'], { cwd });
    const output = child.stdout.setEncoding('utf8').toArray();
    const errors = child.stderr.setEncoding('utf8').toArray();
    const ended = once(child, 'exit');
    // The pipe stays open: only the signal can end this run, here in the middle of a record.
    child.stdin.write(readFileSync(COLLISION));
    child.stdin.write(readFileSync(COLLISION).subarray(24, 50));
    const database = join(cwd, 'pawscope.db');
    while (!isBegun(database)) await sleep(20);
    await sleep(100);
    child.kill(signal);
    child.kill(signal); // as `timeout` does: once to its command, once to the group
    assert.deepEqual(await ended, [status, null]);
    child.stdin.destroy();
    assert.match((await output).join(''), /interrupted: not all of the input was read/);
    assert.doesNotMatch((await output).join(''), /in the middle of a record/, 'a pipe that we leave is not cut short');
    assert.deepEqual(await errors, []);
    const db = openForReading(database);
    assert.equal(readRuns(db)[0].status, 'interrupted');
    close(db);
  }
});

test('a run that is killed leaves a database that opens, under the status running', async t => {
  const cwd = folder(t);
  const child = spawn(process.execPath, [BIN, 'analyze', '-q', '-'], { cwd, stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  child.stdin.write(readFileSync(COLLISION));
  while (!isBegun(join(cwd, 'pawscope.db'))) await sleep(20);
  child.kill('SIGKILL');
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  child.stdin.destroy();
  assert.equal(pawscope(cwd, ['findings']).status, 0);
  assert.equal(pawscope(cwd, ['analyze', '-q', COLLISION]).status, 0, 'the next run goes on with it');
  const db = openForReading(join(cwd, 'pawscope.db'));
  assert.deepEqual(
    readRuns(db).map(run => run.status),
    ['running', 'done'],
  );
  close(db);
});

function isBegun(database: string): boolean {
  try {
    const db = openForReading(database);
    const runs = readRuns(db).length;
    close(db);
    return runs > 0;
  } catch {
    return false;
  }
}

test('a reader that goes away ends the output quietly', t => {
  const cwd = folder(t);
  many(join(cwd, 'many.db'), 20_000);
  const script = `"$0" "$1" findings many.db --format "$2" | head -c 100 >/dev/null; echo "\${PIPESTATUS[0]}"`;
  for (const format of FORMATS) {
    const output = execFileSync('bash', ['-c', script, process.execPath, BIN, format], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    assert.equal(output, '0\n', format);
  }
});

test('a database whose JSON is damaged is one sentence and 2, and no fault of this program', t => {
  const cwd = folder(t);
  const path = join(cwd, 'pawscope.db');
  many(path, 20);
  const bytes = readFileSync(path);
  for (let at = bytes.indexOf('{"'); at >= 0; at = bytes.indexOf('{"', at + 1)) bytes.write('\0\n', at);
  writeFileSync(path, bytes);
  for (const args of [
    ['findings'],
    ['findings', '--format', 'json'],
    ['report', '-o', 'x.html'],
    ['report', '--anonymize', '-o', 'x.html'],
  ]) {
    const { status, stderr } = pawscope(cwd, args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /^pawscope: pawscope\.db: the database is damaged; [^\n]+ \(malformed JSON\)\n$/);
  }
});

test('a full disk in the middle of a run is one sentence and 2', t => {
  const cwd = folder(t);
  const disk = smallDisk(t);
  if (disk === undefined) return;
  const captures = [1, 2, 3, 4].map(i => join(cwd, `cap${i}.pcap`));
  for (const path of captures) writeFileSync(path, readFileSync(fixture('healthy-traffic.pcap')));
  const { status, stderr } = pawscope(cwd, ['analyze', '--flows', ...captures, '--db', join(disk, 'x.db')]);
  assert.equal(status, 2);
  assert.match(stderr, /^pawscope: \S+x\.db: the disk is full[^\n]+\n$/);
});

test('a database whose log cannot be merged on a full disk is told, as the findings are in both files', t => {
  const cwd = folder(t);
  const disk = smallDisk(t);
  if (disk === undefined) return;
  const path = join(disk, 'x.db');
  const analysed = (): ReturnType<typeof pawscope> => pawscope(cwd, ['analyze', COLLISION, '--db', path]);
  let { status, stderr } = analysed();
  // The first size at which everything fits into the log leaves no room to copy that into the database.
  for (let size = 192; status !== 0; size += 32) {
    for (const name of readdirSync(disk)) rmSync(join(disk, name));
    execFileSync('mount', ['-o', `remount,size=${size}k`, disk]);
    ({ status, stderr } = analysed());
  }
  assert.ok(existsSync(`${path}-wal`));
  assert.equal(
    stderr,
    `pawscope: ${path}-wal and ${path}-shm stay beside the database and belong to it, as the disk is full; ` +
      `to merge them, once there is room: sudo sqlite3 ${path} 'PRAGMA journal_mode = DELETE'\n`,
  );
});

test('a page that finds no room is one sentence and 2, and no half of it is left', t => {
  const cwd = folder(t);
  const disk = smallDisk(t);
  if (disk === undefined) return;
  many(join(cwd, 'pawscope.db'), 500);
  const page = join(disk, 'x.html');
  const { status, stderr } = pawscope(cwd, ['report', '-o', page]);
  assert.deepEqual(
    [status, stderr],
    [2, `pawscope: ${page}: the report cannot be written: no space left on the disk\n`],
  );
  assert.equal(existsSync(page), false);
  for (const [place, reason] of [
    [disk, `it is a folder; name a file in it, such as ${join(disk, 'incident.html')}`],
    [join(disk, 'none', 'x.html'), 'there is no such file or folder'],
  ] as const) {
    assert.equal(
      pawscope(cwd, ['report', '-o', place]).stderr,
      `pawscope: ${place}: the report cannot be written: ${reason}\n`,
    );
  }
});

/** Room for 96 KiB, or undefined where none can be made: the test is skipped. */
function smallDisk(t: TestContext): string | undefined {
  const disk = mkdtempSync(join(tmpdir(), 'pawscope-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96k', 'none', disk], { stdio: 'ignore' });
  } catch {
    rmSync(disk, { recursive: true });
    t.skip('mounting a small disk needs privileges');
    return undefined;
  }
  t.after(() => {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });
  return disk;
}

function many(path: string, count: number): void {
  const store = new Store(path, newRun());
  store.findings(findings(count));
  store.finish('done', 0n, {});
  store.close();
}
