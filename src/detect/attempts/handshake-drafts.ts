/**
 * The findings of unanswered-syn about a lone SYN, and about handshakes that only one end considers complete
 * (docs/rules.md D2.3, F13).
 */
import { duration, type Nanos, seconds } from '../../base/time.ts';
import type { Ends } from '../../flow/ends.ts';
import type { Packet } from '../../flow/packet.ts';
import type { Stall } from '../../flow/stories/handshake-stall.ts';
import { isOver, type Story } from '../../flow/stories/story.ts';
import type { UnheardSynAck } from '../../flow/stories/unheard-syn-ack.ts';
import type { Draft } from '../detector.ts';
import type { LaterWhatIf, SynWhatIf } from '../what-if/what-if.ts';
import type { Cause } from './cause.ts';
import { causeText, loneCauseText, unheardCauseText } from './cause-words.ts';
import { MANY_SYNS, timerOf } from './syn-schedule.ts';

/** A SYN that was sent once, and got no answer. */
export interface LoneSyn {
  syn: Packet;
  ends: Ends;
  /** How long there was no answer. */
  watched: Nanos;
  /** A SYN with a new ISN took its place. */
  isReplaced: boolean;
  /** The server took other connections of the client on the port; otherwise an ICMP error quotes the SYN. */
  others: boolean;
}

/** How the titles of a SYN begin that was sent once, and what they add if the server took others on the port. */
export const LONE_SYN = 'A SYN was not answered';
export const TAKES_OTHERS = ', though the server took others on this port';

export function draftOfLone(
  { syn, ends, watched, isReplaced, others }: LoneSyn,
  isLocal: boolean,
  supposed: SynWhatIf | undefined,
): Draft {
  const next = isReplaced ? 'then followed by a SYN with a new ISN from the same port' : 'not sent again';
  const though = others ? TAKES_OTHERS : '';
  const symptom = `${LONE_SYN} for ${duration(watched)} and ${next}${though}`;
  return {
    rule: 'unanswered-syn',
    severity: 'notice',
    confidence: 'weak',
    title: `${symptom}; cause: ${loneCauseText(isLocal)}`,
    symptom,
    raised: syn,
    until: syn.at + watched,
    ends,
    evidence: {
      cause: 'unknown',
      syns: 1,
      watched: seconds(watched),
      ...(isLocal ? { loopback: true } : {}),
      ...supposed,
    },
    packets: [{ packet: syn, note: 'SYN' }],
  };
}

/** The server keeps repeating its SYN-ACK after the client's ACK. */
export function draftOfStall(
  stall: Stall,
  syns: number,
  cause: Cause,
  isLocal: boolean,
  supposed: LaterWhatIf | undefined,
): Draft {
  const { repeated, ends, ending, resumed, data, synAcks, synAt } = stall;
  const goneOn = resumed && ending !== undefined;
  const delay = goneOn && Number.isFinite(synAt) ? ending.at - synAt : undefined;
  const again = synAcks === 1 ? 'its SYN-ACK' : `its SYN-ACK ${synAcks} times`;
  const later = delay === undefined ? 'later' : `${duration(delay)} after the SYN`;
  const goesOn = goneOn ? `and goes on ${later}` : goesNotOn(stall);
  const symptom = `The server repeats ${again} after the client's ACK, ${goesOn}`;
  return {
    rule: 'unanswered-syn',
    severity:
      cause.name === 'accept-queue' && cause.confidence !== 'weak' ? 'warning' : data === undefined ? 'info' : 'notice',
    confidence: cause.confidence,
    title: `${symptom}; cause: ${causeText(cause, isLocal)}`,
    symptom,
    raised: repeated,
    since: synAt,
    lastAt: stall.touchedAt,
    ends,
    evidence: {
      cause: cause.name,
      syns,
      ...(delay === undefined ? {} : { delay: seconds(delay) }),
      syn_acks: synAcks,
      ...(cause.why.is === 'queue-had-ack' ? { heard: true } : {}),
      ...(isLocal ? { loopback: true } : {}),
      ...supposed,
    },
    packets: [
      { packet: repeated, note: "SYN-ACK again, after the client's ACK" },
      ...(data === undefined ? [] : [{ packet: data, note: 'data of the client' }]),
      ...(ending === undefined ? [] : [{ packet: ending, note: resumed ? 'the server goes on' : 'RST' }]),
    ],
  };
}

