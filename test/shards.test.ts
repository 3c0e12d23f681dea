/** The number of shards, and the threads they run on, must not change a single finding or count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, type Outcome } from './build/collect.ts';
import { fixtures } from './build/fixtures.ts';

const WORKERS = [1, 2, 7];

/** Findings in their order; intervals and flows come from each shard as they end, so in any order. */
function essence({ status, findings, timeWaits, flows, tally }: Outcome): unknown {
  const sorted = (rows: readonly unknown[]): string[] => rows.map(row => JSON.stringify(row)).sort();
  return { status, findings, tally, timeWaits: sorted(timeWaits), flows: sorted(flows) };
}

for (const workers of WORKERS) {
  test(`every fixture gives the same on ${workers} workers as on none`, async t => {
    for (const { name, inputs } of fixtures()) {
      await t.test(name, async () => {
        const alone = await collect(inputs, { workers: 0, flows: true });
        const shared = await collect(inputs, { workers, flows: true });
        assert.deepEqual(essence(shared), essence(alone));
      });
    }
  });
}
