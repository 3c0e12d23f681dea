/** What the texts are made of: one run as it is stored, and how the reader wants to see it. */
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
  /** Where TIME_WAITs stood highest. */
  peaks: Peaks;
  /** Where the findings are kept; undefined when nowhere. */
  database: string | undefined;
}

export interface TextStyle {
  width: number;
  verbose: boolean;
  bold: (text: string) => string;
  dim: (text: string) => string;
  /** The numbers that decide. */
  mark: (text: string) => string;
  /** What is typed: commands, names of settings. */
  code: (text: string) => string;
  severity: (severity: Severity, text: string) => string;
}

const same = (text: string): string => text;

/** Without colour: what goes into files. */
export const plainStyle = (width: number): TextStyle => ({
  width,
  verbose: false,
  bold: same,
  dim: same,
  mark: same,
  code: same,
  severity: (_, text) => text,
});
