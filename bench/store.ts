/**
 * Measures how fast the store writes what a run delivers: `node dist/bench/store.js [folder]`. TIME_WAIT rows come in
 * batches of a thousand, as from one slab, findings in batches of two thousand.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECOND } from '../src/base/time.ts';
import { ENDINGS, TIME_WAIT_TIMES, TIME_WAIT_WORDS } from '../src/flow/time-wait-rows.ts';
import { Store } from '../src/store/store.ts';
import { findings, newRun } from '../test/build/store-sample.ts';
import { keepResults } from './measure/captures.ts';
import { table } from './measure/numbers.ts';

const TIME_WAITS = 1_000_000;
const TIME_WAIT_BATCH = 1_000;
const FINDINGS = 1_000_000;
const FINDING_BATCH = 2_000;

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'pawscope-bench-'));
const path = join(folder, 'bench.db');
const store = new Store(path, newRun());

interface Measured {
  name: string;
  rows: number;
  ms: number;
  user_ms: number;
  system_ms: number;
}
const results: Measured[] = [];

/** Measures `work` over all batches. `prepare` makes a batch from the number of its first row and is not measured. */
function measure<T>(
  name: string,
  rows: number,
  batch: number,
  prepare: (from: number) => T,
  work: (it: T) => void,
): void {
  let ms = 0;
  const cpu = { user: 0, system: 0 };
  for (let from = 0; from < rows; from += batch) {
    const it = prepare(from);
    const before = process.cpuUsage();
    const started = performance.now();
    work(it);
    ms += performance.now() - started;
    const { user, system } = process.cpuUsage(before);
    cpu.user += user;
    cpu.system += system;
  }
  results.push({ name, rows, ms, user_ms: cpu.user / 1e3, system_ms: cpu.system / 1e3 });
}

const times = new Float64Array(TIME_WAIT_BATCH * TIME_WAIT_TIMES);
const words = new Int32Array(TIME_WAIT_BATCH * TIME_WAIT_WORDS);
measure(
  'time_wait',
  TIME_WAITS,
  TIME_WAIT_BATCH,
  from => {
    for (let i = 0; i < TIME_WAIT_BATCH; i++) {
      const at = (from + i) * 1e5;
      times.set([at, at + 1, at + 60 * SECOND], i * TIME_WAIT_TIMES);
      words[i * TIME_WAIT_WORDS] = 0x0a000000 + ((from + i) % 50_000);
      words[i * TIME_WAIT_WORDS + 4] = 0xc6336450 | 0;
      words[i * TIME_WAIT_WORDS + 8] = ((32_768 + ((from + i) % 28_232)) << 16) | 443;
      words[i * TIME_WAIT_WORDS + 9] = (i % ENDINGS.length) << 1;
    }
    return { count: TIME_WAIT_BATCH, times, words, timeWait: 60 * SECOND };
  },
  rows => store.timeWaits(rows),
);

measure(
  'finding',
  FINDINGS,
  FINDING_BATCH,
  // Ids are hashes, so they are in random order.
  from =>
    findings(FINDING_BATCH).map((f, i) => ({
      ...f,
      id: [0x9e3779b1, 0x85ebca6b].map(prime => hex(Math.imul(from + i + 1, prime))).join(''),
    })),
  batch => store.findings(batch),
);

measure(
  'close',
  1,
  1,
  () => {},
  () => {
    store.finish('done', 0n, {});
    store.close();
  },
);

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

process.stdout.write(
  table([
    ['', 'rows', 'ms', 'µs a row', 'user ms', 'system ms'],
    ...results.map(({ name, rows, ms, user_ms, system_ms }) => [
      name,
      String(rows),
      ms.toFixed(0),
      ((1e3 * ms) / rows).toFixed(2),
      user_ms.toFixed(0),
      system_ms.toFixed(0),
    ]),
  ]),
);
const mebibytes = statSync(path).size / 2 ** 20;
process.stdout.write(`${mebibytes.toFixed(0)} MiB\n`);
keepResults('store', { results, mebibytes });
rmSync(folder, { recursive: true });
