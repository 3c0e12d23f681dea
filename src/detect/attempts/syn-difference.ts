/**
 * What the SYNs themselves have to do with their fate: those without an answer may differ from the answered ones in more
 * than their clock (docs/rules.md D1.5, D2.3). Which of the differences counts packets do not show.
 */
import { duration } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { type Cause, type Circumstances, perHostPaws } from './syn-cause.ts';
import { inWords } from './syn-marks.ts';
import { isNewestAnswered, mayBeHeld, relievedOf } from './syn-patterns.ts';

/** Of an attempt that recycle-signature counts: the rule of tcp_tw_recycle, unless something else fits as well. */
export function causeOfSignature(found: Circumstances): Cause {
  const { filtered: differs } = found.trial!.differs;
  if (differs.length === 0) return perHostPaws(found);
  return {
    name: 'unknown',
    confidence: 'weak',
    words:
      `something drops the SYNs that differ from the answered ones in ${inWords(differs)}, or a rule like that of ` +
      'tcp_tw_recycle does: see recycle-signature',
    seen: 'syn-differs',
    differs,
  };
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
  const suspects = patterns.suspectsOf(attempt);
  const times = suspects.map(burden => patterns.timesDropped(burden));
  const names = suspects.map(({ name }) => name).join(' or ');
  if (suspects.length > 0 && times.every(count => count !== undefined)) {
    if (patterns.dropsFirstSyns) return firstSynDropped(names);
    const decided = patterns.answersFirstSyns;
    const orFirst = decided ? '' : ', or the first SYN of each connection, as protection from floods does';
    return {
      name: 'unknown',
      confidence: 'strong',
      words:
        `something on the way drops SYNs with ${names}${orFirst}, most likely: in ${Math.min(...times)} attempts only the ` +
        'SYN sent again without these was answered, and in the whole capture none of those that had them' +
        (decided ? '' : '; no first SYN was sent without them, and answered, that would tell which'),
      seen: decided ? 'syn-changed' : 'first-or-changed',
      differs: suspects.map(({ difference }) => difference),
    };
  }
  if (suspects.length > 0) {
    return {
      ...cause,
      words: `${cause.words}; or something on the way drops SYNs with ${names}, as the answered one has none`,
    };
  }
  if (!mayBeHeldUp(attempt, found)) return cause;
  if (patterns.tellsUsedTuples) {
    return {
      name: 'unknown',
      confidence: 'strong',
      words:
        `a balancer or firewall on the way that still holds the old connection of this tuple, most likely: the first SYN got ` +
        `no answer ${patterns.usedText}`,
      seen: 'tuple-held',
    };
  }
  const ago = duration(found.reuse!.age);
  return {
    ...cause,
    words: `${cause.words}; or a balancer or firewall on the way still holds the old connection of this tuple, of ${ago} before`,
  };
}

/** Devices that protect from floods drop the first SYN of each connection, as forged senders send none again. */
const firstSynDropped = (names: string): Cause => ({
  name: 'unknown',
  confidence: 'strong',
  words:
    'something on the way drops the first SYN of each connection, most likely, as protection from floods does: those ' +
    `without ${names} got no answer either until they were sent again`,
  seen: 'first-syn',
});

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
