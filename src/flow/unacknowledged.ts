/**
 * What one end sends again and again, while nothing of the other end comes back on the connection (RFC 6298 §5), or
 * though its acknowledgement is in the capture: it was lost behind the capture point (docs/rules.md D8).
 */
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import { type Ends, endsOf } from './ends.ts';
import { wentOn } from './interim-tellings.ts';
import { layout } from './layout.ts';
import { lastPacket, type Packet, packetAt } from './packet.ts';
import type { Place, Story } from './story.ts';
import type { Tracker } from './tracker.ts';

const { SideBit } = layout;

/** Linux doubles its timer up to 120 s (TCP_RTO_MAX): a longer silence of the sender ends it. */
const SILENCE: Nanos = 130 * SECOND;
const LONGEST: Nanos = 300 * SECOND;
/** Fewer and shorter are what a lossy path does; keep-alive probes are sent so seldom that fewer tell. */
const LEAST_SENT_AGAIN = 3;
const LEAST_PROBES_AGAIN = 2;
const LEAST_SPAN: Nanos = 3 * SECOND;
/** Sent again so often after its acknowledgement had passed the capture point: no crossing on the way. */
const LEAST_AGAIN_AFTER_ACK = 3;
/** Packets of the other end that acknowledge no more than before. */
const LEAST_IGNORED = 2;
/** Times that are kept: more than tcp_retries2 allows. */
const KEPT_TIMES = 16;
/** Numbers of a connection that goes on from another port are those of the old one, or a little further. */
const MOVED = 1 << 16;

export type Carries = 'data' | 'fin' | 'keep-alive' | 'window-probe';
export type UnackedClass = 'silent' | 'recovered' | 'not-acknowledged' | 'answers-lost';

export class Unacknowledged implements Story {
  readonly kind = 'unacknowledged';
  number = 0;
  place: Place | undefined;
  due: Nanos;
  readonly since: Nanos;
  readonly ends: Ends;
  /** Ports of the flow, in the order of its hosts. */
  readonly ports: number;
  readonly fromB: boolean;
  readonly carries: Carries;
  /** What its sender had sent last before, where that is of the bytes in question: their first transmission, or the last of them. */
  readonly sent: Packet | undefined;
  /** The other end's last packet before it. */
  readonly heard: Packet | undefined;
  readonly first: Packet;
  last: Packet;
  /** The first number that is not acknowledged, and so many bytes from there. */
  readonly head: number;
  readonly bytes: number;
  /** No data of this end was ever acknowledged. */
  readonly isFirst: boolean;
  /** The other end has sent its FIN: it may have no socket any more, nor a NAT its entry. */
  readonly hasOtherClosed: boolean;
  sentAgain = 0;
  /** No single segment that was sent again has all of the bytes: one of several is sent at a time (RFC 6298 §5.4). */
  isInParts = false;
  /** When the bytes were sent, the first time included. */
  readonly sentAt: Nanos[];
  /** The other end acknowledges them; how often they are sent again after that. */
  answered: Packet | undefined;
  againAfterAck = 0;
  /** Its sender sends more: it has heard of the acknowledgement, which was late. */
  private hasGoneOn = false;
  /** It is heard on the connection, and acknowledges no more than before. */
  ignored: Packet | undefined;
  private ignoredTimes = 0;
  /** It is heard on other connections: first and how often, at most once for each time that the bytes were sent. */
  elsewhere: Packet | undefined;
  elsewherePort = 0;
  heardElsewhere = 0;
  /** A connection of the same client to the same port is taken meanwhile. */
  reconnected: Packet | undefined;
  reconnectedPort = 0;
  /** The other end goes on from another port: a NAT has given it a new one. */
  moved: Packet | undefined;
  movedPort = 0;
  /** Its sender gave up: RST. */
  givenUp: Packet | undefined;
  /** Nothing can be said: the capture lacks what its sender has heard, or another rule tells it. */
  isVoid = false;
  settledAt: Nanos = Number.NaN;
  /** Heard elsewhere since it was sent last: more need not be looked for. */
  isWitnessed = true;
  /** Between the last two times. */
  private wait: Nanos = 0;
  private nxt: number;
  /** As far as it is seen of the other end. */
  private otherNxt: number;
  private otherTsRecent: number | undefined;
  private readonly listener: (story: Unacknowledged) => void;

