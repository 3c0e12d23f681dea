/** Every capture in fixtures/ gives the findings of the golden beside it: adding a fixture is adding a test. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { goldenDocument, goldenText, parseGolden } from '../src/report/check/golden.ts';
import { goldenChanges } from '../src/report/check/golden-diff.ts';
import { collect } from './build/collect.ts';
import { bytesOf, fixtureNamed, fixtures } from './build/fixtures.ts';
import { lab } from './build/lab.ts';
import { situations } from './build/situations.ts';

const all = fixtures();

for (const fixture of all) {
  test(`golden of ${fixture.name}`, async () => {
    assert.ok(existsSync(fixture.golden), `${fixture.name} has no golden; write it with: npm run goldens`);
    const { findings, origin } = await collect(fixture.inputs);
    const golden = readFileSync(fixture.golden, 'utf8');
    const found = goldenText(goldenDocument(findings, origin));
    // As `check` tells it first: a difference of findings is easier to read than one of texts.
    assert.deepEqual(goldenChanges(parseGolden(golden, fixture.name), parseGolden(found, fixture.name)), []);
    assert.equal(found, golden);
  });
}

test('no two captures share a golden', () => {
  assert.equal(new Set(all.map(f => f.golden)).size, all.length);
});

test('healthy traffic gives no finding', () => {
  for (const fixture of all.filter(f => f.name.startsWith('healthy-'))) {
    assert.deepEqual(JSON.parse(readFileSync(fixture.golden, 'utf8')), [], fixture.name);
  }
});

test('every built fixture is what its builder makes', () => {
  for (const { file, make } of situations) {
    const same = Buffer.compare(bytesOf(fixtureNamed(file)), make()) === 0;
    assert.ok(same, `${file} is not what test/build makes; write it with: npm run fixtures`);
  }
});

test('every capture is built or from the lab, and named once', () => {
  const made = [...situations, ...lab].map(({ file }) => file);
  const there = all.filter(f => f.inputs.length === 1).map(f => f.name);
  assert.deepEqual(there.sort(), made.sort());
});
