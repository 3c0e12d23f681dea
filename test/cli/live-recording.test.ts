import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveRecording } from '../../src/cli/live-recording.ts';
import { MEMORY } from '../../src/store/database.ts';
import { captureInfo, findings, ORIGIN } from '../build/store-sample.ts';

test('a verdict that is told anew is one finding still', t => {
  const run = new LiveRecording({
    command: 'live',
    path: MEMORY,
    stored: {},
    progress: { update() {}, stop() {} },
    stream: false,
    known: undefined,
    ready() {},
  });
  run.begin(ORIGIN, [captureInfo()]);
  t.after(() => run.store.close());
  const [one, two] = findings(2);
  run.findings([one!, two!], true);
  run.findings([{ ...one!, severity: 'critical' }], true);
  assert.equal(run.count, 2);
  assert.equal(run.store.database.prepare('SELECT count(*) FROM finding').pluck().get(), 2);
  run.revise([], [one!.id, two!.id]);
  assert.equal(run.count, 0);
});
