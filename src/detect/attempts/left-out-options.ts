/**
 * Options that a client leaves out when it sends its SYN again, since some devices drop SYNs that have them: Linux falls
 * back from MPTCP in this way (docs/rules.md D2.3).
 */
import type { Opened } from '../../flow/events.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { orderOf } from '../../wire/tcp-options.ts';
import type { ClockSample } from '../clocks/clock-sample.ts';
import { remarksOf } from './remarks.ts';
import { hasUnusualOption } from './syn-marks.ts';
import { isNewestAnswered } from './syn-patterns.ts';

/** `first`: the first SYN of the attempt at hand. */
export function noteOptions(event: Opened, first: ClockSample | undefined): void {
  const options = orderOf(event.segment.synOptions);
  if (first === undefined || options === 0 || !hasUnusualOption(first.options)) return;
  const remarks = remarksOf(event.attempt());
  if (remarks.leftOut !== undefined) remarks.leftOut = 'more';
  else if (!hasUnusualOption(options)) remarks.leftOut = 'once';
}

/** Its answered SYN is the only one without. */
export const answeredWithoutOption = (attempt: Attempt): boolean =>
  remarksOf(attempt).leftOut === 'once' &&
  attempt.delay !== undefined &&
  attempt.oldAcks === 0 &&
  isNewestAnswered(attempt);
