/**
 * A SYN on a tuple that was used before: what the old connection left behind, who holds it, and what the rules say
 * about the SYN (docs/rules.md D2.1, D2.2).
 */
import { s32 } from '../../base/serial.ts';
import { MILLISECOND, type Nanos } from '../../base/time.ts';
import type { Opened } from '../../flow/events.ts';
import type { Flow, Side } from '../../flow/flow.ts';
import { CAPTURE_DISORDER } from '../../flow/late-syn.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket, type Packet } from '../../flow/packet.ts';
import {
  continuesTimeWait,
  endedByReset,
  endedBySyn,
  GRACE,
  holdsTimeWait,
  lacksPackets,
  notCaptured,
  rfc6191,
  type SynFields,
  synVerdict,
  type Verdict,
} from '../../flow/time-wait.ts';
import { Flag } from '../../wire/tcp.ts';
import { type SenderClock, senderClock } from '../resets/sender-clock.ts';
import { halfClosedVerdict, type TwReuse, twReuse } from './kernel-rules.ts';

const { Phase, SideBit } = layout;

type ReuseClass =
  | 'in-time-wait'
  | 'grace'
  | 'after-time-wait'
  | 'closed'
  | 'half-closed'
  | 'after-rst'
  | 'open'
  | 'unknown-close'
  | 'syn-sent';

export interface Reuse {
  class: ReuseClass;
  age: Nanos;
  /** Which end of the new connection holds the old TIME_WAIT. */
  owner: 'client' | 'server' | 'both' | 'none';
  verdict?: Verdict | 'CHALLENGE_ACK' | 'FINWAIT2_RST' | undefined;
  rfc6191?: 'honor' | 'drop' | undefined;
  clientIsn?: 'tw-reuse' | 'other' | undefined;
  twReuse?: TwReuse | 'no-timestamps' | undefined;
  /**
   * Time since the sender entered its TIME_WAIT, if the timer was restarted later: this is what tcp_tw_reuse counts
   * from.
   */
  sinceEntry?: Nanos | undefined;
  /** Time since the close, if the timer of the TIME_WAIT that matters was restarted later: `age` counts from then. */
  sinceClose?: Nanos | undefined;
  /** Time since the receiver's TIME_WAIT last answered a segment that it rejected, which restarted its timer. */
  sinceAck?: Nanos | undefined;
  /**
   * For class `after-time-wait`: the clock of the server that has it, and the time that had passed by that clock, if it is
   * much less than `age`.
   */
  clock?: SenderClock | undefined;
  passed?: Nanos | undefined;
  /** For class `closed`: an RST should have ended the receiver's TIME_WAIT, which without it would still last. */
  afterReset?: boolean | undefined;
  wouldLast?: boolean | undefined;
  /** For class `closed`: what ended the TIME_WAIT of either end, if there was one. */
  endedBy?: 'rst' | 'syn' | undefined;
  /** Nothing in the capture shows that the receiver of the new SYN had closed. */
  receiverOpen?: boolean | undefined;
  /** One FIN was captured. The other one, if the capture lacks it, has this sequence number. */
  missingFin?: MissingFin | undefined;
  /** The capture lacks a FIN: a number shows that it was sent, or a single byte instead. */
  lacksFin?: true | undefined;
  /** For class `syn-sent`: up to where the sender of the new SYN had sent, as far as the capture shows. */
  sentUpTo?: number | undefined;
  /** The old connection's last ACK, if it may be the answer to the SYN and was only recorded before it. */
  early?: EarlyAnswer | undefined;
  /** It is, most likely: the capture lacks the answer, and the client's RST has its number. It came by this much before. */
  answeredBefore?: Nanos | undefined;
}

interface EarlyAnswer {
  ack: number;
  lead: Nanos;
  /** Time since the sender of the SYN was last heard. */
  age: Nanos;
}

/** Linux delays no ACK for longer (TCP_DELACK_MAX). A later one answers nothing that the capture shows. */
const DELAYED_ACK: Nanos = 200 * MILLISECOND;

interface MissingFin {
  ofSender: boolean;
  seq: number;
  /** Up to where the sender of the new SYN had sent. */
  sentUpTo: number;
}

