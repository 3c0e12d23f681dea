/**
 * The profile of an in-process run: nanoseconds per packet in reading, decoding, the flow table, the detectors, and
 * storing. Runs itself again for each stage; figures are medians.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { benchArguments } from './measure/arguments.ts';
import { keepResults } from './measure/captures.ts';
import { median, table } from './measure/numbers.ts';
import { STAGES, type Stage, type StageTime, timeStage } from './measure/stages.ts';

/** The stage whose time must be subtracted from that of another stage. */
const INCLUDES: Partial<Record<Stage, Stage>> = { table: 'decoding', detectors: 'table' };

const asked = process.env.PAWSCOPE_BENCH_STAGE as Stage | undefined;
const { capture, runs } = benchArguments(3);
if (asked !== undefined) process.stdout.write(JSON.stringify(await timeStage(asked, capture)));
else report();

function report(): void {
  const times = new Map<Stage, number[]>(STAGES.map(stage => [stage, []]));
  let packets = 0;
  for (let i = 0; i < runs; i++) {
    for (const stage of STAGES) {
      const result = timeInChild(stage);
      packets = result.packets;
      times.get(stage)!.push((result.ms * 1e6) / result.packets);
    }
  }
  const whole = (stage: Stage): number => median(times.get(stage)!);
  const results = STAGES.map(stage => {
    const included = INCLUDES[stage];
    return { stage, ns_per_packet: whole(stage) - (included === undefined ? 0 : whole(included)) };
  });
  const total = results.reduce((sum, { ns_per_packet }) => sum + ns_per_packet, 0);
  process.stdout.write(`${capture}: ${(packets / 1e6).toFixed(2)} M packets, in-process; median of ${runs}\n\n`);
  process.stdout.write(
    table([
      ['', 'ns/packet', 'share'],
      ...[...results, { stage: 'together', ns_per_packet: total }].map(({ stage, ns_per_packet }) => [
        stage,
        ns_per_packet.toFixed(1),
        `${((100 * ns_per_packet) / total).toFixed(0)} %`,
      ]),
    ]),
  );
  keepResults('stages', { capture, packets, runs, results });
}

function timeInChild(stage: Stage): StageTime {
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), capture], {
    env: { ...process.env, PAWSCOPE_BENCH_STAGE: stage },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the stage ${stage} ended with status ${status}`);
  return JSON.parse(stdout);
}