/**
 * The server's answer passes the capture point. Either the client does not receive it, or the client's answer to it
 * does not return.
 */
export function draftOfUnheard(unheard: UnheardSynAck, isLocal: boolean, supposed: SynWhatIf | undefined): Draft {
  const { syns, sentAt, synAck, synAcks, repeated, repeatedSynAcks, ending, completed, synAt, ends } = unheard;
  const schedule = timerOf(sentAt);
  const delay = completed ? ending!.at - synAt : undefined;
  const noAck = isWithoutAck(unheard);
  // If nothing ever came back, the client may also be gone.
  const isSure = noAck ? completed && unheard.firstTsval !== undefined : unheard.firstTsval !== undefined;
  const symptom = noAck ? noAckText(unheard, delay) : unheardText(unheard, delay);
  const [first = ending!] = noAck ? repeatedSynAcks : repeated;
  return {
    rule: 'unanswered-syn',
    severity: completed ? 'info' : syns >= MANY_SYNS ? 'warning' : 'notice',
    confidence: isSure || syns >= MANY_SYNS ? 'strong' : 'weak',
    title: `${symptom}; cause: ${unheardCauseText(unheard, noAck, isLocal)}`,
    symptom,
    raised: first,
    since: synAt,
    lastAt: unheard.touchedAt,
    ends,
    evidence: {
      cause: isLocal ? 'unknown' : 'path-loss',
      syns,
      ...(delay === undefined ? {} : { delay: seconds(delay) }),
      ...(schedule === undefined ? {} : { schedule }),
      ...(noAck ? { seen: 'no-ack' } : isLocal ? { seen: 'not-heard' } : {}),
      syn_acks: synAcks,
      ...(isLocal ? { loopback: true } : {}),
      ...supposed,
    },
    packets: [
      { packet: synAck, note: unheard.synAcksBefore === 1 ? 'SYN-ACK' : `SYN-ACK number ${unheard.synAcksBefore}` },
      ...(noAck ? repeatedSynAcks.map(packet => ({ packet, note: 'SYN-ACK again' })) : []),
      ...repeated.map(packet => ({ packet, note: 'SYN sent again all the same' })),
      ...(ending === undefined ? [] : [{ packet: ending, note: completed ? 'the client goes on' : 'RST' }]),
    ],
  };
}

/** The client does not repeat its SYN: it considers the handshake complete, or it is gone. */
function isWithoutAck({ repeated, completed, ending, firstTsval }: UnheardSynAck): boolean {
  if (repeated.length > 0) return false;
  return !completed || firstTsval === undefined || ending!.tsecr === firstTsval;
}

function noAckText(unheard: UnheardSynAck, delay: Nanos | undefined): string {
  const times = unheard.synAcks === 2 ? '' : ` ${unheard.synAcks - 1} times`;
  if (delay !== undefined)
    return `The server repeats its SYN-ACK${times}, and of the client data comes ${duration(delay)} after its SYN, and no ACK before`;
  return `The server repeats its SYN-ACK${times}, and nothing of the client ${isOver(unheard) ? 'comes back' : 'has come back so far'}`;
}

function unheardText(unheard: UnheardSynAck, delay: Nanos | undefined): string {
  const { syns, synAcks, repeated } = unheard;
  const later = delay === undefined ? '' : ` ${duration(delay)} after the first SYN`;
  if (repeated.length === 0)
    return `The client answers SYN-ACK number ${synAcks},${later}${later === '' ? '' : ','} and none before it`;
  const often = syns === 2 ? '' : ` ${syns - 1} times`;
  return `The client repeats its SYN${often} though the server has answered it, ${delay === undefined ? goesNotOn(unheard) : `and goes on${later}`}`;
}

const goesNotOn = (story: Story): string => (isOver(story) ? 'and never goes on' : 'and has not gone on so far');