/** A SYN, the record of the old connection that it meets, and that connection's ends as those of the new one. */
interface Meeting {
  old: Flow;
  sender: Side;
  receiver: Side;
  syn: SynFields;
  at: Nanos;
  /** How long TIME_WAIT lasts. */
  length: Nanos;
}

/** Undefined if the old connection is too long ago to matter: 2 MSL after an end that left no TIME_WAIT. */
export function reuseOf(event: Opened, old: Flow, length: Nanos): Reuse | undefined {
  const { segment, clientIsB } = event;
  const at = segment.at;
  const syn = { seq: segment.seq, timestamps: segment.timestamps, tsval: segment.tsval };
  const sender = old.side(clientIsB);
  const receiver = old.side(!clientIsB);
  const reuse = relation({ old, sender, receiver, syn, at, length });
  const leavesNothing = reuse.class === 'closed' || reuse.class === 'after-rst' || reuse.class === 'unknown-close';
  if (leavesNothing && reuse.age >= length + GRACE) return undefined;
  const early = earlyAnswer(lastPacket(old, !clientIsB), sender, at);
  // The age of a TIME_WAIT, or of a reset, does not count from that ACK.
  if (early !== undefined) reuse.early = reuse.age === at - old.last ? early : { ...early, age: reuse.age };
  return reuse;
}

/** An ACK that nothing asked for, just before the SYN: one direction may have been stamped late (docs/rules.md D0.6). */
function earlyAnswer(last: Packet | undefined, sender: Side, at: Nanos): EarlyAnswer | undefined {
  if (last?.flags !== Flag.ACK || last.length > 0) return undefined;
  const lead = at - last.at;
  if (lead > CAPTURE_DISORDER || !(last.at - sender.sentAt > DELAYED_ACK)) return undefined;
  return { ack: last.ack, lead, age: at - sender.sentAt };
}

function relation(meeting: Meeting): Reuse {
  const { old, sender, receiver, syn, at, length } = meeting;
  const age = at - old.last;
  const atServer = holdsTimeWait(receiver);
  const atClient = holdsTimeWait(sender);
  if (!atClient && continuesTimeWait(syn.seq, sender, receiver)) return takenOver(old, age, length);
  if (old.phase === Phase.RESET) {
    return { class: 'after-rst', age: at - old.resetAt, owner: 'none', receiverOpen: showsNoClose(sender, receiver) };
  }
  if (old.phase === Phase.SYN_RCVD) return { class: 'syn-sent', age, owner: 'none', sentUpTo: sender.nxt };
  if (!sender.has(SideBit.SPOKE) || !receiver.has(SideBit.SPOKE)) return { class: 'unknown-close', age, owner: 'none' };
  if (atServer || atClient) return inTimeWait(meeting);
  if (old.phase === Phase.CLOSED) {
    const afterReset = endedByReset(receiver);
    const bySyn = endedBySyn(sender) || endedBySyn(receiver);
    const endedBy = afterReset || endedByReset(sender) ? 'rst' : bySyn ? 'syn' : undefined;
    const wouldLast = afterReset && at < receiver.timerStart + length;
    return { class: 'closed', age, owner: 'none', afterReset, wouldLast, endedBy };
  }
  const missingFin = missingFinOf(sender, receiver);
  if (lacksPackets(sender, receiver) || lacksPackets(receiver, sender)) {
    const lacksFin = missingFin !== undefined && isCovered(missingFin, sender, receiver) ? true : undefined;
    return { class: 'unknown-close', age, owner: 'none', missingFin, lacksFin };
  }
  // The capture has joined after the other FIN, perhaps.
  if (missingFin !== undefined && mayHaveClosedBefore(missingFin.ofSender ? sender : receiver)) {
    return { class: 'unknown-close', age, owner: 'none', missingFin };
  }
  const receiverOpen = !receiver.has(SideBit.FIN);
  if (receiverOpen && !sender.has(SideBit.FIN)) {
    return { class: 'open', age, owner: 'none', verdict: 'CHALLENGE_ACK', receiverOpen };
  }
  const verdict = halfClosedVerdict(old, sender, receiver, syn);
  return { class: 'half-closed', age, owner: 'none', verdict, receiverOpen, missingFin };
}

