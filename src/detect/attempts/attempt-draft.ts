/** The finding of unanswered-syn for an attempt without an answer, or with a late one (docs/rules.md D2.3). */
import { duration, type Nanos, SECOND, seconds } from '../../base/time.ts';
import { compareCaptured } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { isOver } from '../../flow/stories/story.ts';
import type { Draft, Note } from '../detector.ts';
import type { Severity } from '../finding.ts';
import type { SynWhatIf } from '../what-if/what-if.ts';
import type { Cause, Why } from './cause.ts';
import { causeText } from './cause-words.ts';
import { echoedEarlier } from './echoed-syn.ts';
import { LONE_SYN } from './handshake-drafts.ts';
import { type Chain, wasAccepted } from './syn-chain.ts';
import { doublesFrom, MANY_SYNS, type Schedule, scheduleOf } from './syn-schedule.ts';

/** Most times of retransmitted SYNs that a title lists. */
const SHOWN_TIMES = 8;
/** Most packets that a finding shows. */
const MOST_PACKETS = 8;

export function draftOfAttempt(
  attempt: Attempt,
  chain: Chain | undefined,
  cause: Cause,
  isLocal: boolean,
  supposed: SynWhatIf | undefined,
): Draft {
  const { syn, ends, settledAt } = attempt;
  const { why } = cause;
  const waiting = why.is === 'waiting-connection' ? why.waiting : undefined;
  const remembered = why.is === 'per-host-paws' ? why.remembered : undefined;
  const differs = differencesOf(why);
  const whole = chain !== undefined && chain.legs.length > 1 && !chain.isOfSeveral ? chain : undefined;
  const isMoved = whole !== undefined && whole.told !== attempt;
  const { syns, delay } = isMoved ? attempt : (whole ?? attempt);
  const schedule = whole === undefined ? scheduleOf(attempt) : undefined;
  const outcome = whole === undefined ? outcomeText(attempt) : isMoved ? movedText(attempt, whole) : wholeText(whole);
  const symptom = outcome + scheduleText(schedule, attempt);
  return {
    rule: 'unanswered-syn',
    // The finding of the last port says what became of the attempt, and has the full severity.
    severity: isMoved ? 'notice' : severityOf(attempt, cause),
    confidence: whole?.byIsnAlone === true && cause.confidence === 'proof' ? 'strong' : cause.confidence,
    title: `${symptom}; cause: ${causeText(cause, isLocal)}`,
    symptom,
    raised: syn,
    lastAt: attempt.touchedAt,
    ...(delay === undefined ? { until: settledAt } : {}),
    ends,
    evidence: {
      cause: cause.name,
      syns,
      ...(delay === undefined ? { watched: seconds(settledAt - syn.at) } : { delay: seconds(delay) }),
      ...(whole === undefined ? {} : isMoved ? { next_port: whole.portAfter(attempt) } : { ports: whole.ports }),
      ...(schedule === undefined ? {} : { schedule }),
      ...(waiting === undefined ? {} : { waited: seconds(waiting.until - waiting.opened) }),
      ...(cause.seen === undefined ? {} : { seen: cause.seen }),
      ...(differs === undefined ? {} : { differs }),
      ...(isLocal ? { loopback: true } : {}),
      ...remembered?.evidence,
      ...supposed,
    },
    packets: [
      ...(remembered?.notes ?? []),
      ...(waiting === undefined
        ? []
        : [{ packet: waiting.request, note: 'accepted before, and still without an answer of the application' }]),
      ...(whole === undefined || isMoved ? ownNotes(attempt) : notesOf(whole, attempt)),
    ],
  };
}

/** In what the SYNs that got no answer differ from answered ones. */
function differencesOf(why: Why): readonly string[] | undefined {
  if (why.is === 'syn-differs') return why.differs;
  if (why.is !== 'syn-changed' && why.is !== 'first-or-changed') return undefined;
  return why.burdens.map(({ difference }) => difference);
}

const ownNotes = ({ syn, followed }: Attempt): Note[] => [{ packet: syn, note: 'SYN' }, ...followed];

/** Shows the very first SYN, and as many of the last ones as there is room for. */
function notesOf({ legs }: Chain, told: Attempt): Note[] {
  const own = ownNotes(told);
  const elsewhere = legs
    .filter(leg => leg !== told)
    .map(({ syn, ends }) => ({ packet: syn, note: `the same SYN, from port ${ends.clientPort}` }));
  const room = MOST_PACKETS - own.length;
  const shown = elsewhere.length <= room ? elsewhere : [elsewhere[0], ...elsewhere.slice(1 - room)];
  return [...shown, ...own].sort((a, b) => compareCaptured(a.packet, b.packet));
}

/** By the first step of the outcome: answers that do not acknowledge the SYN. */
const ANSWERS: Readonly<Record<string, string>> = {
  'challenge-ack': 'An ACK of an old connection answered the SYN',
  'challenge-ack:unseen': 'An ACK of an old connection answered the SYN, as the RST shows',
  'challenge-ack:foreign': 'An ACK that does not acknowledge the SYN answered it',
  'syn-ack:old': 'The SYN-ACK of an older attempt answered the SYN',
  'syn-ack:foreign': 'A SYN-ACK that acknowledges another number answered the SYN',
};

