/** What the titles of unanswered-syn say that packets show, before the cause (docs/rules.md D2.3, F8, F13). */
import { duration, type Nanos, SECOND } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Step } from '../../flow/stories/attempt-steps.ts';
import type { Stall } from '../../flow/stories/handshake-stall.ts';
import { isOver, type Story } from '../../flow/stories/story.ts';
import type { UnheardSynAck } from '../../flow/stories/unheard-syn-ack.ts';
import { echoedEarlier } from './echoed-syn.ts';
import type { LoneSyn } from './handshake-drafts.ts';
import { type Chain, wasAccepted } from './syn-chain.ts';
import { doublesFrom, type Schedule } from './syn-schedule.ts';

/** Most times of retransmitted SYNs that a title lists. */
const SHOWN_TIMES = 8;

/** `whole`: all ports from which the attempt was sent, if there were several. Then no schedule is told. */
export function symptomOf(attempt: Attempt, whole: Chain | undefined, schedule: Schedule | undefined): string {
  if (whole !== undefined) return whole.told === attempt ? wholeText(whole) : movedText(attempt, whole);
  return outcomeText(attempt) + (schedule === undefined ? '' : scheduleText(schedule, attempt));
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

function scheduleText(schedule: Schedule, { sentAt }: Attempt): string {
  const first = sentAt[0];
  if (schedule === 'fast' && sentAt.length === 2)
    return `; sent again ${duration(sentAt[1] - first)} later${SENDERS.fast}`;
  const after = (at: Nanos): string => secondsText((at - first) / SECOND);
  return `; sent again after ${sentAt
    .slice(1, 1 + SHOWN_TIMES)
    .map(after)
    .join(
      ', ',
    )}${sentAt.length > 1 + SHOWN_TIMES ? ', …' : ''} s${schedule === 'other' ? otherTimer(sentAt) : SENDERS[schedule]}`;
}

/** Timers of seconds fire a little late (syn-schedule.ts); what is further from a whole one is told with a digit more. */
const secondsText = (span: number): string =>
  span < 1 ? span.toFixed(3) : span.toFixed(Math.abs(span / Math.round(span) - 1) > 0.05 ? 1 : 0);

/**
 * Describes a schedule that is none of the known ones. It may still be a known one, if the capture lacks some of the
 * SYNs.
 */
function otherTimer(sentAt: readonly Nanos[]): string {
  const first = doublesFrom(sentAt);
  if (first === undefined) return '';
  const from = secondsText(first);
  return `, each wait twice the last, from ${from} s${from === '3' ? ' as Linux 2.6.32 does' : ''}`;
}

/** By the first step of the outcome: answers that do not acknowledge the SYN. */
const ANSWERS: Readonly<Partial<Record<Step, string>>> = {
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
  const answer = (attempt.steps[0] && ANSWERS[attempt.steps[0]]) ?? 'The SYN got no answer here';
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

/** How the titles of a SYN begin that was sent once, and what they add if the server took others on the port. */
export const LONE_SYN = 'A SYN was not answered';
export const TAKES_OTHERS = ', though the server took others on this port';

export function symptomOfLone({ watched, isReplaced, others }: LoneSyn): string {
  const next = isReplaced ? 'then followed by a SYN with a new ISN from the same port' : 'not sent again';
  return `${LONE_SYN} for ${duration(watched)} and ${next}${others ? TAKES_OTHERS : ''}`;
}

/** `delay`: from the SYN to the server's going on, if both are known. */
export function symptomOfStall(stall: Stall, delay: Nanos | undefined): string {
  const { synAcks, resumed, ending } = stall;
  const again = synAcks === 1 ? 'its SYN-ACK' : `its SYN-ACK ${synAcks} times`;
  const later = delay === undefined ? 'later' : `${duration(delay)} after the SYN`;
  const goesOn = resumed && ending !== undefined ? `and goes on ${later}` : goesNotOn(stall);
  return `The server repeats ${again} after the client's ACK, ${goesOn}`;
}

export function noAckText(unheard: UnheardSynAck, delay: Nanos | undefined): string {
  const times = unheard.synAcks === 2 ? '' : ` ${unheard.synAcks - 1} times`;
  if (delay !== undefined) {
    const [what, before] = unheard.ending!.length > 0 ? ['data', 'no ACK'] : ['ACK', 'nothing'];
    return `The server repeats its SYN-ACK${times}, and the client's ${what} comes ${duration(delay)} after its SYN, with ${before} before`;
  }
  return `The server repeats its SYN-ACK${times}, and nothing of the client ${isOver(unheard) ? 'comes back' : 'has come back so far'}`;
}

export function unheardText(unheard: UnheardSynAck, delay: Nanos | undefined): string {
  const { syns, synAcks, repeated } = unheard;
  const later = delay === undefined ? '' : ` ${duration(delay)} after the first SYN`;
  if (repeated.length === 0)
    return `The client answers SYN-ACK number ${synAcks},${later}${later === '' ? '' : ','} and none before it`;
  const often = syns === 2 ? '' : ` ${syns - 1} times`;
  return `The client repeats its SYN${often} though the server has answered it, ${delay === undefined ? goesNotOn(unheard) : `and goes on${later}`}`;
}

const goesNotOn = (story: Story): string => (isOver(story) ? 'and never goes on' : 'and has not gone on so far');
