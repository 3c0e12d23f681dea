import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../../src/base/errors.ts';
import { LiveRecording, type LiveRecordingOptions } from '../../src/cli/live-recording.ts';
import { MEMORY, openForReading } from '../../src/store/database.ts';
import { readFindings } from '../../src/store/reader.ts';
import { captureInfo, findings, folder, ORIGIN } from '../build/store-sample.ts';

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
  run.findings([some[0]!], true);
  await sleep(20);
  assert.equal(stored(run), 1);
  run.findings([some[1]!], true);
  await sleep(20);
  run.findings([some[2]!], true);
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

test('what cannot be stored ends the run when it goes on', async t => {
  const run = recording(t);
  run.store.database.exec('DROP TABLE finding');
  run.findings(findings(1), true);
  await sleep(20);
  assert.throws(() => run.progress(0, 0, 0), StoreError);
});
