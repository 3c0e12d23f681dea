/**
 * What the SYNs themselves have to do with their fate: those without an answer may differ from the answered ones in more
 * than their clock (docs/rules.md D1.5, D2.3). Which of the differences counts packets do not show.
 */
import type { Attempt } from '../../flow/stories/attempt.ts';
import { type Cause, causeFor } from './cause.ts';
import { byRecycle, type Circumstances } from './syn-cause.ts';
import { isNewestAnswered, mayBeHeld, relievedOf } from './syn-patterns.ts';

/** Of an attempt that recycle-signature counts: the rule of tcp_tw_recycle, unless something else fits as well. */
export function causeOfSignature({ tried, trial }: Circumstances): Cause {
  const { filtered: differs } = trial!.differs;
  return causeFor(differs.length === 0 ? byRecycle(tried!, trial!) : { is: 'syn-differs', differs });
}

/**
 * Other attempts may show why its first SYNs were lost: nothing else does. Where they carried nothing, and the tuple was
 * not used before, no row of attempts does: full queues at the server lose first SYNs in the same way (docs/rules.md D2.3).
 */
export const mayBePattern = (attempt: Attempt, found: Circumstances, { name, seen }: Cause): boolean =>
  (name === 'path-loss' || name === 'unknown') &&
  seen === undefined &&
  (relievedOf(attempt).length > 0 || mayBeHeldUp(attempt, found));

/** As far as the other attempts so far show. */
export function withPattern(attempt: Attempt, found: Circumstances, cause: Cause): Cause {
  const patterns = found.around?.patterns;
  if (patterns === undefined || !mayBePattern(attempt, found, cause)) return cause;
  const burdens = patterns.suspectsOf(attempt);
  if (burdens.length > 0) {
    const times = burdens.map(burden => patterns.timesDropped(burden));
    if (!times.every(count => count !== undefined)) return { ...cause, also: { is: 'burden', burdens } };
    if (patterns.dropsFirstSyns) return causeFor({ is: 'first-syn', burdens });
    const is = patterns.answersFirstSyns ? 'syn-changed' : 'first-or-changed';
    return causeFor({ is, burdens, times: Math.min(...times) });
  }
  if (!mayBeHeldUp(attempt, found)) return cause;
  if (patterns.tellsUsedTuples) return causeFor({ is: 'tuple-held', tuples: patterns.usedTuples });
  return { ...cause, also: { is: 'held-tuple', age: found.reuse!.age } };
}

/** Its tuple was used before, and nothing but its first SYN was lost. */
function mayBeHeldUp(attempt: Attempt, { tried, reuse, isLocal }: Circumstances): boolean {
  return (
    mayBeHeld(reuse) &&
    attempt.syns === 2 &&
    attempt.delay !== undefined &&
    attempt.oldAcks === 0 &&
    tried?.fates[0] !== 'drop' &&
    !isLocal &&
    isNewestAnswered(attempt)
  );
}
