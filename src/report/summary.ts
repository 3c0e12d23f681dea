/** What the texts are made of: one run as it is stored, and how the reader wants to see it. */
import type { Severity } from '../detect/finding.ts';
import type { Tally } from '../shard/tally.ts';
import type { CaptureRow, FindingRow, RunRow } from '../store/rows.ts';
import type { Cause, RuleCount } from '../store/summary.ts';

export interface Summary {
  run: RunRow;
  captures: readonly CaptureRow[];
  tally: Readonly<Tally>;
  byRule: readonly RuleCount[];
  causes: readonly Cause[];
  worst: readonly FindingRow[];
  /** The rules that ran. */
  rules: readonly { id: string; title: string }[];
  /** Where the findings are kept; undefined when nowhere. */
  database: string | undefined;
}

export interface TextStyle {
  width: number;
  verbose: boolean;
  bold: (text: string) => string;
  dim: (text: string) => string;
  severity: (severity: Severity, text: string) => string;
}