  constructor(t: Tracker, base: number, fromB: boolean, carries: Carries, listener: (story: Unacknowledged) => void) {
    const flow = t.flow.at(base);
    const sender = flow.side(fromB);
    const other = flow.side(!fromB);
    const first = packetAt(t.segment, fromB);
    this.ends = endsOf(flow);
    this.ports = flow.ports;
    this.fromB = fromB;
    this.carries = carries;
    this.first = first;
    this.since = first.at;
    this.head = other.acked;
    this.nxt = sender.nxt;
    this.otherNxt = other.nxt;
    const stamped = other.has(SideBit.TS_ON_SYN) || other.has(SideBit.TS_LATER);
    this.otherTsRecent = stamped ? other.tsRecent : undefined;
    this.heard = lastPacket(flow, !fromB);
    const acked = carries === 'data' && s32(endOf(first), other.acked) <= 0;
    if (acked) {
      this.answered = this.heard;
      this.head = first.seq;
    }
    const before = lastPacket(flow, fromB);
    this.sent = before !== undefined && this.isAgain(before) ? before : undefined;
    this.sentAt = this.sent === undefined ? [] : [this.sent.at];
    this.last = this.sent ?? first;
    this.due = acked ? first.at : first.at + SILENCE;
    this.bytes = Math.max(0, s32(sender.nxt, this.head) - (sender.has(SideBit.FIN) ? 1 : 0));
    this.hasOtherClosed = other.has(SideBit.FIN);
    this.isFirst =
      carries === 'data' && sender.has(SideBit.SYN | SideBit.SYN_ACK) && s32(other.acked, sender.isn) === 1;
    this.listener = listener;
  }

  tell(at: Nanos): void {
    this.settledAt = Math.max(at, this.last.at);
    this.listener(this);
  }

  get class(): UnackedClass {
    const { answered } = this;
    if (answered !== undefined) {
      const isLost = !this.hasGoneOn && this.last.at - answered.at >= LEAST_SPAN;
      return isLost && this.againAfterAck >= LEAST_AGAIN_AFTER_ACK ? 'answers-lost' : 'recovered';
    }
    // A single packet may have been sent before the data came: it does not take back the silence.
    return this.ignoredTimes < LEAST_IGNORED ? 'silent' : 'not-acknowledged';
  }

  /** When the bytes were sent first, as far as is known. */
  get from(): Nanos {
    return this.sent?.at ?? this.first.at;
  }

  /** For how long the other end had not been heard by then; undefined across a step of the clock. */
  get idle(): Nanos | undefined {
    return this.heard === undefined || this.answered === this.heard ? undefined : this.from - this.heard.at;
  }

  get isNews(): boolean {
    if (this.isVoid) return false;
    const probing = isProbing(this.carries);
    if (this.class === 'answers-lost') return true;
    return (
      this.sentAgain >= (probing ? LEAST_PROBES_AGAIN : LEAST_SENT_AGAIN) && this.last.at - this.from >= LEAST_SPAN
    );
  }

  /** The sender's next segment. True when there is nothing left to learn. */
  went(packet: Packet): boolean {
    const { answered } = this;
    if (packet.frame === this.last.frame && packet.capture === this.last.capture) return false;
    if (isCopy(packet, this.last)) return false;
    if (this.isUnseen(packet)) return this.dismiss();
    if (!this.isAgain(packet)) {
      if (s32(endOf(packet), this.nxt) <= 0) return false;
      // A sender that waits for its first bytes sends no more; this one has had an answer that the capture lacks.
      if (packet.length > 0 && answered === undefined && this.sentAgain > 1) return this.dismiss();
      this.nxt = endOf(packet);
      this.hasGoneOn = answered !== undefined;
      return this.hasGoneOn;
    }
    if (answered !== undefined && (s32(endOf(packet), answered.ack) > 0 || packet.seq !== this.first.seq)) {
      this.hasGoneOn = true;
      return true;
    }
    this.again(packet);
    wentOn(this.place, packet.at);
    return false;
  }

