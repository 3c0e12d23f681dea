/** What texts are made from: one run as stored, and how the reader wants it shown. */
import type { Severity } from '../detect/finding.ts';
import type { Tally } from '../shard/tally.ts';
import type { CaptureRow, RunRow } from '../store/rows.ts';
import type { FindingSummary } from '../store/summary.ts';
import type { Peaks } from './time-wait-text.ts';

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

export interface TextStyle {
  width: number;
  verbose: boolean;
  bold: (text: string) => string;
  dim: (text: string) => string;
  /** For numbers that decide. */
  mark: (text: string) => string;
  /** For what is typed: commands, names of settings. */
  code: (text: string) => string;
  severity: (severity: Severity, text: string) => string;
}

const same = (text: string): string => text;

/** Without colour, for files. */
export const plainStyle = (width: number): TextStyle => ({
  width,
  verbose: false,
  bold: same,
  dim: same,
  mark: same,
  code: same,
  severity: (_, text) => text,
});
