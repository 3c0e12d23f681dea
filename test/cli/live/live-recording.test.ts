import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../../../src/base/errors.ts';
import { LiveRecording, type LiveRecordingOptions } from '../../../src/cli/live/live-recording.ts';
import { MEMORY, openForReading } from '../../../src/store/database.ts';
import { readFindings } from '../../../src/store/reader.ts';
import { Database } from '../../../src/store/sqlite.ts';
import { captureInfo, findings, folder, ORIGIN } from '../../build/store-sample.ts';

function recording(t: TestContext, options: Partial<LiveRecordingOptions> = {}): LiveRecording {
  const run = new LiveRecording({
    command: 'live',
    path: MEMORY,
    stored: {},
    progress: { update() {}, stop() {} },
    stream: false,
    known: undefined,
    ready() {},
    ...options,
  });
  run.begin(ORIGIN, [captureInfo()]);
  t.after(() => run.store.close());
  return run;
}

const stored = (run: LiveRecording): number =>
  run.store.database.prepare<[], number>('SELECT count(*) FROM finding').pluck().get()!;

test('a verdict that is told anew is one finding still', t => {
  const run = recording(t);
  const [one, two] = findings(2);
  run.findings([one!, two!], true);
  run.findings([{ ...one!, severity: 'critical' }], true);
  run.flush();
  assert.equal(run.count, 2);
  assert.equal(stored(run), 2);
  run.revise([], [one!.id, two!.id]);
  run.flush();
  assert.equal(run.count, 0);
});

test('what is told anew is streamed anew, also where it was the last that had been told', t => {
  const run = recording(t, { stream: true });
  const lines: { id: string; severity: string }[] = [];
  t.mock.method(process.stdout, 'write', (text: string) => {
    for (const line of text.split('\n').filter(Boolean)) lines.push(JSON.parse(line));
    return true;
  });
  const [one, two] = findings(2);
  run.findings([one!], true);
  run.flush();
  run.findings([{ ...one!, severity: 'critical' }], true);
  run.flush();
  run.revise([], [one!.id]);
  run.findings([two!], true);
  run.flush();
  t.mock.restoreAll();
  assert.deepEqual(
    lines.map(({ id, severity }) => [id, severity]),
    [
      [one!.id, one!.severity],
      [one!.id, 'critical'],
      [two!.id, two!.severity],
    ],
  );
});

test('after a silence a finding is stored at once, and those that follow soon after all together', async t => {
  const run = recording(t);
  const some = findings(3);
  run.findings([some[0]], true);
  await sleep(20);
  assert.equal(stored(run), 1);
  run.findings([some[1]], true);
  await sleep(20);
  run.findings([some[2]], true);
  assert.equal(stored(run), 1);
  await sleep(300);
  assert.equal(stored(run), 3);
});

test('what waits to be stored when a run fails is kept', t => {
  const path = join(folder(t), 'x.db');
  const run = recording(t, { path });
  run.findings(findings(2), true);
  run.fail();
  const database = openForReading(path);
  t.after(() => database.close());
  assert.equal([...readFindings(database, {})].length, 2);
});

test('what could not be stored is stored once when it can be, and counted once', t => {
  const run = recording(t);
  const [one, two, three] = findings(3);
  run.findings([one!, two!], true);
  run.flush();
  const { database } = run.store;
  database.exec("CREATE TRIGGER full BEFORE INSERT ON finding BEGIN SELECT RAISE(ABORT, 'no room'); END");
  run.revise([], [two!.id]);
  run.findings([{ ...one!, severity: 'critical' }, three!], true);
  for (let tries = 0; tries < 2; tries++) assert.throws(() => run.flush(), StoreError);
  assert.equal(run.unstored, 3);
  assert.deepEqual([stored(run), run.count, run.heldFor], [2, 2, 0], 'as if nothing had been tried');
  database.exec('DROP TRIGGER full');
  run.flush();
  const standing = [...readFindings(database, {})].map(({ id, severity }) => [id, severity]);
  assert.deepEqual(standing, [
    [one!.id, 'critical'],
    [three!.id, three!.severity],
  ]);
  assert.equal(run.count, 2);
  const told = run.counts.reduce((sum, { count }) => sum + count, 0);
  assert.equal(told, 4);
  run.revise([], [one!.id, three!.id]);
  run.flush();
  assert.deepEqual([stored(run), run.count], [0, 0], 'each is where it is thought to be');
});

test('of a database with a bound what was stored before another transaction failed is not stored again', t => {
  const run = recording(t, { path: join(folder(t), 'x.db'), bounds: { maxBytes: 1 << 30 } });
  const { database } = run.store;
  const some = findings(900);
  database.exec(`CREATE TRIGGER full BEFORE INSERT ON finding WHEN NEW.id = '${some[650].id}'
    BEGIN SELECT RAISE(ABORT, 'no room'); END`);
  run.findings(some, false);
  assert.throws(() => run.flush(), StoreError);
  assert.equal(stored(run), 600);
  database.exec('DROP TRIGGER full');
  run.flush();
  assert.deepEqual(
    [...readFindings(database, {})].map(({ id }) => id),
    some.map(({ id }) => id),
  );
});

test('what another program begins to hold between the look and the first row waits on', t => {
  const path = join(folder(t), 'x.db');
  const run = recording(t, { path });
  run.store.database.pragma('busy_timeout = 0');
  t.mock.getter(run.store, 'isHeld', () => false);
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  run.findings(findings(2), true);
  run.flush();
  assert.equal(stored(run), 0);
  other.exec('ROLLBACK');
  other.close();
  run.flush();
  assert.equal(stored(run), 2);
});

test('what cannot be stored ends the run when it goes on', async t => {
  const run = recording(t);
  run.store.database.exec('DROP TABLE finding');
  run.findings(findings(1), true);
  await sleep(20);
  assert.throws(() => run.progress(0, 0, 0), StoreError);
});
