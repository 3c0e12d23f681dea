/**
 * Measures the cost of each stage of an in-process run. A stage is timed slab by slab, together with the stages that it
 * needs, using the program's own objects; each runs in a separate process, so that none warms up another.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_MAX_FLOWS, DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT } from '../../src/base/limits.ts';
import { SECOND } from '../../src/base/time.ts';
import { Reader } from '../../src/capture/reader.ts';
import { type Batch, Slab } from '../../src/capture/slab.ts';
import { detectors } from '../../src/detect/index.ts';
import { Collector } from '../../src/shard/collector.ts';
import { Shard } from '../../src/shard/shard.ts';
import { Store } from '../../src/store/store.ts';
import { decode } from '../../src/wire/decode.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Locator } from '../../src/wire/locate.ts';
import { Segment } from '../../src/wire/segment.ts';

export const STAGES = ['reading', 'decoding', 'table', 'detectors', 'storing'] as const;
export type Stage = (typeof STAGES)[number];

export interface StageTime {
  packets: number;
  /** Time in the stage's calls. `table` and `detectors` include decoding; `detectors` includes the table. */
  ms: number;
}

/** What a stage does with a slab. */
interface Step {
  take(slab: Slab, batch: Batch): void;
  finish(): void;
}

export async function timeStage(stage: Stage, capture: string): Promise<StageTime> {
  const reader = await Reader.open([{ name: capture, path: capture }], new Locator());
  const slab = new Slab();
  let ms = 0;
  const timed = <T>(work: () => T): T => {
    const started = performance.now();
    const result = work();
    ms += performance.now() - started;
    return result;
  };
  const scratch = mkdtempSync(join(tmpdir(), 'pawscope-bench-'));
  try {
    const step = STEPS[stage](reader, timed, scratch);
    for (;;) {
      const started = performance.now();
      const batch = await reader.fill(slab, 1);
      if (stage === 'reading') ms += performance.now() - started;
      if (batch === null) break;
      step.take(slab, batch);
    }
    step.finish();
    return { packets: reader.frames, ms };
  } finally {
    reader.close();
    rmSync(scratch, { recursive: true });
  }
}

type Timed = <T>(work: () => T) => T;
const STEPS: Record<Stage, (reader: Reader, timed: Timed, scratch: string) => Step> = {
  reading: () => ({ take() {}, finish() {} }),
  decoding(_, timed) {
    const hosts = new Hosts();
    const segment = new Segment();
    return {
      take(slab, { rows, capture }) {
        timed(() => {
          for (let row = 0; row < rows; row++) decode(slab, row, capture, hosts, segment);
        });
      },
      finish() {},
    };
  },
  table: (reader, timed) => shardStep(newShard(reader, []), timed),
  detectors: (reader, timed) => shardStep(newShard(reader, allRules()), timed),
  storing(reader, timed, scratch) {
    const store = new Store(join(scratch, 'bench.db'), {
      startedNs: 0n,
      version: 'bench',
      command: 'bench',
      options: {},
      origin: reader.origin,
      captures: reader.captures,
    });
    const shard = newShard(reader, allRules());
    const tally = {};
    const collector = new Collector(1, tally, store);
    return {
      take(slab, batch) {
        const output = shard.take(slab, batch);
        timed(() => collector.receive(0, output));
      },
      finish() {
        const output = shard.finish(Number.NEGATIVE_INFINITY, part => timed(() => collector.receive(0, part)));
        timed(() => {
          collector.receive(0, output);
          collector.end();
          store.finish('done', 0n, tally);
          store.close();
        });
      },
    };
  },
};

const allRules = (): string[] => detectors.map(({ meta }) => meta.id);

const newShard = (reader: Reader, rules: readonly string[]): Shard =>
  new Shard({
    shard: 0,
    origin: reader.origin,
    maxFlows: DEFAULT_MAX_FLOWS,
    timeWait: DEFAULT_TIME_WAIT * SECOND,
    flows: false,
    rules,
    maxFindings: 10_000,
    portRange: DEFAULT_PORT_RANGE,
  });

const shardStep = (shard: Shard, timed: Timed): Step => ({
  take: (slab, batch) => {
    timed(() => shard.take(slab, batch));
  },
  finish: () => {
    timed(() => shard.finish(Number.NEGATIVE_INFINITY, () => {}));
  },
});
