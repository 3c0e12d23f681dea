/** Runs captures through `analyse()` and keeps all results. */
import { type AnalyseOptions, analyse, type Sink } from '../../src/analyse.ts';
import { formatIPv4, formatIPv6 } from '../../src/base/address.ts';
import type { CaptureInfo, Input } from '../../src/capture/capture-info.ts';
import type { ClockRow } from '../../src/detect/clocks/clock-row.ts';
import type { Finding } from '../../src/detect/finding.ts';
import type { FlowRow } from '../../src/flow/flow-row.ts';
import {
  ENDINGS,
  type Ending,
  MAY_HOLD_ON,
  TIME_WAIT_CAPTURE_SHIFT,
  TIME_WAIT_TIMES,
  TIME_WAIT_WORDS,
  type TimeWaitRows,
} from '../../src/flow/time-wait-rows.ts';
import type { CurveSeries } from '../../src/shard/curve.ts';
import type { Tally } from '../../src/shard/tally.ts';

/** A TIME_WAIT row as an object; times in nanoseconds from the origin. */
export interface TimeWait {
  owner: string;
  ownerPort: number;
  peer: string;
  peerPort: number;
  entered: number;
  start: number;
  end: number;
  endedBy: Ending;
  /** Time until which a host behind the owner's address may have held it. */
  hiddenUntil?: number;
  capture: number;
}

export interface Outcome {
  status: string;
  origin: number;
  captures: readonly CaptureInfo[];
  findings: Finding[];
  timeWaits: TimeWait[];
  flows: FlowRow[];
  clocks: ClockRow[];
  curve: CurveSeries[];
  tally: Tally;
}

/** In this thread, with a small flow table, which is quick to allocate. */
const SMALL: AnalyseOptions = { workers: 0, maxFlows: 1024 };

export async function collect(inputs: readonly Input[], options: AnalyseOptions = {}): Promise<Outcome> {
  const findings: Finding[] = [];
  const timeWaits: TimeWait[] = [];
  const flows: FlowRow[] = [];
  const clocks: ClockRow[] = [];
  const curve: CurveSeries[] = [];
  let origin = 0;
  const sink: Sink = {
    begin: start => {
      origin = start;
    },
    findings: batch => {
      findings.push(...batch);
    },
    timeWaits: rows => {
      timeWaits.push(...timeWaitsOf(rows));
    },
    flows: rows => {
      flows.push(...rows);
    },
    clocks: rows => {
      clocks.push(...rows);
    },
    curve: series => {
      curve.push(...series);
    },
    progress: () => {},
  };
  const { status, captures, tally, fault } = await analyse(inputs, { ...SMALL, ...options }, sink);
  if (fault !== undefined) throw new Error(`rule ${fault.rule} failed: ${fault.error}`);
  return { status, origin, captures, findings, timeWaits, flows, clocks, curve, tally };
}

/** The rows of the typed columns as objects. */
export function timeWaitsOf(rows: TimeWaitRows): TimeWait[] {
  return Array.from({ length: rows.count }, (_, i) => {
    const words = rows.words.subarray(i * TIME_WAIT_WORDS, (i + 1) * TIME_WAIT_WORDS);
    const [entered, start, end] = rows.times.subarray(i * TIME_WAIT_TIMES, (i + 1) * TIME_WAIT_TIMES);
    const ipv6 = (words[9] & 1) === 1;
    const address = (at: number): string =>
      ipv6 ? formatIPv6(words[at], words[at + 1], words[at + 2], words[at + 3]) : formatIPv4(words[at] >>> 0);
    return {
      owner: address(0),
      ownerPort: words[8] >>> 16,
      peer: address(4),
      peerPort: words[8] & 0xffff,
      entered: entered!,
      start: start!,
      end: end!,
      endedBy: ENDINGS[(words[9] >>> 1) & 7],
      capture: words[9] >>> TIME_WAIT_CAPTURE_SHIFT,
      ...(words[9] & MAY_HOLD_ON ? { hiddenUntil: start! + rows.timeWait } : {}),
    };
  });
}
