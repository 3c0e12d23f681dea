import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AnalyseResult, analyse } from '../../src/analyse.ts';
import type { Detector } from '../../src/detect/detector.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { detectors } from '../../src/detect/index.ts';
import { hooksOf } from '../../src/flow/events.ts';
import { compareFaults, Faults } from '../../src/shard/faults.ts';

const PLACE = { epoch: 0, at: 5, capture: 1, frame: 7 };

test('an observer that throws loses the event, and goes on listening', () => {
  const faults = new Faults(() => PLACE);
  let heard = 0;
  const observer = faults.named('broken', {
    finish() {
      heard++;
      throw new Error('oops');
    },
  });
  const hooks = hooksOf([observer], faults.failed);
  for (let i = 0; i < 3; i++) hooks.finish(undefined as never, 0);
  assert.equal(heard, 3);
  assert.deepEqual([...faults.counts], [['broken', 3]]);
  const { error, ...first } = faults.first!;
  assert.deepEqual(first, { ...PLACE, rule: 'broken' });
  assert.match(error, /^Error: oops\n/);
});

test('of the faults of several shards the first in the capture is told', () => {
  const later = { ...PLACE, frame: 8 };
  assert.ok(compareFaults(PLACE, later) < 0 && compareFaults(later, { ...PLACE, epoch: 1 }) < 0);
});

/** With resets after data, so that a listener is called later too. */
const RESETS = readFileSync(new URL('../../../fixtures/reset-abort.pcap', import.meta.url));

async function run(): Promise<{ findings: Finding[]; result: AnalyseResult }> {
  const findings: Finding[] = [];
  const result = await analyse(
    [{ name: 'resets.pcap', bytes: RESETS }],
    { workers: 0, maxFlows: 1024 },
    {
      begin: () => {},
      findings: batch => {
        findings.push(...batch);
      },
      timeWaits: () => {},
      flows: () => {},
      clocks: () => {},
      curve: () => {},
      progress: () => {},
    },
  );
  return { findings, result };
}

test('a rule that fails costs none of the findings of the others; it is counted and named with its packet', async t => {
  const sound = await run();
  const broken: Detector = {
    meta: { id: 'broken', title: '', why: '', fix: '', doNot: '', references: [] },
    create: () => ({
      opened() {
        throw new TypeError('no such thing');
      },
      reset: event => event.follow(() => assert.fail('called later')),
    }),
  };
  (detectors as Detector[]).push(broken);
  t.after(() => (detectors as Detector[]).pop());
  const { findings, result } = await run();
  assert.deepEqual(findings, sound.findings);
  assert.ok(findings.length > 0);
  assert.equal(result.status, 'done');
  assert.deepEqual([result.fault?.rule, result.fault?.frame], ['broken', 1]);
  assert.match(result.fault!.error, /^TypeError: no such thing\n/);
  assert.deepEqual(
    Object.keys(result.tally).filter(name => name.startsWith('failed.')),
    ['failed.broken'],
  );
  assert.ok(result.tally['failed.broken'] > 1);
});

test('a rule that fails when an attempt that it waits for is over costs the others nothing either', async t => {
  const sound = await run();
  const broken: Detector = {
    meta: { id: 'broken', title: '', why: '', fix: '', doNot: '', references: [] },
    create: () => ({ opened: event => event.attempt().onTold(() => assert.fail('called later')) }),
  };
  (detectors as Detector[]).push(broken);
  t.after(() => (detectors as Detector[]).pop());
  const { findings, result } = await run();
  assert.deepEqual(findings, sound.findings);
  assert.equal(result.fault?.rule, 'broken');
  assert.ok(result.tally['failed.broken'] > 0);
});
