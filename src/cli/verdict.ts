/** The exit status of `analyze` and `live`: what --fail-on, --baseline and --expect make of a run. */
import type { AnalyseResult } from '../analyse.ts';
import { SEVERITIES } from '../detect/finding.ts';
import type { Tally } from '../shard/tally.ts';
import { close, openForReading } from '../store/database.ts';
import { guarded } from '../store/failures.ts';
import { type FindingFilter, readIds } from '../store/reader.ts';
import type { Store } from '../store/store.ts';
import { worstSeverity } from '../store/summary.ts';
import { Exit, signalStatus, UsageError } from './exit.ts';
import type { AnalyzeOptions } from './options.ts';
import { refuseUnknownRules } from './rules.ts';
import type { EndSignal } from './signals.ts';
import type { Expectation } from './values.ts';

/** The ids in the --baseline database. They are read before the run, which may be stored in the same database. */
export function baselineIds({ baseline, failOn }: AnalyzeOptions): readonly string[] | undefined {
  if (baseline === undefined) return undefined;
  if (failOn === 'none') throw new UsageError('--baseline needs --fail-on, for which its findings do not count');
  const db = openForReading(baseline);
  try {
    return guarded(baseline, () => readIds(db));
  } finally {
    close(db);
  }
}

/** Throws a UsageError for an --expect on a rule that does not run. */
export function refuseUnmeetable({ expect, rule }: AnalyzeOptions): void {
  const names = expect.map(expected => expected.rule);
  refuseUnknownRules(names);
  const left = names.find(name => rule !== undefined && !rule.includes(name));
  if (left !== undefined) throw new UsageError(`--expect names ${left}, which --rule leaves out`);
}

/**
 * One sentence for each expectation that is not met. All findings count, including those that exceed the limit on
 * storing.
 */
export const unmet = (expect: readonly Expectation[], tally: Readonly<Tally>): string[] =>
  expect.flatMap(({ text, rule, low, high }) => {
    const n = tally[`findings.${rule}`] ?? 0;
    return n >= low && n <= high ? [] : [`expected ${text}, but there ${n === 1 ? 'is' : 'are'} ${n}`];
  });

export function statusOf(
  result: AnalyseResult,
  store: Store,
  { failOn, expect }: AnalyzeOptions,
  filter: FindingFilter,
  signal: EndSignal | undefined,
): number {
  if (result.status === 'interrupted' && signal) return signalStatus(signal);
  const worst = worstSeverity(store.database, filter);
  if (failOn !== 'none' && worst && SEVERITIES.indexOf(worst) >= SEVERITIES.indexOf(failOn)) return Exit.FINDINGS;
  if (unmet(expect, result.tally).length > 0) return Exit.FINDINGS;
  // The run itself succeeded: packets that could not be kept have been analysed.
  const lost = result.tally['evidence.lost'] !== undefined;
  return result.status === 'damaged' || result.fault || lost ? Exit.DAMAGED : Exit.DONE;
}
