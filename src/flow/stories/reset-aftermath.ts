/** The story of what the sender of an RST did in the seconds after it. */
import { s32 } from '../../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../../base/time.ts';
import { Flag } from '../../wire/tcp.ts';
import type { ResetSeen } from '../events.ts';
import type { Side } from '../flow.ts';
import { layout } from '../layout.ts';
import { endOf, lastPacket, type Packet } from '../packet.ts';
import { wentOn } from './interim-tellings.ts';
import type { Story, StoryPlace } from './story.ts';

/** For so long after an RST, further packets of its sender show that the RST was not its own. */
const AFTERMATH: Nanos = 10 * SECOND;
/** The same for an RST that ends an attempt: these come in floods, and there is no connection that could go on. */
const AFTERMATH_OF_SYN: Nanos = 1 * SECOND;
/** Within this time, packets may arrive that were sent before the RST and overtaken by it. */
export const OVERTAKEN: Nanos = 20 * MILLISECOND;
/** Bounds of the window. Numbers beyond it belong to another connection, whose SYN was not captured. */
const LEAST_WINDOW = 1 << 16;
const MOST_WINDOW = 1 << 20;
/** RSTs with guessed sequence numbers all come within this time. */
const AT_ONCE: Nanos = 1 * SECOND;

export class Aftermath implements Story {
  readonly kind = 'aftermath';
  number = 0;
  place: StoryPlace | undefined;
  readonly since: Nanos;
  readonly due: Nanos;
  readonly rst: Packet;
  /** The first packet that the sender would not have sent if it had reset the connection itself. */
  continued: Packet | undefined;
  /** Number of further RSTs of the same sender and with the same TTL, but with other sequence numbers. */
  private stepped = 0;
  /** The numbers are guesses: there are more of them than reordering explains, or a second abort is further on. */
  isStepped = false;
  stands = false;
  private readonly listener: (aftermath: Aftermath) => void;
  /** The sender's next sequence number and its newest TSval after the RST. */
  private nxt: number;
  private tsRecent: number;
  /** The number after a FIN of the sender that had not been captured: that of the RST, or of a later one. */
  private finEnd: number | undefined;
  /** Its highest sequence number since. */
  private reached: number;
  /** TTL of the RST. RSTs with another TTL come from another device, and are not compared with it. */
  private readonly ttl: number;
  /** Where the other end's data ends, and the number of bytes that it has sent since the RST. */
  private otherEnd: number;
  moreBytes = 0;
  /** How far from there the other end's next segment may be. */
  private readonly otherWindow: number;
  /** The other end has acknowledged more than the RST's sequence number. */
  wasPassed: boolean;
  /**
   * The first packet that shows that the sender had sent more before the RST than was captured by then, perhaps its FIN: an ACK
   * of the other end, or another bare RST.
   */
  showsUnseen: Packet | undefined;
  /**
   * Where what was captured of the sender ends, with a FIN; if nothing was, the number of a bare RST, which the other end
   * had acknowledged.
   */
  private sentEnd: number | undefined;
  /** How far from `reached` the sender's next segment may be; undefined if the sender had no numbers before the RST. */
  private readonly window: number | undefined;

  constructor(event: ResetSeen, listener: (aftermath: Aftermath) => void) {
    const { class: kind, sender, receiver } = event;
    const rst = event.packet();
    const ofSyn = kind === 'refused' || kind === 'handshake-abort';
    this.rst = rst;
    this.ttl = event.segment.ttl;
    this.otherEnd = dataEnd(receiver);
    this.otherWindow = windowOf(sender);
    this.wasPassed = receiver.has(layout.SideBit.SPOKE) && s32(receiver.acked, rst.seq) > 0;
    this.since = rst.at;
    this.due = rst.at + (ofSyn ? AFTERMATH_OF_SYN : AFTERMATH);
    const spoke = sender.has(layout.SideBit.SPOKE);
    const end = spoke ? later(rst.seq, sender.nxt) : rst.seq;
    if (spoke || isBare(rst)) this.sentEnd = end;
    this.reached = end;
    if (spoke && !sender.has(layout.SideBit.FIN) && isBare(rst) && s32(rst.seq, sender.nxt) === 1)
      this.finEnd = rst.seq;
    // What the other end had acknowledged, and echoed, was sent before, be it captured or not.
    const { tsecr = null } = lastPacket(event.flow, !event.fromB) ?? {};
    this.nxt = receiver.has(layout.SideBit.SPOKE) && spoke ? later(receiver.acked, end) : end;
    // An RST,ACK of a host that had sent nothing has the number 0, or that of a SYN-ACK (RFC 9293 §3.10.7.1).
    if (spoke || (rst.flags & Flag.ACK) === 0) {
      this.window = windowOf(receiver);
    }
    const newest = later(rst.tsval ?? sender.tsRecent, sender.tsRecent);
    this.tsRecent = newest === 0 || tsecr === null || tsecr === 0 ? newest : later(tsecr, newest);
    this.listener = listener;
  }

  tell(): void {
    this.stands = true;
    this.listener(this);
  }

