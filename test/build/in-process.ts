/** Does what `analyse()` does with any number of shards, but without threads: the shards are called in turn. */
import { DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT } from '../../src/base/limits.ts';
import { SECOND } from '../../src/base/time.ts';
import type { Input } from '../../src/capture/capture-info.ts';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { detectors } from '../../src/detect/index.ts';
import { Collector } from '../../src/shard/collector.ts';
import type { CurveSeries } from '../../src/shard/curve.ts';
import { Shard } from '../../src/shard/shard.ts';
import type { Tally } from '../../src/shard/tally.ts';
import { Locator } from '../../src/wire/locate.ts';
import { type TimeWait, timeWaitsOf } from './collect.ts';

const slab = new Slab();

export async function inShards(
  inputs: readonly Input[],
  shards: number,
  /** Seconds. */
  judgeEvery?: number,
  /** Called with each finding when it is reported, and whenever it is revised. */
  told: (finding: Finding) => void = () => {},
): Promise<{ findings: Finding[]; timeWaits: TimeWait[]; curve: CurveSeries[]; tally: Tally }> {
  const findings: Finding[] = [];
  const timeWaits: TimeWait[] = [];
  const curve: CurveSeries[] = [];
  const tally: Tally = {};
  const reader = await Reader.open(inputs, new Locator());
  const collector = new Collector(
    shards,
    tally,
    {
      findings: batch => {
        for (const finding of batch) {
          told(finding);
          const before = findings.findIndex(({ id }) => id === finding.id);
          if (judgeEvery !== undefined && before >= 0) findings.splice(before, 1);
          findings.push(finding);
        }
      },
      timeWaits: rows => {
        timeWaits.push(...timeWaitsOf(rows));
      },
      flows: () => {},
      clocks: () => {},
      curve: series => {
        curve.push(...series);
      },
      revise: (changed, gone) => {
        for (const finding of changed) told(finding);
        for (const finding of changed) findings[findings.findIndex(({ id }) => id === finding.id)] = finding;
        for (const one of gone) {
          const at = findings.findIndex(({ id }) => id === one);
          if (at >= 0) findings.splice(at, 1);
        }
      },
    },
    judgeEvery !== undefined,
  );
  const settings = {
    origin: reader.origin,
    maxFlows: 1024,
    timeWait: DEFAULT_TIME_WAIT * SECOND,
    flows: false,
    rules: detectors.map(({ meta }) => meta.id),
    maxFindings: 10_000,
    portRange: DEFAULT_PORT_RANGE,
    judgeEvery: judgeEvery && judgeEvery * SECOND,
  };
  const all = Array.from({ length: shards }, (_, shard) => new Shard({ ...settings, shard }));
  for (let batch = await reader.fill(slab, shards); batch !== null; batch = await reader.fill(slab, shards)) {
    if (collector.takeJudgingRequest()) batch.judge = true;
    for (const [i, shard] of all.entries()) collector.receive(i, shard.take(slab, batch));
  }
  for (const [i, shard] of all.entries())
    collector.receive(
      i,
      shard.finish(reader.last, part => collector.receive(i, part)),
    );
  collector.end();
  reader.close();
  return { findings, timeWaits, curve, tally };
}
