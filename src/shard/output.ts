/** What a shard gives back for each slab: plain values, since it crosses threads. */
import type { Nanos } from '../base/time.ts';
import type { Finding } from '../detect/finding.ts';
import type { FindingUpdates } from '../detect/finding-updates.ts';
import type { FullTable } from '../detect/overflow.ts';
import type { ClockRow, ClockSoFar, FlowRow, TimeWaitRows } from '../flow/output.ts';
import type { Fault } from './faults.ts';
import type { Occupancy } from './occupancy.ts';
import type { Tally } from './tally.ts';

/** What a shard has done so far, for those who watch a run that does not end. */
export interface SoFar {
  /** All that was captured up to this instant has been analysed; not finite before the first packet and at the end. */
  until: Nanos;
  /** The part of the tally that is known while the shard runs: segments, flows, what was forgotten before its time. */
  counts: Tally;
}

export interface Judged {
  /** Of the shard's own verdicts on the whole run. */
  news: FindingUpdates;
  /** What time-wait-overflow is judged by. */
  fullTables: FullTable[];
  /** At that instant, where it was asked for. */
  occupancy?: Occupancy | undefined;
  /** While the run goes on: the clocks that were judged anew. */
  clocks?: readonly ClockSoFar[];
}

export interface Output {
  findings: Finding[];
  /** Live: what is told of stories that go on, or has been. */
  stories?: FindingUpdates | undefined;
  /** Live: verdicts between two judgings. */
  glimpsed?: FindingUpdates | undefined;
  /** A verdict over all shards may be due: the next batch should have them judge. */
  wantsJudging?: boolean;
  /** Absent where nothing was judged. */
  judged?: Judged | undefined;
  /** Only with the last output. */
  clocks: ClockRow[];
  timeWaits: TimeWaitRows | undefined;
  flows: FlowRow[];
  /** No finding that is still to come was raised before this instant of this epoch. */
  epoch: number;
  settled: Nanos;
  soFar: SoFar;
  /** Only with the last output. */
  tally: Tally | undefined;
  /** Only with the last output: the first event at which a rule failed. */
  fault?: Fault | undefined;
}
