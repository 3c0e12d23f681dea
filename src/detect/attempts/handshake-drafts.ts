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
import { type Cause, causeText } from './syn-cause.ts';
import { MANY_SYNS, timerOf } from './syn-schedule.ts';
import { localWords } from './syn-words.ts';

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
  const where = isLocal
    ? localWords(false)
    : 'lost on the way, dropped by a firewall, or by the server for a full queue';
  const though = others ? TAKES_OTHERS : '';
  const symptom = `${LONE_SYN} for ${duration(watched)} and ${next}${though}`;
  return {
    rule: 'unanswered-syn',
    severity: 'notice',
    confidence: 'weak',
    title: `${symptom}; cause: unknown (${where})`,
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
    title: `${symptom}; cause: ${causeText(cause)}`,
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
      ...(cause.heard ? { heard: true } : {}),
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
  const onHost = noAck ? NO_ACK_ON_HOST : NOT_HEARD;
  const why = isLocal ? onHost : noAck ? lostAcks(completed) : lostOnTheWayBack(unheard);
  const [first = ending!] = noAck ? repeatedSynAcks : repeated;
  return {
    rule: 'unanswered-syn',
    severity: completed ? 'info' : syns >= MANY_SYNS ? 'warning' : 'notice',
    confidence: isSure || syns >= MANY_SYNS ? 'strong' : 'weak',
    title: `${symptom}; cause: ${why}`,
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

const lostAcks = (completed: boolean): string =>
  completed
    ? 'the SYN-ACKs, or what the client sent after its SYN, were lost or dropped between here and the client'
    : 'the SYN-ACKs, or the ACKs to them, are lost or dropped between here and the client, other connections of which come through, or the client is gone';

const NO_ACK_ON_HOST =
  'on one host there is no path to lose an ACK on: a local firewall, rp_filter, or ACKs that the capture missed';

function unheardText(unheard: UnheardSynAck, delay: Nanos | undefined): string {
  const { syns, synAcks, repeated } = unheard;
  const later = delay === undefined ? '' : ` ${duration(delay)} after the first SYN`;
  if (repeated.length === 0)
    return `The client answers SYN-ACK number ${synAcks},${later}${later === '' ? '' : ','} and none before it`;
  const often = syns === 2 ? '' : ` ${syns - 1} times`;
  return `The client repeats its SYN${often} though the server has answered it, ${delay === undefined ? goesNotOn(unheard) : `and goes on${later}`}`;
}

const goesNotOn = (story: Story): string => (isOver(story) ? 'and never goes on' : 'and has not gone on so far');

/** For a connection within one host. */
const NOT_HEARD =
  'the SYN-ACK was sent and did not come through to the client on the same host, where there is no path to lose it on: a ' +
  'local firewall, or rp_filter';

function lostOnTheWayBack({ synAcks, repeated, completed }: UnheardSynAck): string {
  if (repeated.length === 0) return 'SYN-ACKs, or the ACK to them, were lost between here and the client';
  const what = synAcks === 1 ? 'the SYN-ACK' : `${synAcks} SYN-ACKs`;
  return completed
    ? 'a SYN-ACK passed here and was lost on the way to the client'
    : `${what} passed here, and none came through to the client: lost, filtered, sent another way than it came, or refused by the client itself`;
}