/** Nothing in the capture shows, or suggests, that an end of the old connection had closed. */
const showsNoClose = (sender: Side, receiver: Side): boolean =>
  !sender.has(SideBit.FIN) &&
  !receiver.has(SideBit.FIN) &&
  !lacksPackets(sender, receiver) &&
  !lacksPackets(receiver, sender);

/** The capture lacks the beginning of the connection, and since then the side has sent nothing but ACKs. */
const mayHaveClosedBefore = (side: Side): boolean => !side.has(SideBit.SYN | SideBit.SYN_ACK) && side.bytes === 0;

/** Whether a captured packet has the number after the missing FIN: of its sender itself, or an acknowledgment. */
function isCovered({ ofSender, seq }: MissingFin, sender: Side, receiver: Side): boolean {
  const [side, peer] = ofSender ? [sender, receiver] : [receiver, sender];
  return s32(side.nxt, seq) === 1 || s32(peer.acked, seq) === 1;
}

/** Undefined if both FINs were captured, or none. */
function missingFinOf(sender: Side, receiver: Side): MissingFin | undefined {
  const ofSender = receiver.has(SideBit.FIN);
  if (ofSender === sender.has(SideBit.FIN)) return undefined;
  const side = ofSender ? sender : receiver;
  // It may have sent more since.
  return { ofSender, seq: notCaptured(side) === 1 ? (side.nxt - 1) | 0 : side.nxt, sentUpTo: sender.nxt };
}

/** The SYN's number shows that its sender had a TIME_WAIT, although the capture does not show how that began. */
function takenOver(old: Flow, age: Nanos, length: Nanos): Reuse {
  const reuse: Reuse = { class: age < length ? 'in-time-wait' : 'grace', age, owner: 'client', clientIsn: 'tw-reuse' };
  if (old.timestampsOn === true) reuse.twReuse = { '<=4.18': 'phase', '4.19': 'phase', '6.14': 'phase' };
  if (old.timestampsOn === false) reuse.twReuse = 'no-timestamps';
  return reuse;
}

function inTimeWait({ old, sender, receiver, syn, at, length }: Meeting): Reuse {
  const atServer = holdsTimeWait(receiver);
  const owner = atServer ? (holdsTimeWait(sender) ? 'both' : 'server') : 'client';
  const side = atServer ? receiver : sender;
  const age = at - side.timerStart;
  const closed = closedAt(old, side);
  const sinceClose = closed < side.timerStart ? at - closed : undefined;
  if (age >= length + GRACE) {
    const clock = atServer ? senderClock(old, receiver) : undefined;
    return { class: 'after-time-wait', age, owner, clock, sinceClose };
  }
  const reuse: Reuse = { class: age < length ? 'in-time-wait' : 'grace', age, owner, sinceClose };
  if (atServer) {
    reuse.verdict = synVerdict(old, sender, syn);
    if (receiver.timerStart > receiver.entered) reuse.sinceAck = age;
    reuse.rfc6191 = rfc6191(old, sender, syn);
  }
  const takesOver = continuesTimeWait(syn.seq, sender, receiver);
  // After a simultaneous close only a number that continues the old one says something about the sender's TIME_WAIT.
  if (!atServer || (owner === 'both' && takesOver)) {
    reuse.clientIsn = takesOver ? 'tw-reuse' : 'other';
    if (!atServer && sender.timerStart > sender.entered) reuse.sinceEntry = at - sender.entered;
    if (old.timestampsOn === true) reuse.twReuse = twReuse(sender, receiver, at);
    if (old.timestampsOn === false) reuse.twReuse = 'no-timestamps';
  }
  return reuse;
}

/** After an RST that did not end the TIME_WAIT, `entered` is the time of the RST (flow/tracker.ts). */
const closedAt = (old: Flow, owner: Side): Nanos =>
  owner.has(SideBit.TIME_WAIT_OUTLIVES_RST) ? Math.min(owner.entered, old.last) : owner.entered;
