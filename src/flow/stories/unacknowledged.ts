/**
 * The story of data that one end retransmits (RFC 6298 §5) while the other end does not acknowledge it, or although the
 * capture has an acknowledgement, which was lost behind the capture point (docs/rules.md D8).
 */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import { type Ends, endsOf } from '../ends.ts';
import { layout } from '../layout.ts';
import { compareCaptured, endOf, isCopyOf, isData, isProbe, lastPacket, type Packet, packetAt } from '../packet.ts';
import type { Tracker } from '../tracker.ts';
import { HeardElsewhere } from './heard-elsewhere.ts';
import { wentOn } from './interim-tellings.ts';
import type { Story, StoryPlace } from './story.ts';

const { SideBit } = layout;

/** Linux doubles its timer up to 120 s (TCP_RTO_MAX): a longer silence of the sender ends the story. */
const SILENCE: Nanos = 130 * SECOND;
const LONGEST: Nanos = 300 * SECOND;
/** A lossy path causes fewer and shorter retransmissions. Keep-alive probes come so seldom that fewer are enough. */
export const LEAST_SENT_AGAIN = 3;
const LEAST_PROBES_AGAIN = 2;
const LEAST_SPAN: Nanos = 3 * SECOND;
/** With so many retransmissions after the acknowledgement, the two did not just cross on the way. */
const LEAST_AGAIN_AFTER_ACK = 3;
/** A single packet may have been sent before the data arrived: it does not prove that the other end is heard. */
const LEAST_IGNORED = 2;
/** Times that are kept: more than tcp_retries2 allows. */
const KEPT_TIMES = 16;

export type Carries = 'data' | 'fin' | 'keep-alive' | 'window-probe';
export type UnackedClass = 'silent' | 'recovered' | 'not-acknowledged' | 'answers-lost';

/**
 * - `waiting`: nothing has acknowledged the bytes.
 * - `acknowledged`: the capture has an acknowledgement; whether the sender got it is open.
 * - `recovered`: the sender goes on, so it has got the acknowledgement, if late.
 * - `void`: nothing can be said: the capture lacks what the sender has heard, or another rule reports it.
 */
type State = 'waiting' | 'acknowledged' | 'recovered' | 'void';

export class Unacknowledged implements Story {
  readonly kind: 'unackedOfA' | 'unackedOfB';
  number = 0;
  place: StoryPlace | undefined;
  due: Nanos = Number.NEGATIVE_INFINITY;
  settledAt: Nanos = Number.NaN;
  private state: State;

  /** The connection: its ends, its ports in the order of its hosts, and which end retransmits. */
  readonly ends: Ends;
  readonly ports: number;
  readonly fromB: boolean;

  /** What is retransmitted: from `head` on, the first number that is not acknowledged, to `end`. */
  readonly carries: Carries;
  readonly head: number;
  private readonly end: number;
  /** The lowest number that is retransmitted. */
  private lowest: number;
  /** Bytes of the sender that had been acknowledged before. Undefined if that may not be all. */
  readonly ackedBefore: number | undefined;
  /** Length of the shortest retransmission that begins at `head`, or 0. */
  shortest = 0;
  /** The same before the last of these, if that was the first one so short, and three at least were longer; or 0. */
  shortestBefore = 0;
  /** The other end has sent its FIN: it may have no socket any more, and a NAT on the path may have dropped its entry. */
  readonly hasOtherClosed: boolean;

  /** The sender's packet before the first retransmission, if it has some of the bytes: usually the first transmission. */
  readonly sent: Packet | undefined;
  /** The first retransmission, and the last so far. */
  readonly first: Packet;
  readonly since: Nanos;
  last: Packet;
  /** Retransmissions before and after the acknowledgement. */
  sentAgain = 0;
  againAfterAck = 0;
  /** Not every retransmission had all of the bytes: of several segments one at a time is sent (RFC 6298 §5.4). */
  isInParts = false;
  /** When the bytes were sent, including the first transmission if it is known. */
  readonly sentAt: Nanos[];
  /** From the last transmission but one to the last. */
  private wait: Nanos = 0;
  /** The sender's next sequence number. */
  private nxt: number;
  /** The sender gave up: its RST. */
  givenUp: Packet | undefined;

  /** The other end on this connection: its last packet before `first`, its acknowledgement of the bytes, if their first. */
  readonly heard: Packet | undefined;
  answered: Packet | undefined;
  isFirstAnswer = true;
  /** Its first packet that acknowledges no more than before, and the number of such packets. */
  ignored: Packet | undefined;
  private ignoredTimes = 0;
  /** Its next sequence number and its newest TSval, as far as the capture shows. */
  private otherNxt: number;
  private otherTsRecent: number | undefined;

