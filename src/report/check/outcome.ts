/** The result of `check` for one capture, or for one folder of captures that are analysed together. */
import { counted } from '../words.ts';
import type { Change } from './golden-diff.ts';

export type Outcome = {
  /** Names of the capture and of its golden, relative to the working directory. */
  capture: string;
  golden: string;
} & (
  | { verdict: 'same' | 'written'; findings: number }
  | { verdict: 'differs'; findings: number; changes: Change[] }
  | { verdict: 'no-golden'; findings: number }
  /** There is a golden, but no capture beside it. */
  | { verdict: 'no-capture' }
  /** The capture or its golden cannot be read, or a rule failed; `problem` says so in one sentence. */
  | { verdict: 'unreadable' | 'failed'; problem: string }
);

export type Verdict = Outcome['verdict'];

/** The problem in one sentence; undefined if there is none. `command` writes the golden. */
export function problemOf(outcome: Outcome, command: string): string | undefined {
  switch (outcome.verdict) {
    case 'same':
    case 'written':
      return undefined;
    case 'differs':
      return `${counted(outcome.changes.length, 'difference')} from ${outcome.golden}`;
    case 'no-golden':
      return `there is no ${outcome.golden}; make it with: ${command}; then read it before you commit it`;
    case 'no-capture':
      return `there is no capture beside ${outcome.golden}; was it renamed? Remove the golden or restore the capture`;
    default:
      return outcome.problem;
  }
}

const SUMS: readonly (readonly [Verdict, string, string])[] = [
  ['same', 'is as its golden says', 'are as their goldens say'],
  ['written', 'golden was written', 'goldens were written'],
  ['differs', 'differs', 'differ'],
  ['no-golden', 'has no golden', 'have no golden'],
  ['no-capture', 'golden has no capture', 'goldens have no capture'],
  ['unreadable', 'cannot be read', 'cannot be read'],
  ['failed', 'could not be judged', 'could not be judged'],
];

/** The totals: `132 captures: 130 are as their goldens say, 2 differ`. */
export function sums(outcomes: readonly Outcome[]): string {
  const parts = SUMS.flatMap(([verdict, one, many]) => {
    const n = outcomes.filter(outcome => outcome.verdict === verdict).length;
    return n === 0 ? [] : [`${n} ${n === 1 ? one : many}`];
  });
  const captures = outcomes.filter(({ verdict }) => verdict !== 'no-capture').length;
  return `${counted(captures, 'capture')}: ${parts.join(', ')}`;
}
