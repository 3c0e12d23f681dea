/**
 * The findings of unanswered-syn about a lone SYN, and about handshakes that only one end considers complete
 * (docs/rules.md D2.3, F13).
 */
import { type Nanos, seconds } from '../../base/time.ts';
import type { Ends } from '../../flow/ends.ts';
import type { Packet } from '../../flow/packet.ts';
import type { Stall } from '../../flow/stories/handshake-stall.ts';
import type { UnheardSynAck } from '../../flow/stories/unheard-syn-ack.ts';
import type { Draft } from '../detector.ts';
import type { LaterWhatIf, SynWhatIf } from '../what-if/what-if.ts';
import type { Scene } from './attempt-draft.ts';
import type { Cause } from './cause.ts';
import { causeText, loneCauseText, unheardCauseText } from './cause-words.ts';
import { noAckText, symptomOfLone, symptomOfStall, unheardText } from './symptom-words.ts';
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

export function draftOfLone(lone: LoneSyn, { isLocal, supposed }: Scene<SynWhatIf>): Draft {
  const { syn, ends, watched } = lone;
  const symptom = symptomOfLone(lone);
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

/** The server keeps repeating its SYN-ACK after the client's ACK. `syns`: number of SYNs that the client had sent. */
export function draftOfStall(
  stall: Stall,
  syns: number,
  cause: Cause,
  { isLocal, supposed }: Scene<LaterWhatIf>,
): Draft {
  const { repeated, ends, ending, resumed, data, synAcks, synAt } = stall;
  const delay = resumed && ending !== undefined && Number.isFinite(synAt) ? ending.at - synAt : undefined;
  const symptom = symptomOfStall(stall, delay);
  return {
    rule: 'unanswered-syn',
    severity: isFullQueue(cause) ? 'warning' : data === undefined ? 'info' : 'notice',
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

/** The accept queue was full, and nothing speaks against it. */
export const isFullQueue = ({ name, confidence }: Cause): boolean => name === 'accept-queue' && confidence !== 'weak';

/**
 * The server's answer passes the capture point. Either the client does not receive it, or the client's answer to it
 * does not return.
 */
export function draftOfUnheard(unheard: UnheardSynAck, { isLocal, supposed }: Scene<SynWhatIf>): Draft {
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
