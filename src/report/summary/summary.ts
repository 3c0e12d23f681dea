/** What the summary is made from: one run as stored. */
import type { Tally } from '../../shard/tally.ts';
import type { CaptureRow, RunRow } from '../../store/rows.ts';
import type { FindingSummary } from '../../store/summary.ts';
import type { Peaks } from './time-waits.ts';

export interface Summary extends FindingSummary {
  run: RunRow;
  captures: readonly CaptureRow[];
  tally: Readonly<Tally>;
  /** The rules that ran. */
  rules: readonly { id: string; title: string }[];
  /** Where there were the most TIME_WAITs. */
  peaks: Peaks;
  /** The database that keeps the findings; undefined if none does. */
  database: string | undefined;
}
