/** What is said of a finding by its rule, and of a finding whose rule this version does not have. */
import type { Rule } from '../detect/evidence.ts';
import { isRule } from '../detect/index.ts';
import type { FindingOf, FindingRow } from '../store/rows.ts';

/** One function for each rule; a rule without one does not compile. */
export type ByRule<Result, More extends readonly unknown[] = []> = {
  readonly [R in Rule]: (finding: FindingOf<R>, ...more: More) => Result;
};

/** Undefined for a rule of another version. */
export function ofRule<Result, More extends readonly unknown[]>(
  table: ByRule<Result, More>,
  finding: FindingRow,
  ...more: More
): Result | undefined {
  if (!isRule(finding.rule)) return undefined;
  const say = table[finding.rule] as (finding: FindingRow, ...more: More) => Result;
  return say(finding, ...more);
}