  /**
   * Whether another RST of the same connection shows that its sender has no socket still, and had closed: the other end
   * acknowledges one number more than was captured of it before, most likely its FIN. If the FIN was captured after the RST, it
   * was held back, or its first copy was not captured.
   */
  showsClose(fromB: boolean, packet: Packet): boolean {
    const { seq, at } = packet;
    if (fromB !== this.rst.fromB || !isBare(this.rst) || !isBare(packet) || this.sentEnd === undefined) return false;
    const { continued } = this;
    if (continued === undefined) {
      if (s32(seq, this.sentEnd) !== 1) return false;
      this.finEnd = seq;
    } else {
      const isFin = (continued.flags & Flag.FIN) !== 0 && continued.length === 0;
      if (!isFin || s32(seq, endOf(continued)) !== 0) return false;
      this.continued = undefined;
    }
    this.showsUnseen ??= packet;
    this.goOn(at);
    return true;
  }

  /** Another RST of the same connection, with a number that the answer of a host without the connection does not have. */
  resetAgain(fromB: boolean, packet: Packet, ttl: number, at: Nanos): void {
    const { seq, flags } = packet;
    if (fromB !== this.rst.fromB) return;
    if (this.showsSocket(packet)) {
      this.continued ??= packet;
      this.goOn(at);
    }
    if (seq === this.rst.seq || at - this.rst.at > AT_ONCE || ttl !== this.ttl) return;
    if (++this.stepped >= 2) this.isStepped = true;
    // A socket aborts only once, and a host without a socket answers with no later number than before.
    const isAbort = (flags & this.rst.flags & Flag.ACK) !== 0;
    if (isAbort && s32(seq, this.nxt) > 0 && s32(seq, this.nxt) <= MOST_WINDOW) this.isStepped = true;
    this.goOn(at);
  }

  /**
   * The sender aborts with timestamps, which only a socket does. So the bare RST before it was not the sender's own
   * (docs/rules.md B4).
   */
  private showsSocket(packet: Packet): boolean {
    if (!isBare(this.rst) || (packet.flags & Flag.ACK) === 0 || packet.tsval === null || this.tsRecent === 0)
      return false;
    const isLater = packet.at - this.rst.at >= OVERTAKEN && s32(packet.tsval, this.tsRecent) > 0;
    return isLater && this.isOfConnection(packet);
  }

  /** A data, FIN or SYN-ACK segment of the RST's sender. True when it shows that the RST was not its own. */
  sent(packet: Packet): boolean {
    if (!this.isOfConnection(packet)) return this.continued !== undefined;
    if (this.sentEnd !== undefined) this.sentEnd = later(endOf(packet), this.sentEnd);
    const late = packet.at - this.rst.at;
    // A segment without anything new may have been delayed on the way.
    if (this.continued === undefined && late >= OVERTAKEN && this.isNew(packet)) {
      this.continued = packet;
      this.goOn(packet.at);
    }
    return this.continued !== undefined;
  }

  /** A segment of the other end, sent before the RST reached it or in spite of it. */
  answered(packet: Packet): void {
    const { at, seq, ack, length, flags } = packet;
    const isNear = Math.abs(s32(seq, this.otherEnd)) <= this.otherWindow;
    const more = length > 0 && isNear ? s32(seq + length, this.otherEnd) : 0;
    const passes = !this.wasPassed && (flags & Flag.ACK) !== 0 && s32(ack, this.rst.seq) > 0;
    const beyond = this.sentEnd === undefined || (flags & Flag.ACK) === 0 ? 0 : s32(ack, this.sentEnd);
    const lacks = this.showsUnseen === undefined && isNear && beyond > 0 && beyond <= MOST_WINDOW;
    if (more <= 0 && !passes && !lacks) return;
    if (more > 0) {
      this.otherEnd += more;
      this.moreBytes += Math.min(more, length);
    }
    this.wasPassed ||= passes;
    if (lacks) {
      // If it is captured after that, it was held back, or its first copy was not captured.
      this.showsUnseen = packet;
      this.nxt = later(ack, this.nxt);
      if (packet.tsecr !== null && this.tsRecent !== 0) this.tsRecent = later(packet.tsecr, this.tsRecent);
    }
    this.goOn(at);
  }

  private goOn(at: Nanos): void {
    this.stands = false;
    wentOn(this.place, at);
  }

  /** The numbers continue those before. A SYN-ACK has numbers of its own. */
  private isOfConnection({ seq, length, flags }: Packet): boolean {
    if (this.window === undefined || (flags & Flag.SYN) !== 0) return true;
    if (Math.abs(s32(seq, this.reached)) > this.window) return false;
    this.reached = later(seq + length, this.reached);
    return true;
  }

  /** By its numbers, the packet was sent after the RST. */
  private isNew(packet: Packet): boolean {
    const { tsval, length } = packet;
    if (length === 0 && endOf(packet) >>> 0 === this.finEnd) return false;
    if (s32(endOf(packet), this.nxt) > 0) return true;
    return tsval !== null && this.tsRecent !== 0 && s32(tsval, this.tsRecent) > 0;
  }
}

const isBare = ({ flags }: Packet): boolean => (flags & Flag.ACK) === 0;

/** How far beyond the acknowledgement of `side` the other end may send. */
const windowOf = (side: Side): number => Math.min(Math.max(side.maxWindow, LEAST_WINDOW), MOST_WINDOW);

/** The sequence number after the data of `side`, without a FIN. */
export const dataEnd = (side: Side): number =>
  (side.nxt - (side.has(layout.SideBit.FIN) && side.finEnd === side.nxt ? 1 : 0)) | 0;

const later = (a: number, b: number): number => (s32(a, b) > 0 ? a : b);
