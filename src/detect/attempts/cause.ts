/**
 * The causes that unanswered-syn can name (docs/rules.md D2.3, F13). syn-cause.ts and stall-cause.ts decide which one it
 * is, cause-words.ts puts it into words.
 */
import type { Nanos } from '../../base/time.ts';
import type { Confidence } from '../finding.ts';
import type { Remembered } from '../recycle/remembered-tsval.ts';
import type { Waiting } from './accept-backlog.ts';
import type { Burden } from './syn-burdens.ts';
import type { UsedTuples } from './syn-patterns.ts';

export type CauseName = 'time-wait' | 'per-host-paws' | 'accept-queue' | 'path-loss' | 'one-way-capture' | 'unknown';

/** What packets show although none of the causes applies. */
export type Seen =
  | 'old-connection'
  | 'old-attempt'
  | 'refused'
  | 'foreign-ack'
  | 'foreign-syn-ack'
  | 'syn-not-captured'
  | 'held-back'
  | 'not-heard'
  | 'not-captured'
  | 'no-ack'
  | 'late-answer'
  | 'syn-cookie'
  | 'syn-differs'
  | 'syn-changed'
  | 'first-syn'
  | 'first-or-changed'
  | 'tuple-held';

/**
 * Which cause it is, with the facts that its sentence and the evidence need. `severalServers`, `oneClock`: see recycle-trial.ts.
 */
export type Why =
  | { is: 'answer-missing' }
  | { is: 'answer-elsewhere'; lacksOldAck: boolean }
  | { is: 'server-elsewhere' }
  | { is: 'foreign-syn-ack'; echoes: 'older-syn' | 'this-syn' | undefined }
  | { is: 'syn-not-captured' }
  | { is: 'older-attempt' }
  | { is: 'refused-at-last'; first: 'old-ack' | 'foreign-ack' }
  | { is: 'reset-not-received' }
  | { is: 'open-connection' }
  | { is: 'foreign-ack'; isTupleUsed: boolean; reaction: Reaction }
  | { is: 'old-ack'; by: OldAckSender; isMissing: boolean; reaction: Reaction; confidence: Confidence }
  | { is: 'late-answer' }
  | { is: 'per-host-paws'; severalServers: boolean; oneClock: boolean; remembered: Remembered | undefined }
  | { is: 'full-queue' }
  | { is: 'ack-limit'; sinceAck: Nanos }
  | { is: 'number-only' }
  | { is: 'silent-time-wait' }
  | { is: 'held-back' }
  | { is: 'syn-cookies' }
  | { is: 'one-lost' }
  | { is: 'waiting-connection'; waiting: Waiting }
  | { is: 'unknown'; othersAccepted: boolean; isServerSeen: boolean; guesses: readonly Guess[] }
  | { is: 'syn-differs'; differs: readonly string[] }
  | { is: 'syn-changed'; burdens: readonly Burden[]; times: number }
  | { is: 'first-or-changed'; burdens: readonly Burden[]; times: number }
  | { is: 'first-syn'; burdens: readonly Burden[] }
  | { is: 'tuple-held'; tuples: UsedTuples }
  | { is: 'syn-acks-missing' }
  | { is: 'client-silent' }
  | { is: 'ack-and-data-lost' }
  | { is: 'queue-or-losses' }
  | { is: 'queue-had-ack' }
  | { is: 'others-taken' }
  | { is: 'queue-or-path' };

/** What sent the old connection's ACK, as far as the capture shows. */
export type OldAckSender =
  | 'time-wait'
  | 'overdue-time-wait'
  | 'time-wait-without-fin'
  | 'time-wait-or-fin-wait2'
  | 'time-wait-or-open-after-rst'
  | 'time-wait-or-open';

/** What became of the client's answer to such an ACK: an RST that has no effect, or none at all. */
export type Reaction = 'rst-in-vain' | 'none' | undefined;

/** What an unknown cause may be as well: a signature that the server expects, an unusual option, tcp_tw_recycle. */
export type Guess = 'signature' | 'option' | 'recycle';

/** What else the cause may be, by its SYNs or by the earlier use of the tuple, though other attempts do not show it. */
export type Also = { is: 'burden'; burdens: readonly Burden[] } | { is: 'held-tuple'; age: Nanos };

/** How each is reported. */
const REPORTED: Readonly<Record<Why['is'], readonly [name: CauseName, confidence: Confidence, seen?: Seen]>> = {
  // The capture lacks the answer.
  'answer-missing': ['unknown', 'strong', 'not-captured'],
  'answer-elsewhere': ['one-way-capture', 'strong'],
  'server-elsewhere': ['one-way-capture', 'strong'],
  // Something answered that does not acknowledge the SYN.
  'foreign-syn-ack': ['unknown', 'strong', 'foreign-syn-ack'],
  'syn-not-captured': ['unknown', 'weak', 'syn-not-captured'],
  'older-attempt': ['unknown', 'strong', 'old-attempt'],
  'refused-at-last': ['unknown', 'strong', 'refused'],
  'reset-not-received': ['unknown', 'strong', 'old-connection'],
  'open-connection': ['unknown', 'strong', 'old-connection'],
  'foreign-ack': ['time-wait', 'weak', 'foreign-ack'],
  'old-ack': ['time-wait', 'weak'], // or more certain: `Why` says so
  // The first SYN was answered, late.
  'late-answer': ['unknown', 'strong', 'late-answer'],
  // All SYNs together may prove the rule (recycle-signature), but a single one may always have been lost.
  'per-host-paws': ['per-host-paws', 'strong'],
  // The server, or what it remembers of the tuple, was silent.
  'full-queue': ['accept-queue', 'strong'],
  'ack-limit': ['time-wait', 'strong'],
  'number-only': ['time-wait', 'weak'],
  'silent-time-wait': ['time-wait', 'weak'],
  'held-back': ['unknown', 'strong', 'held-back'],
  'syn-cookies': ['unknown', 'strong', 'syn-cookie'],
  'one-lost': ['path-loss', 'weak'],
  'waiting-connection': ['accept-queue', 'weak'],
  unknown: ['unknown', 'weak'],
  // What other attempts of the client show, with the same SYNs or others.
  'syn-differs': ['unknown', 'weak', 'syn-differs'],
  'syn-changed': ['unknown', 'strong', 'syn-changed'],
  'first-or-changed': ['unknown', 'strong', 'first-or-changed'],
  'first-syn': ['unknown', 'strong', 'first-syn'],
  'tuple-held': ['unknown', 'strong', 'tuple-held'],
  // The handshake is complete for the client only.
  'syn-acks-missing': ['unknown', 'weak'],
  'client-silent': ['unknown', 'weak'],
  'ack-and-data-lost': ['unknown', 'weak'],
  'queue-or-losses': ['accept-queue', 'weak'],
  'queue-had-ack': ['accept-queue', 'strong'],
  'others-taken': ['unknown', 'weak'],
  'queue-or-path': ['accept-queue', 'strong'],
};

export interface Cause {
  name: CauseName;
  confidence: Confidence;
  seen: Seen | undefined;
  why: Why;
  also: Also | undefined;
}

export function causeFor(why: Why): Cause {
  const [name, usual, seen] = REPORTED[why.is];
  return { name, confidence: why.is === 'old-ack' ? why.confidence : usual, seen, why, also: undefined };
}
