/** How the reader wants a text shown. */
import type { Severity } from '../detect/finding.ts';

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
