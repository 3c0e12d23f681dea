/** What unanswered-syn tells of an attempt that got no answer, or a late one (docs/rules.md D2.3). */
import { duration, type Nanos, SECOND, seconds } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import type { Draft } from './detector.ts';
import type { Severity } from './finding.ts';
import { type Cause, causeText } from './syn-cause.ts';
import { doublesFrom, MANY_SYNS, type Schedule, scheduleOf } from './syn-schedule.ts';
import type { SynWhatIf } from './what-if.ts';

/** Times of further SYNs that a title names. */
const SHOWN_TIMES = 5;

export function draftOfAttempt(
  attempt: Attempt,
  cause: Cause,
  isLocal: boolean,
  supposed: SynWhatIf | undefined,
): Draft {
  const { syns, syn, ends, delay, settledAt } = attempt;
  const { waiting, remembered } = cause;
  const schedule = scheduleOf(attempt);
  return {
    rule: 'unanswered-syn',
    severity: severityOf(attempt, cause),
    confidence: cause.confidence,
    title: `${outcomeText(attempt)}${scheduleText(schedule, attempt)}; cause: ${causeText(cause)}`,
    raised: syn,
    lastAt: attempt.touchedAt,
    ends,
    evidence: {
      cause: cause.name,
      syns,
      ...(delay === undefined ? { watched: seconds(settledAt - syn.at) } : { delay: seconds(delay) }),
      ...(schedule === undefined ? {} : { schedule }),
      ...(waiting === undefined ? {} : { waited: seconds(waiting.until - waiting.opened) }),
      ...(cause.seen === undefined ? {} : { seen: cause.seen }),
      ...(isLocal ? { loopback: true } : {}),
      ...remembered?.evidence,
      ...supposed,
    },
    packets: [
      ...(remembered?.notes ?? []),
      ...(waiting === undefined
        ? []
        : [{ packet: waiting.request, note: 'accepted before, and still without an answer of the application' }]),
      { packet: syn, note: 'SYN' },
      ...attempt.followed,
    ],
  };
}

function severityOf({ answered, syns }: Attempt, cause: Cause): Severity {
  // A full queue that nothing but a waiting connection speaks for is no more than a guess.
  const name = cause.waiting === undefined ? cause.name : 'unknown';
  switch (name) {
    case 'path-loss':
    case 'one-way-capture':
      return 'info';
    case 'per-host-paws': // all of them together are told as recycle-signature, which is critical
    case 'time-wait':
    case 'accept-queue':
      return 'warning';
    case 'unknown':
      if (cause.seen === 'not-captured') return 'info';
      return !answered && syns >= MANY_SYNS ? 'warning' : 'notice';
  }
}

function outcomeText({ syns, sentAt, syn, steps, oldAcks, delay, settledAt, answered }: Attempt): string {
  if (syns === 1) {
    return oldAcks > 0 ? 'A SYN was not accepted' : `A SYN was not answered for ${duration(settledAt - syn.at)}`;
  }
  const span = duration(sentAt.at(-1)! - syn.at);
  if (!answered) return `None of ${syns} SYNs in ${span} was answered`;
  if (oldAcks > 0 && delay === undefined) return `None of ${syns} SYNs in ${span} was accepted`;
  const settled = delay === undefined ? steps.at(-1) : `accepted after ${duration(delay)}`;
  return oldAcks > 0 ? `SYN ${settled}, at try ${syns}` : `SYN ${settled}: ${syns - 1} of ${syns} went unanswered`;
}

const SENDERS: Readonly<Record<Exclude<Schedule, 'other'>, string>> = {
  classic: '',
  linear: ' as Linux 6.5 and newer and the BSDs do',
  fast: ', right after the RST, as Linux 5.15 and newer do',
};

function scheduleText(schedule: Schedule | undefined, { sentAt }: Attempt): string {
  if (schedule === undefined) return '';
  const first = sentAt[0];
  if (schedule === 'fast' && sentAt.length === 2)
    return `; sent again ${duration(sentAt[1] - first)} later${SENDERS.fast}`;
  const after = (at: Nanos): string => {
    const span = (at - first) / SECOND;
    return span < 1 ? span.toFixed(3) : span.toFixed(0);
  };
  return `; sent again after ${sentAt
    .slice(1, 1 + SHOWN_TIMES)
    .map(after)
    .join(', ')} s${schedule === 'other' ? otherTimer(sentAt) : SENDERS[schedule]}`;
}

/** SYNs may be missing before the capture point: what looks like no timer may be one with holes. */
function otherTimer(sentAt: readonly Nanos[]): string {
  const first = doublesFrom(sentAt);
  if (first === undefined) return '';
  const from = first.toFixed(first < 1 ? 3 : 0);
  return `, each wait twice the last, from ${from} s${from === '3' ? ' as Linux 2.6.32 does' : ''}`;
}
