import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { StoreError } from '../../../src/base/errors.ts';
import { compareFindings, type Finding } from '../../../src/detect/finding.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readFindings } from '../../../src/store/reader.ts';
import { type Deferred, Store } from '../../../src/store/store.ts';
import { finding, folder, newRun } from '../../build/store-sample.ts';

const storedIds = ({ database, runId }: Store): string[] =>
  [...readFindings(database, { runs: [runId] })].map(({ id }) => id);

const idsOf = (findings: readonly Finding[]): string[] => findings.map(({ id }) => id);

/** Findings with an id each, in the order given. */
const numbered = (differences: readonly Partial<Finding>[]): Finding[] =>
  differences.map((difference, i) => finding({ id: (i + 1).toString(16).padStart(16, '0'), ...difference }));

test('a verdict known at the end is stored beside the packet that raised it, rules in their order', () => {
  const store = new Store(MEMORY, newRun());
  const [first, reset, last, clock, regress] = numbered([
    { at: 1e9, frame: 1 },
    { at: 2e9, frame: 2, rule: 'reset-close' },
    { at: 3e9, frame: 3 },
    { at: 2e9, frame: 2, rule: 'shared-address' },
    { at: 2e9, frame: 2, rule: 'recycle-signature' },
  ]);
  store.findings([first, reset]);
  store.findings([last]);
  store.findings([clock, regress]);
  assert.deepEqual(storedIds(store), idsOf([first, regress, reset, clock, last]));
  store.close();
});

test('findings are stored in order of time although some come late', () => {
  const place = fc.record({
    epoch: fc.nat(1),
    at: fc.nat(6),
    capture: fc.nat(1),
    frame: fc.integer({ min: 1, max: 3 }),
    rule: fc.constantFrom('port-reuse', 'reset-close', 'shared-address'),
    isLate: fc.boolean(),
  });
  const property = fc.property(fc.array(place, { maxLength: 100 }), fc.integer({ min: 1, max: 50 }), (places, size) => {
    const findings = numbered(places);
    const inTime = findings.filter((_, i) => !places[i].isLate).sort(compareFindings);
    const store = new Store(MEMORY, newRun());
    for (let from = 0; from < inTime.length; from += size) store.findings(inTime.slice(from, from + size));
    store.findings(findings.filter((_, i) => places[i].isLate));
    const stored = storedIds(store);
    store.close();
    const byId = new Map(findings.map(one => [one.id, one]));
    const events = (ids: readonly string[]): unknown[] =>
      ids.map(id => byId.get(id)!).map(({ epoch, at, capture, frame, rule }) => [epoch, at, capture, frame, rule]);
    assert.deepEqual(events(stored), events(idsOf([...findings].sort(compareFindings))));
  });
  fc.assert(property, { numRuns: 300 });
});

test('two runs that write to one database at the same time both have their findings in order', t => {
  const path = join(folder(t), 'x.db');
  const runs = [newRun(), newRun(), newRun({ command: 'live' })].map(run => new Store(path, run));
  t.after(() => {
    for (const run of runs) run.close();
  });
  const findings = numbered([{ at: 1 }, { at: 3 }, { at: 5 }, { at: 4 }, { at: 2 }, { at: 2 }, { at: 0 }]);
  for (const one of findings) for (const run of runs) run.findings([one]);
  const [a, b, c, d, e, f, g] = findings;
  for (const run of runs.slice(0, 2)) assert.deepEqual(storedIds(run), idsOf([g, a, e, f, b, d, c]));
  assert.deepEqual(storedIds(runs[2]), idsOf(findings));
});

test('findings whose transaction failed can be stored again, in their place', () => {
  const store = new Store(MEMORY, newRun());
  const [first, second, third, late] = numbered([{ at: 1 }, { at: 5 }, { at: 9 }, { at: 3 }]);
  store.findings([first]);
  const add = (one: Finding): Deferred => ({ rows: 1, store: () => store.findings([one]) });
  const fail: Deferred = {
    rows: 0,
    store() {
      throw new StoreError('the disk is full');
    },
  };
  assert.throws(() => store.together([add(third), add(late), fail]), StoreError);
  assert.deepEqual(storedIds(store), idsOf([first]));
  for (const one of [second, third, late]) store.findings([one]);
  assert.deepEqual(storedIds(store), idsOf([first, late, second, third]));
  store.close();
});
