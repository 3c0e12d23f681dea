/** What the page carries: never more than there is room for, and the worst of each cause whatever else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIncident } from '../../../src/report/incident/incident.ts';
import { pageData } from '../../../src/report/page/data.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readRuns } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { finding, findings, newRun } from '../../build/store-sample.ts';

test('long titles use up the room, and the worst of every cause is still listed and told in full', () => {
  const store = new Store(MEMORY, newRun());
  store.findings(findings(4_000, { title: 'x'.repeat(1000) }));
  store.findings([
    finding({
      id: 'b'.repeat(16),
      severity: 'info',
      rule: 'reset-close',
      evidence: { class: 'abort', from: 'server', hints: [] },
    }),
  ]);
  store.finish('done', 1_800_000_001_000_000_000n, { flows: 5000 });
  const data = pageData(readIncident(store.database, 'x.db', readRuns(store.database)[0]));
  store.close();
  assert.ok(data.rows.length < 4_001 && JSON.stringify(data).length < 2_300_000, `${JSON.stringify(data).length}`);
  for (const { example } of data.causes) {
    assert.ok(
      data.rows.some(([id]) => id === example),
      example,
    );
    assert.ok(data.details[example] !== undefined, example);
  }
});
