import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listText } from '../../../src/report/list/text.ts';
import { plainStyle } from '../../../src/report/text-style.ts';
import { readFindings } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { finding, newRun } from '../../build/store-sample.ts';

test('the list of findings stays within 80 columns where its addresses allow it', () => {
  const store = new Store(':memory:', newRun());
  store.findings([finding({ title: 'word '.repeat(40).trim() })]);
  const lines = [...listText(readFindings(store.database, {}), false, plainStyle(80))].join('').split('\n');
  assert.match(lines[0], /^severity {2}rule/);
  assert.match(lines[1], /^warning {3}port-reuse {10}2023-11-14T22:13:20\.000Z {2}192\.0\.2\.10:40000 → /);
  for (const line of lines.slice(2)) assert.ok(line.length <= 80, line);
});
