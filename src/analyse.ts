/**
 * Where all stages meet: captures → reader → slabs → shards → findings and tally → a sink. The sink is the store on
 * the command line and an array in tests.
 */
import type { CaptureInfo, Input } from './capture/capture-info.ts';
import type { Finding } from './detect/finding.ts';
import type { FlowRow, TimeWaitRows } from './flow/rows.ts';
import type { Tally } from './shard/tally.ts';

export interface AnalyseOptions {
  /** Worker threads; 0 = in-process; undefined = by the size of the input and the cores. */
  workers?: number;
  /** Flows held over all shards. */
  maxFlows?: number;
  /** TIME_WAIT length in seconds. */
  timeWait?: number;
  /** Rules to run; undefined = all. */
  rules?: readonly string[];
  /** Also deliver every flow. */
  flows?: boolean;
  /** Findings kept in full per rule and host pair. */
  maxFindings?: number;
  signal?: AbortSignal;
}

/** Receives results while the run goes on. Findings come sorted (compareFindings) over the whole run. */
export interface Sink {
  /** Once, before anything else; the objects of `captures` stay current until the run ends. `origin`: see base/time.ts. */
  begin(origin: number, captures: readonly CaptureInfo[]): void;
  findings(batch: readonly Finding[]): void;
  timeWaits(rows: TimeWaitRows): void;
  flows(rows: readonly FlowRow[]): void;
  /** After each slab: bytes of input consumed (before inflating), and the tally of frames so far. */
  progress(consumed: number, total: number, frames: number): void;
}

export interface AnalyseResult {
  status: 'done' | 'damaged' | 'interrupted';
  captures: readonly CaptureInfo[];
  tally: Tally;
}

export async function analyse(
  _inputs: readonly Input[],
  _options: AnalyseOptions,
  _sink: Sink,
): Promise<AnalyseResult> {
  throw new Error('being built');
}