  /** The other end on other connections. */
  readonly elsewhere = new HeardElsewhere();
  /** A packet of it came there since the last transmission. */
  private isWitnessed = false;

  private readonly listener: (story: Unacknowledged) => void;

  /** The segment at hand is the first retransmission. The flow is as it was before that. */
  constructor(t: Tracker, base: number, fromB: boolean, carries: Carries, listener: (story: Unacknowledged) => void) {
    const flow = t.flow.at(base);
    const sender = flow.side(fromB);
    const other = flow.side(!fromB);
    const first = packetAt(t.segment, fromB);
    this.kind = fromB ? 'unackedOfB' : 'unackedOfA';
    this.ends = endsOf(flow);
    this.ports = flow.ports;
    this.fromB = fromB;
    this.carries = carries;
    this.first = first;
    this.since = first.at;
    this.nxt = sender.nxt;
    this.otherNxt = other.nxt;
    this.otherTsRecent = other.has(SideBit.TS_ON_SYN | SideBit.TS_LATER) ? other.tsRecent : undefined;
    this.heard = lastPacket(flow, !fromB);
    const isAcked = carries === 'data' && s32(endOf(first), other.acked) <= 0;
    this.state = isAcked ? 'acknowledged' : 'waiting';
    this.answered = isAcked ? this.heard : undefined;
    this.head = isAcked ? first.seq : other.acked;
    this.end = (sender.nxt - (sender.has(SideBit.FIN) ? 1 : 0)) | 0;
    this.lowest = first.seq;
    this.hasOtherClosed = other.has(SideBit.FIN);
    this.ackedBefore = sender.has(SideBit.SYN | SideBit.SYN_ACK) ? s32(other.acked, sender.isn) - 1 : undefined;
    const before = lastPacket(flow, fromB);
    this.sent = before !== undefined && this.isAgain(before) ? before : undefined;
    this.sentAt = this.sent === undefined ? [] : [this.sent.at];
    // Of each end only its last packet is known here. If these two are neighbours, nothing came between them.
    if (isAcked) this.isFirstAnswer = this.heard?.at === flow.last && this.sent?.at === flow.last - flow.gap;
    this.last = this.sent ?? first;
    this.listener = listener;
    this.retransmitted(first);
  }

  /** The sender's next segment. */
  senderSent(packet: Packet): void {
    if (compareCaptured(packet, this.last) === 0 || isCopyOf(packet, this.last)) return;
    if (this.showsGap(packet)) this.dismiss();
    else if (this.isAgain(packet)) {
      if (this.state === 'acknowledged' && !this.isSameAgain(packet)) this.state = 'recovered';
      else {
        this.retransmitted(packet);
        wentOn(this.place, packet.at);
      }
    } else if (s32(endOf(packet), this.nxt) > 0) {
      if (this.state === 'acknowledged') this.state = 'recovered';
      // A sender that waits for its first bytes sends no more: this one has had an answer that the capture lacks.
      else if (packet.length > 0 && this.sentAgain > 1) this.dismiss();
      this.nxt = endOf(packet);
    }
  }

  private retransmitted(packet: Packet): void {
    this.wait = packet.at - this.last.at;
    if (s32(packet.seq, this.lowest) < 0) this.lowest = packet.seq;
    this.isInParts ||= packet.seq !== this.first.seq || s32(endOf(packet), this.end) < 0;
    if (this.state === 'waiting') {
      if (s32(packet.seq, this.head) === 0) this.noteLength(packet.length);
      this.sentAgain++;
      this.due = packet.at + SILENCE;
    } else {
      this.againAfterAck++;
      this.due = Math.max(this.due, packet.at + untilNext(this.wait));
    }
    this.due = Math.min(this.due, this.since + LONGEST);
    if (this.sentAt.length < KEPT_TIMES) this.sentAt.push(packet.at);
    this.last = packet;
    this.elsewhere.sentAgain();
    this.isWitnessed = false;
  }

  private noteLength(length: number): void {
    const isShorter = length < this.shortest && this.sentAgain >= LEAST_SENT_AGAIN;
    this.shortestBefore = isShorter ? this.shortest : 0;
    this.shortest = Math.min(this.shortest || length, length);
  }

