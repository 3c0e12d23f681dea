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
import { HeardHere } from './heard-here.ts';
import { wentOn } from './interim-tellings.ts';
import type { Story, StoryPlace } from './story.ts';
import { LEAST_SENT_AGAIN, Transmissions } from './transmissions.ts';

const { SideBit } = layout;

/** Linux doubles its timer up to 120 s (TCP_RTO_MAX): a longer silence of the sender ends the story. */
const SILENCE: Nanos = 130 * SECOND;
const LONGEST: Nanos = 300 * SECOND;
/** Keep-alive probes come so seldom that fewer of them than of other retransmissions are enough. */
const LEAST_PROBES_AGAIN = 2;
const LEAST_SPAN: Nanos = 3 * SECOND;
/** With so many retransmissions after the acknowledgement, the two did not just cross on the way. */
const LEAST_AGAIN_AFTER_ACK = 3;

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
  /** Bytes of the sender that had been acknowledged before. Undefined if that may not be all. */
  readonly ackedBefore: number | undefined;

  /** The sender: when and how it sends them, its next sequence number, and the RST with which it gives up. */
  readonly transmissions: Transmissions;
  private nxt: number;
  givenUp: Packet | undefined;
  readonly since: Nanos;

  /** The other end, on this connection and on others. */
  readonly here: HeardHere;
  readonly elsewhere = new HeardElsewhere();
  /** A packet of it came on another connection since the last transmission. */
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
    this.since = first.at;
    this.nxt = sender.nxt;
    this.here = new HeardHere(other, lastPacket(flow, !fromB));
    const isAcked = carries === 'data' && s32(endOf(first), other.acked) <= 0;
    this.state = isAcked ? 'acknowledged' : 'waiting';
    this.head = isAcked ? first.seq : other.acked;
    this.end = (sender.nxt - (sender.has(SideBit.FIN) ? 1 : 0)) | 0;
    this.ackedBefore = sender.has(SideBit.SYN | SideBit.SYN_ACK) ? s32(other.acked, sender.isn) - 1 : undefined;
    const before = lastPacket(flow, fromB);
    const original = before !== undefined && this.isAgain(before) ? before : undefined;
    this.transmissions = new Transmissions(original, first);
    if (isAcked) {
      this.here.answer = this.here.before;
      // Of each end only its last packet is known here. If these two are neighbours, nothing came between them.
      this.here.isFirstAnswer = this.here.before?.at === flow.last && original?.at === flow.last - flow.gap;
    }
    this.listener = listener;
    this.retransmitted(first);
  }

  /** The sender's next segment. */
  senderSent(packet: Packet): void {
    const { last, beforeAck } = this.transmissions;
    if (compareCaptured(packet, last) === 0 || isCopyOf(packet, last)) return;
    if (this.here.lacksWhatWasHeard(packet)) this.dismiss();
    else if (this.isAgain(packet)) {
      if (this.state === 'acknowledged' && !this.isSameAgain(packet)) this.state = 'recovered';
      else {
        this.retransmitted(packet);
        wentOn(this.place, packet.at);
      }
    } else if (s32(endOf(packet), this.nxt) > 0) {
      if (this.state === 'acknowledged') this.state = 'recovered';
      // A sender that waits for its first bytes sends no more: this one has had an answer that the capture lacks.
      else if (packet.length > 0 && beforeAck > 1) this.dismiss();
      this.nxt = endOf(packet);
    }
  }

  private retransmitted(packet: Packet): void {
    const isAcked = this.state !== 'waiting';
    this.transmissions.add(packet, this.head, this.end, isAcked);
    const due = isAcked ? Math.max(this.due, packet.at + untilNext(this.transmissions.wait)) : packet.at + SILENCE;
    this.due = Math.min(due, this.since + LONGEST);
    this.elsewhere.sentAgain();
    this.isWitnessed = false;
  }

  /** A segment of the other end, which advertises `window` bytes. */
  otherSent(packet: Packet, window: number): void {
    const { here, transmissions } = this;
    here.heard(packet);
    if (this.state !== 'waiting') return;
    if (isProbing(this.carries) || s32(packet.ack, this.head) > 0) {
      here.answer = packet;
      // After the answer to a probe nothing is left that could be retransmitted.
      this.state = isProbing(this.carries) ? 'recovered' : 'acknowledged';
      this.due = Math.min(this.due, packet.at + untilNext(packet.at - transmissions.last.at));
      wentOn(this.place, packet.at);
    } else if (window === 0 || transmissions.beforeAck < LEAST_SENT_AGAIN) {
      // A window of 0 explains the silence. And an end that is heard so early is not silent: a story may begin anew.
      this.dismiss();
    } else if (here.ignores(packet)) wentOn(this.place, packet.at);
  }

  /** A packet of the other end on another connection of the two hosts is worth looking for. */
  get seeksWitness(): boolean {
    return !this.isWitnessed && this.transmissions.beforeAck > 1;
  }

  /** A segment of the other end on another connection with `port` at the client. `isServers`: sent by the same server. */
  otherSentElsewhere(packet: Packet, port: number, isServers: boolean): void {
    this.isWitnessed = true;
    const { last, wait } = this.transmissions;
    // So long after the last transmission it says nothing about that.
    if (packet.at - last.at > untilNext(wait)) return;
    this.elsewhere.heard(packet, port, isServers, this.here.nxt, this.head);
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
    this.settledAt = Math.max(at, this.transmissions.last.at);
    this.listener(this);
  }

  /** There is something to report. */
  get isNews(): boolean {
    if (this.state === 'void') return false;
    if (this.class === 'answers-lost') return true;
    const least = isProbing(this.carries) ? LEAST_PROBES_AGAIN : LEAST_SENT_AGAIN;
    return this.transmissions.beforeAck >= least && this.transmissions.span >= LEAST_SPAN;
  }

  get class(): UnackedClass {
    const { answer, isIgnoring } = this.here;
    const { last, afterAck } = this.transmissions;
    if (answer === undefined) return isIgnoring ? 'not-acknowledged' : 'silent';
    if (this.state !== 'acknowledged' || afterAck < LEAST_AGAIN_AFTER_ACK) return 'recovered';
    return last.at - answer.at >= LEAST_SPAN ? 'answers-lost' : 'recovered';
  }

  /**
   * How many bytes are not acknowledged. A sender whose timer expires begins with the first of these (RFC 6298 §5.4): if all
   * that it sends again comes after `head`, the ACK of what lies between was not captured.
   */
  get bytes(): number {
    const { lowest } = this.transmissions;
    const isAfterHead = this.carries === 'data' && s32(lowest, this.head) > 0;
    return Math.max(0, s32(this.end, isAfterHead ? lowest : this.head));
  }

  /** For how long the other end had not been heard when the bytes were sent. Undefined if nothing of it is known before. */
  get idle(): Nanos | undefined {
    const { before, answer } = this.here;
    return before === undefined || answer === before ? undefined : this.transmissions.from - before.at;
  }

  /** The packet has some of the bytes, or is such a probe. */
  private isAgain(packet: Packet): boolean {
    if (isProbing(this.carries) && isProbe(packet, this.head)) return true;
    return isData(packet) && s32(packet.seq, this.nxt) < 0 && s32(endOf(packet), this.head) > 0;
  }

  /** It begins where the first retransmission did, and has nothing that is not acknowledged. */
  private isSameAgain(packet: Packet): boolean {
    return packet.seq === this.transmissions.first.seq && s32(endOf(packet), this.here.answer!.ack) <= 0;
  }
}

/** A timer that doubles, with some tolerance: by then it would have expired once more. */
const untilNext = (wait: Nanos): Nanos => 2.5 * wait + 3 * SECOND;

const isProbing = (carries: Carries): boolean => carries === 'keep-alive' || carries === 'window-probe';
