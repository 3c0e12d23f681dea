/**
 * How fast the store takes what a run delivers: `node dist/bench/store.js [folder]`. TIME_WAIT rows come in batches
 * of a thousand, as from one slab, findings in batches of two thousand.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECOND } from '../src/base/time.ts';
import { ENDINGS, TIME_WAIT_TIMES, TIME_WAIT_WORDS } from '../src/flow/output.ts';
import { Store } from '../src/store/store.ts';
import { findings, newRun } from '../test/build/store-sample.ts';

const TIME_WAITS = 1_000_000;
const TIME_WAIT_BATCH = 1_000;
const FINDINGS = 100_000;
const FINDING_BATCH = 2_000;

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'pawscope-bench-'));
const path = join(folder, 'bench.db');
const store = new Store(path, newRun());

function measure(what: string, rows: number, work: () => void): void {
  const cpu = process.cpuUsage();
  const from = performance.now();
  work();
  const ms = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  const perRow = (1e3 * ms) / rows;
  console.log(
    `${what.padEnd(12)} ${rows} rows  ${ms.toFixed(0)} ms, ${perRow.toFixed(2)} µs a row` +
      ` (CPU: user ${(user / 1e3).toFixed(0)} ms, system ${(system / 1e3).toFixed(0)} ms)`,
  );
}

const times = new Float64Array(TIME_WAIT_BATCH * TIME_WAIT_TIMES);
const words = new Int32Array(TIME_WAIT_BATCH * TIME_WAIT_WORDS);
measure('time_wait', TIME_WAITS, () => {
  for (let from = 0; from < TIME_WAITS; from += TIME_WAIT_BATCH) {
    for (let i = 0; i < TIME_WAIT_BATCH; i++) {
      const at = (from + i) * 1e5;
      times.set([at, at + 1, at + 60 * SECOND], i * TIME_WAIT_TIMES);
      words[i * TIME_WAIT_WORDS] = 0x0a000000 + ((from + i) % 50_000);
      words[i * TIME_WAIT_WORDS + 4] = 0xc6336450 | 0;
      words[i * TIME_WAIT_WORDS + 8] = ((32_768 + ((from + i) % 28_232)) << 16) | 443;
      words[i * TIME_WAIT_WORDS + 9] = (i % ENDINGS.length) << 1;
    }
    store.timeWaits({ count: TIME_WAIT_BATCH, times, words });
  }
});

// Ids are hashes: they come in no order.
const all = findings(FINDINGS).map((f, i) => ({ ...f, id: Math.imul(i, 0x9e3779b1).toString(16).padStart(16, '0') }));
measure('finding', FINDINGS, () => {
  for (let from = 0; from < FINDINGS; from += FINDING_BATCH) store.findings(all.slice(from, from + FINDING_BATCH));
});

measure('close', 1, () => {
  store.finish('done', 0n, {});
  store.close();
});
console.log(`${(statSync(path).size / 2 ** 20).toFixed(0)} MiB`);
rmSync(folder, { recursive: true });
