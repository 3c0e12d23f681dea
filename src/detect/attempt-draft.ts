/** What unanswered-syn tells of an attempt that got no answer, or a late one (docs/rules.md D2.3). */
import { duration, type Nanos, SECOND, seconds } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import { isOver } from '../flow/story.ts';
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
  const { syn, ends, settledAt } = attempt;
  const { waiting, remembered } = cause;
  const whole = wholeOf(attempt);
  const isMoved = whole.told !== attempt;
  const nextPort = (attempt.next ?? whole.told).ends.clientPort;
  const { syns, delay } = isMoved ? attempt : whole;
  const schedule = whole.ports > 1 ? undefined : scheduleOf(attempt);
  return {
    rule: 'unanswered-syn',
    // What became of it is told of the last port.
    severity: isMoved ? 'notice' : severityOf(attempt, cause),
    confidence: cause.confidence,
    title: `${isMoved ? movedText(whole, nextPort) : outcomeText(attempt, whole)}${scheduleText(schedule, attempt)}; cause: ${causeText(cause)}`,
    raised: syn,
    lastAt: attempt.touchedAt,
    ends,
    evidence: {
      cause: cause.name,
      syns,
      ...(delay === undefined ? { watched: seconds(settledAt - syn.at) } : { delay: seconds(delay) }),
      ...(isMoved ? { next_port: nextPort } : whole.ports > 1 ? { ports: whole.ports } : {}),
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

/** All of an attempt, over the ports that a NAT gave it; `told`: the one of them that says what became of it. */
interface Whole {
  ports: number;
  syns: number;
  delay: Nanos | undefined;
  told: Attempt;
}

function wholeOf(attempt: Attempt): Whole {
  let first = attempt;
  while (first.previous !== undefined) first = first.previous;
  const all: Attempt[] = [];
  for (let one: Attempt | undefined = first; one !== undefined; one = one.next) all.push(one);
  // A NAT may come back to a port that the attempt has had.
  const told = all.find(({ delay }) => delay !== undefined) ?? all.at(-1)!;
  const { delay } = told;
  return {
    ports: all.length,
    syns: all.reduce((sum, { syns }) => sum + syns, 0),
    delay: delay === undefined ? undefined : told.syn.at + delay - first.syn.at,
    told,
  };
}

/** Where it went on, and what became of it there. */
function movedText({ ports, syns, delay, told }: Whole, nextPort: number): string {
  const unaccepted = isOver(told) ? 'not accepted' : 'not accepted so far';
  const became = delay === undefined ? unaccepted : `accepted after ${duration(delay)} in all`;
  return (
    `An ACK of an old connection answered the SYN, and the attempt went on from port ${nextPort}, as a NAT does that forgot ` +
    `it with the RST: ${became}, at try ${syns}, from port ${told.ends.clientPort} of the ${ports} that it had`
  );
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

function outcomeText(attempt: Attempt, { ports, syns, delay }: Whole): string {
  const { sentAt, syn, steps, oldAcks, settledAt, answered } = attempt;
  if (ports > 1) {
    const became = delay === undefined ? 'A SYN was not accepted' : `SYN accepted after ${duration(delay)}`;
    return `${became}, at try ${syns}, the last on one of ${ports} ports that a NAT gave the attempt`;
  }
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
