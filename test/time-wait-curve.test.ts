/**
 * The curve against a kernel's own count of its TIME_WAITs, every half second of a burst of 1200 connections. The
 * captures and what the kernel said lie beside the corpus (PAWSCOPE_CORPUS).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GRACE } from '../src/flow/time-wait.ts';
import { collect, type Outcome, type TimeWait } from './build/collect.ts';

const LAB = process.env.PAWSCOPE_CORPUS === undefined ? '' : join(process.env.PAWSCOPE_CORPUS, '../lab');
const skip = existsSync(LAB) ? false : 'skipped: needs PAWSCOPE_CORPUS';

type Sample = { t: number } & Record<'client' | 'server', number>;
interface Truth {
  topology: { addresses: Record<string, string> };
  time_wait_series: Sample[];
}

async function run(scenario: string): Promise<{ outcome: Outcome; truth: Truth }> {
  const folder = join(LAB, scenario);
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
  return { outcome: await collect([{ name: scenario, path: join(folder, 'srv.pcap') }], { maxFlows: 4096 }), truth };
}

/** The kernel is read over some milliseconds, and connections close meanwhile. */
const READING = 0.02e9;

/** What `ss` may have counted around `at`: docs/time-wait-curve.md. */
function band(rows: readonly TimeWait[], at: number): [low: number, high: number] {
  const late = (row: TimeWait): number => (['timer', 'capture-end'].includes(row.endedBy) ? GRACE : 0);
  return [
    rows.filter(row => row.entered <= at - READING && row.end > at + READING).length,
    rows.filter(row => row.entered <= at + READING && row.end + late(row) > at - READING).length,
  ];
}

const ENDS = { client: 'A', server: 'S' } as const;

for (const scenario of ['tw-curve/mixed', 'max-tw-buckets/fin-after-ack']) {
  test(`${scenario}: the kernel's own count lies in the band at every sample`, { skip }, async () => {
    const { outcome, truth } = await run(scenario);
    for (const end of ['client', 'server'] as const) {
      const owner = truth.topology.addresses[ENDS[end]];
      const rows = outcome.timeWaits.filter(row => row.owner === owner);
      for (const sample of truth.time_wait_series) {
        const [low, high] = band(rows, (sample.t - outcome.origin) * 1e9);
        const said = `${end} at ${sample.t}: ${sample[end]} in ${low} to ${high}`;
        assert.ok(sample[end] >= low * 0.97 && sample[end] <= high * 1.03, said);
      }
    }
  });

  test(`${scenario}: the curve is the sum of the intervals, and its peak the kernel's`, { skip }, async () => {
    const { outcome, truth } = await run(scenario);
    for (const end of ['client', 'server'] as const) {
      const owner = truth.topology.addresses[ENDS[end]];
      const series = outcome.curve.filter(s => s.owner === owner);
      const peak = Math.max(0, ...truth.time_wait_series.map(sample => sample[end]));
      const found = Math.max(0, ...series.flatMap(s => s.open));
      assert.ok(Math.abs(found - peak) <= 0.03 * peak, `${end}: ${found}, the kernel says ${peak}`);
      const rows = outcome.timeWaits.filter(row => row.owner === owner);
      for (const { seconds, open } of series) {
        for (const [i, second] of seconds.entries()) {
          const from = (second + 1) * 1e9;
          assert.equal(open[i], rows.filter(row => row.entered < from && row.end >= from).length);
        }
      }
    }
  });
}