  again(packet: Packet): void {
    this.wait = packet.at - this.last.at;
    this.isInParts ||= s32(packet.seq, this.head) > 0 || s32(endOf(packet), this.head) < this.bytes;
    if (this.answered === undefined) {
      this.sentAgain++;
      this.due = packet.at + SILENCE;
    } else {
      this.againAfterAck++;
      this.due = Math.max(this.due, packet.at + untilNext(this.wait));
    }
    this.due = Math.min(this.due, this.since + LONGEST);
    if (this.sentAt.length < KEPT_TIMES) this.sentAt.push(packet.at);
    this.last = packet;
    this.isWitnessed = false;
  }

  /** A segment of the other end. True when there is nothing left to learn. */
  said(packet: Packet, window: number): boolean {
    if (s32(endOf(packet), this.otherNxt) > 0) this.otherNxt = endOf(packet);
    if (packet.tsval !== null && s32(packet.tsval, this.otherTsRecent ?? packet.tsval) >= 0)
      this.otherTsRecent = packet.tsval;
    if (this.answered !== undefined) return false;
    if (isProbing(this.carries) || s32(packet.ack, this.head) > 0) {
      this.answered = packet;
      this.due = Math.min(this.due, packet.at + untilNext(packet.at - this.last.at));
      wentOn(this.place, packet.at);
      return isProbing(this.carries);
    }
    // A window of 0 says why; and what is heard early begins it anew.
    if (window === 0 || this.sentAgain < LEAST_SENT_AGAIN) return this.dismiss();
    this.ignored ??= packet;
    if (++this.ignoredTimes <= LEAST_IGNORED) wentOn(this.place, packet.at);
    return false;
  }

  /** A segment of the other end on another connection, which has `port` at the client. */
  heardOn(packet: Packet, port: number, isServers: boolean): void {
    this.isWitnessed = true;
    // Much later it says nothing of then.
    if (packet.at - this.last.at > untilNext(this.wait)) return;
    this.heardElsewhere++;
    this.elsewhere ??= packet;
    if (this.elsewhere === packet) this.elsewherePort = port;
    const { SYN, ACK } = Flag;
    if (isServers && (packet.flags & (SYN | ACK)) === (SYN | ACK) && this.reconnected === undefined) {
      this.reconnected = packet;
      this.reconnectedPort = port;
    }
    if (this.moved !== undefined || isServers || (packet.flags & SYN) !== 0) return;
    if (!isNear(packet.seq, this.otherNxt) || !isNear(packet.ack, this.head)) return;
    this.moved = packet;
    this.movedPort = port;
  }

  reset(packet: Packet): void {
    // Of the end of unanswered keep-alives, too, the RST itself tells.
    if (packet.fromB !== this.fromB || this.carries === 'keep-alive') this.isVoid = true;
    this.givenUp = packet;
  }

  dismiss(): true {
    this.isVoid = true;
    return true;
  }

  /** Its sender acknowledges, or echoes, what the capture does not show of the other end. */
  private isUnseen({ ack, tsecr }: Packet): boolean {
    if (s32(ack, this.otherNxt) > 0) return true;
    return (
      this.otherTsRecent !== undefined &&
      tsecr !== null &&
      this.heard !== undefined &&
      s32(tsecr, this.otherTsRecent) > 0
    );
  }

  private isAgain(packet: Packet): boolean {
    if (isProbing(this.carries) && isProbe(packet, this.head)) return true;
    return isData(packet) && s32(packet.seq, this.nxt) < 0 && s32(endOf(packet), this.head) > 0;
  }
}

/** A timer that doubles, and something of its own: by then it would have run out once more. */
const untilNext = (wait: Nanos): Nanos => 2.5 * wait + 3 * SECOND;

export const endOf = ({ seq, length, flags }: Packet): number => (seq + length + (flags & Flag.FIN)) | 0;
export const isData = ({ length, flags }: Packet): boolean => length > 0 || (flags & Flag.FIN) !== 0;
const isProbing = (carries: Carries): boolean => carries === 'keep-alive' || carries === 'window-probe';
export const isProbe = ({ seq, length }: Packet, head: number): boolean => length <= 1 && s32(seq, head) === -1;
const isNear = (number: number, old: number): boolean => s32(number, old) >= -1 && s32(number, old) <= MOVED;

/** What is sent again has another TSval, as no timer is shorter than a tick: the same one was captured at another point. */
export const isCopy = ({ seq, length, tsval }: Packet, before: Packet): boolean =>
  tsval !== null && before.tsval === tsval && before.seq === seq && before.length === length;