  /** A segment of the other end, which advertises `window` bytes. */
  otherSent(packet: Packet, window: number): void {
    const { tsval } = packet;
    if (s32(endOf(packet), this.otherNxt) > 0) this.otherNxt = endOf(packet);
    if (tsval !== null && s32(tsval, this.otherTsRecent ?? tsval) >= 0) this.otherTsRecent = tsval;
    if (this.state !== 'waiting') return;
    if (isProbing(this.carries) || s32(packet.ack, this.head) > 0) {
      this.answered = packet;
      // After the answer to a probe nothing is left that could be retransmitted.
      this.state = isProbing(this.carries) ? 'recovered' : 'acknowledged';
      this.due = Math.min(this.due, packet.at + untilNext(packet.at - this.last.at));
      wentOn(this.place, packet.at);
    } else if (window === 0 || this.sentAgain < LEAST_SENT_AGAIN) {
      // A window of 0 explains the silence. And an end that is heard so early is not silent: a story may begin anew.
      this.dismiss();
    } else {
      this.ignored ??= packet;
      if (++this.ignoredTimes <= LEAST_IGNORED) wentOn(this.place, packet.at);
    }
  }

  /** A packet of the other end on another connection of the two hosts is worth looking for. */
  get seeksWitness(): boolean {
    return !this.isWitnessed && this.sentAgain > 1;
  }

  /** A segment of the other end on another connection with `port` at the client. `isServers`: sent by the same server. */
  otherSentElsewhere(packet: Packet, port: number, isServers: boolean): void {
    this.isWitnessed = true;
    // So long after the last transmission it says nothing about that.
    if (packet.at - this.last.at > untilNext(this.wait)) return;
    this.elsewhere.heard(packet, port, isServers, this.otherNxt, this.head);
  }

  /** An RST has ended the connection. */
  reset(packet: Packet): void {
    // The rule for RSTs reports one of the other end, and one that ends unanswered keep-alives.
    if (packet.fromB !== this.fromB || this.carries === 'keep-alive') this.dismiss();
    this.givenUp = packet;
  }

  dismiss(): void {
    this.state = 'void';
  }

  /** There is nothing left to learn. */
  get isDecided(): boolean {
    return this.state === 'recovered' || this.state === 'void';
  }

  tell(at: Nanos): void {
    this.settledAt = Math.max(at, this.last.at);
    this.listener(this);
  }

  /** There is something to report. */
  get isNews(): boolean {
    if (this.state === 'void') return false;
    if (this.class === 'answers-lost') return true;
    const least = isProbing(this.carries) ? LEAST_PROBES_AGAIN : LEAST_SENT_AGAIN;
    return this.sentAgain >= least && this.last.at - this.from >= LEAST_SPAN;
  }

  get class(): UnackedClass {
    const { answered } = this;
    if (answered === undefined) return this.ignoredTimes < LEAST_IGNORED ? 'silent' : 'not-acknowledged';
    if (this.state !== 'acknowledged' || this.againAfterAck < LEAST_AGAIN_AFTER_ACK) return 'recovered';
    return this.last.at - answered.at >= LEAST_SPAN ? 'answers-lost' : 'recovered';
  }

  /**
   * How many bytes are not acknowledged. A sender whose timer expires begins with the first of these (RFC 6298 §5.4): if all
   * that it sends again comes after `head`, the ACK of what lies between was not captured.
   */
  get bytes(): number {
    const isAfterHead = this.carries === 'data' && s32(this.lowest, this.head) > 0;
    return Math.max(0, s32(this.end, isAfterHead ? this.lowest : this.head));
  }

  /** When the bytes were sent first, as far as is known. */
  get from(): Nanos {
    return this.sent?.at ?? this.first.at;
  }

  /** For how long the other end had not been heard by then. Undefined if nothing of it is known before that. */
  get idle(): Nanos | undefined {
    return this.heard === undefined || this.answered === this.heard ? undefined : this.from - this.heard.at;
  }

  /** The packet has some of the bytes, or is such a probe. */
  private isAgain(packet: Packet): boolean {
    if (isProbing(this.carries) && isProbe(packet, this.head)) return true;
    return isData(packet) && s32(packet.seq, this.nxt) < 0 && s32(endOf(packet), this.head) > 0;
  }

  /** It begins where the first retransmission did, and has nothing that is not acknowledged. */
  private isSameAgain(packet: Packet): boolean {
    return packet.seq === this.first.seq && s32(endOf(packet), this.answered!.ack) <= 0;
  }

  /** The sender acknowledges or echoes what the capture does not have of the other end. */
  private showsGap({ ack, tsecr }: Packet): boolean {
    if (s32(ack, this.otherNxt) > 0) return true;
    const { otherTsRecent } = this;
    return otherTsRecent !== undefined && tsecr !== null && this.heard !== undefined && s32(tsecr, otherTsRecent) > 0;
  }
}

/** A timer that doubles, with some tolerance: by then it would have expired once more. */
const untilNext = (wait: Nanos): Nanos => 2.5 * wait + 3 * SECOND;

const isProbing = (carries: Carries): boolean => carries === 'keep-alive' || carries === 'window-probe';
