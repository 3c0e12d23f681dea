/** What a shard returns for each slab: plain values, because it crosses threads. */
import type { Nanos } from '../base/time.ts';
import type { ClockRow, ClockSoFar } from '../detect/clocks/clock-row.ts';
import type { Finding } from '../detect/finding.ts';
import type { FindingUpdates } from '../detect/findings/finding-updates.ts';
import type { FullTable } from '../detect/overflow/full-table.ts';
import type { FlowRow } from '../flow/flow-row.ts';
import type { SynsAgain } from '../flow/syn-sample.ts';
import type { TimeWaitRows } from '../flow/time-wait-rows.ts';
import type { Fault } from './faults.ts';
import type { Occupancy } from './occupancy.ts';
import type { Tally } from './tally.ts';

/** The progress of a shard, for those who watch a run that goes on. */
export interface SoFar {
  /** Everything captured up to this instant has been analysed; not finite before the first packet and at the end. */
  until: Nanos;
  /** The part of the tally that is known while the shard runs: segments, flows, evictions, … */
  counts: Tally;
}

export interface Judged {
  /** Changes of the shard's own verdicts on the whole run. */
  updates: FindingUpdates;
  /** The data by which time-wait-overflow is judged. */
  fullTables: FullTable[];
  /** The TIME_WAITs at that instant, if they are to be counted. */
  occupancy?: Occupancy | undefined;
  /** While the run goes on: the clocks that were judged again. */
  clocks?: readonly ClockSoFar[];
}

export interface Output {
  findings: Finding[];
  /** Live: findings, and changes of findings, of stories that are still going on. */
  stories?: FindingUpdates | undefined;
  /** Live: verdicts between two regular judgings. */
  glimpsed?: FindingUpdates | undefined;
  /** A verdict over all shards may be due: all should judge with the next batch. */
  wantsJudging?: boolean;
  /** Undefined when nothing was judged. */
  judged?: Judged | undefined;
  /** Only with the last output. */
  clocks: ClockRow[];
  timeWaits: TimeWaitRows | undefined;
  flows: FlowRow[];
  /** All findings to come were raised at or after `settled` of this epoch, or in a later epoch. */
  epoch: number;
  settled: Nanos;
  soFar: SoFar;
  /** Only with the last output. */
  tally: Tally | undefined;
  /** Only with the last output: the first event at which a rule threw. */
  fault?: Fault | undefined;
  /** Only with the last output. */
  syns?: SynsAgain;
}