/** For an attempt that continued from another port: where it continued, and what became of it there. */
function movedText(attempt: Attempt, chain: Chain): string {
  const { ports, syns, told } = chain;
  const next = chain.portAfter(attempt);
  const answer = ANSWERS[attempt.steps[0] ?? ''] ?? 'The SYN got no answer here';
  const from =
    next === attempt.ends.clientPort ? 'from the same port, which others had in between' : `from port ${next}`;
  const hedge = attempt.steps.includes('rst')
    ? ' with the RST'
    : ' (a stack that gives its connections one ISN looks the same)';
  const unaccepted = isOver(attempt) ? 'not accepted' : 'not accepted so far';
  return (
    `${answer}, and the attempt went on ${from}, as a NAT does that forgot it${hedge}: ` +
    `${acceptedText(chain, ' in all') ?? unaccepted}, at try ${syns}, from port ${told.ends.clientPort}` +
    (ports > 1 ? ` of the ${ports} that it had` : '')
  );
}

function wholeText(chain: Chain): string {
  const { ports, syns } = chain;
  const became = acceptedText(chain, '');
  const port =
    ports > 1
      ? `the last on one of ${ports} ports that a NAT gave the attempt`
      : 'on one port, which others had in between';
  return `${became === undefined ? 'A SYN was not accepted' : `SYN ${became}`}, at try ${syns}, ${port}`;
}

/** Undefined if the attempt was not accepted. */
function acceptedText({ delay, told }: Chain, inAll: string): string | undefined {
  if (delay !== undefined) return `accepted after ${duration(delay)}${inAll}`;
  return wasAccepted(told) ? 'accepted, as it seems' : undefined;
}

function severityOf({ answered, syns, delay }: Attempt, cause: Cause): Severity {
  // If a waiting connection is the only sign of a full queue, that cause is no more than a guess.
  const name = cause.why.is === 'waiting-connection' ? 'unknown' : cause.name;
  switch (name) {
    case 'path-loss':
    case 'one-way-capture':
      return 'info';
    case 'per-host-paws': // all of them together are told as recycle-signature, which is critical
    case 'time-wait':
    case 'accept-queue':
      return 'warning';
    case 'unknown':
      if (cause.seen === 'foreign-syn-ack') return delay === undefined ? 'warning' : 'notice';
      if (cause.seen === 'not-captured' || cause.seen === 'late-answer') return 'info';
      return !answered && syns >= MANY_SYNS ? 'warning' : 'notice';
  }
}

function outcomeText(attempt: Attempt): string {
  const { syns, delay, sentAt, syn, steps, oldAcks, settledAt, answered } = attempt;
  // The client continues as if it had been accepted, but no SYN-ACK was captured. Nor may others have been.
  const seems = delay === undefined && wasAccepted(attempt);
  if (syns === 1) {
    if (seems) return 'SYN accepted, as it seems';
    // An old connection's ACK makes the client send its SYN again.
    if (oldAcks > 0 && delay !== undefined)
      return `SYN accepted after ${duration(delay)}, likely at another try, which this capture lacks or has out of order`;
    return oldAcks > 0 ? 'A SYN was not accepted' : `${LONE_SYN} for ${duration(settledAt - syn.at)}`;
  }
  const span = duration(sentAt.at(-1)! - syn.at);
  if (!answered) return `None of ${syns} SYNs in ${span} was answered`;
  if (seems) return `SYN accepted, as it seems, at try ${syns}`;
  if (oldAcks > 0 && delay === undefined) return `None of ${syns} SYNs in ${span} was accepted`;
  const settled = delay === undefined ? steps.at(-1) : `accepted after ${duration(delay)}`;
  if (oldAcks > 0) return `SYN ${settled}, at try ${syns}`;
  const echoed = echoedEarlier(attempt);
  if (echoed === 0) return `The answer to the first of ${syns} SYNs came after ${duration(delay!)}`;
  const late = echoed === undefined ? '' : `, and the answer to SYN ${echoed + 1} came late`;
  return `SYN ${settled}: ${echoed ?? syns - 1} of ${syns} went unanswered${late}`;
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
    .join(
      ', ',
    )}${sentAt.length > 1 + SHOWN_TIMES ? ', …' : ''} s${schedule === 'other' ? otherTimer(sentAt) : SENDERS[schedule]}`;
}

/**
 * Describes a schedule that is none of the known ones. It may still be a known one, if the capture lacks some of the
 * SYNs.
 */
function otherTimer(sentAt: readonly Nanos[]): string {
  const first = doublesFrom(sentAt);
  if (first === undefined) return '';
  const from = first.toFixed(first < 1 ? 3 : 0);
  return `, each wait twice the last, from ${from} s${from === '3' ? ' as Linux 2.6.32 does' : ''}`;
}
