/** What an RST's sender did in the seconds after it. */
import { s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import type { Side } from './flow.ts';
import { wentOn } from './interim-tellings.ts';
import { layout } from './layout.ts';
import type { Packet } from './packet.ts';
import type { Story, StoryPlace } from './story.ts';

/** How long after an RST its sender's further packets tell that the RST was not its own. */
const AFTERMATH: Nanos = 10 * SECOND;
/** The same for an attempt that an RST ends: there are floods of them, and no connection that could go on. */
const AFTERMATH_OF_SYN: Nanos = 1 * SECOND;
/** Packets that were on their way may arrive after the RST that overtook them. */
export const OVERTAKEN: Nanos = 20 * MILLISECOND;
/** Numbers further on than the window, which is between these, are another connection's, of whose SYN nothing was captured. */
const LEAST_WINDOW = 1 << 16;
const MOST_WINDOW = 1 << 20;
/** Whoever guesses sequence numbers sends the guesses within this. */
const AT_ONCE: Nanos = 1 * SECOND;

export class Aftermath implements Story {
  readonly kind = 'aftermath';
  number = 0;
  place: StoryPlace | undefined;
  readonly since: Nanos;
  readonly due: Nanos;
  readonly rst: Packet;
  /** The first packet that the sender cannot have sent after resetting the connection itself. */
  continued: Packet | undefined;
  /** RSTs that followed in the same name and from as far away, with other sequence numbers. */
  private stepped = 0;
  /** Guesses: more of them than two ends in disorder send, or a second abort further on. */
  isStepped = false;
  stands = false;
  private readonly listener: (aftermath: Aftermath) => void;
  /** How far its sender had come, the RST included: next sequence number and newest TSval. */
  private readonly nxt: number;
  private readonly tsRecent: number;
  /** How far it has come since, and how far from there its next segment may be; undefined where it had no numbers yet. */
  private reached: number;
  /** Its TTL: what comes with another is another's, and speaks of that alone. */
  private readonly ttl: number;
  /** Where the other end's data had come to; how much more of it has come since, and whether it had received more than the RST counts for. */
  private otherEnd: number;
  moreBytes = 0;
  /** How far from there its next segment may be. */
  private readonly otherWindow: number;
  wasPassed: boolean;
  private readonly window: number | undefined;

  /** `sender` and `receiver`: as they were before the RST. */
  constructor(
    rst: Packet,
    ttl: number,
    sender: Side,
    receiver: Side,
    ofSyn: boolean,
    listener: (aftermath: Aftermath) => void,
  ) {
    this.rst = rst;
    this.ttl = ttl;
    this.otherEnd = dataEnd(receiver);
    this.otherWindow = windowOf(sender);
    this.wasPassed = receiver.has(layout.SideBit.SPOKE) && s32(receiver.acked, rst.seq) > 0;
    this.since = rst.at;
    this.due = rst.at + (ofSyn ? AFTERMATH_OF_SYN : AFTERMATH);
    const spoke = sender.has(layout.SideBit.SPOKE);
    this.nxt = spoke ? later(rst.seq, sender.nxt) : rst.seq;
    this.reached = this.nxt;
    // An RST,ACK of a host that had said nothing bears 0, or what its SYN-ACK would have (RFC 9293 §3.10.7.1).
    if (spoke || (rst.flags & Flag.ACK) === 0) {
      this.window = windowOf(receiver);
    }
    this.tsRecent = later(rst.tsval ?? sender.tsRecent, sender.tsRecent);
    this.listener = listener;
  }

  tell(): void {
    this.stands = true;
    this.listener(this);
  }

  /** Another RST of the same connection, at a number at which no host without the connection answers. */
  resetAgain(fromB: boolean, packet: Packet, ttl: number, at: Nanos): void {
    const { seq, flags } = packet;
    if (fromB !== this.rst.fromB) return;
    if (this.showsSocket(packet)) {
      this.continued ??= packet;
      this.goOn(at);
    }
    if (seq === this.rst.seq || at - this.rst.at > AT_ONCE || ttl !== this.ttl) return;
    if (++this.stepped >= 2) this.isStepped = true;
    // A socket aborts but once; what answers without one stands at no later number than before.
    const isAbort = (flags & this.rst.flags & Flag.ACK) !== 0;
    if (isAbort && s32(seq, this.nxt) > 0 && s32(seq, this.nxt) <= MOST_WINDOW) this.isStepped = true;
    this.goOn(at);
  }

  /** Its sender aborts with timestamps, as only a socket does: no bare RST before it was its own (docs/rules.md B4). */
  private showsSocket(packet: Packet): boolean {
    const isBare = (this.rst.flags & Flag.ACK) === 0;
    if (!isBare || (packet.flags & Flag.ACK) === 0 || packet.tsval === null || this.tsRecent === 0) return false;
    const isLater = packet.at - this.rst.at >= OVERTAKEN && s32(packet.tsval, this.tsRecent) > 0;
    return isLater && this.isOfConnection(packet);
  }

  /** A data, FIN or SYN-ACK segment of the RST's sender. True when it shows that the RST was not its own. */
  sent(packet: Packet): boolean {
    if (!this.isOfConnection(packet)) return this.continued !== undefined;
    const late = packet.at - this.rst.at;
    // One that says nothing new may have been held back on the way.
    if (this.continued === undefined && late >= OVERTAKEN && this.isNew(packet)) {
      this.continued = packet;
      this.goOn(packet.at);
    }
    return this.continued !== undefined;
  }

  /** A segment of the other end: sent before the RST reached it, or in spite of it. */
  answered({ seq, ack, length, flags }: Segment, at: Nanos): void {
    const isNear = Math.abs(s32(seq, this.otherEnd)) <= this.otherWindow;
    const more = length > 0 && isNear ? s32(seq + length, this.otherEnd) : 0;
    const passes = !this.wasPassed && (flags & Flag.ACK) !== 0 && s32(ack, this.rst.seq) > 0;
    if (more <= 0 && !passes) return;
    if (more > 0) {
      this.otherEnd += more;
      this.moreBytes += Math.min(more, length);
    }
    this.wasPassed ||= passes;
    this.goOn(at);
  }

  private goOn(at: Nanos): void {
    this.stands = false;
    wentOn(this.place, at);
  }

  /** Goes on from the numbers before it. A SYN-ACK begins with its own. */
  private isOfConnection({ seq, length, flags }: Packet): boolean {
    if (this.window === undefined || (flags & Flag.SYN) !== 0) return true;
    if (Math.abs(s32(seq, this.reached)) > this.window) return false;
    this.reached = later(seq + length, this.reached);
    return true;
  }

  /** Sent after the RST, by its numbers. */
  private isNew({ seq, length, flags, tsval }: Packet): boolean {
    const end = seq + length + ((flags & Flag.FIN) !== 0 ? 1 : 0);
    return s32(end, this.nxt) > 0 || (tsval !== null && this.tsRecent !== 0 && s32(tsval, this.tsRecent) > 0);
  }
}

/** How far ahead of what it has acknowledged the other end may send. */
const windowOf = (side: Side): number => Math.min(Math.max(side.maxWindow, LEAST_WINDOW), MOST_WINDOW);

/** Where its data ends, a FIN left out. */
export const dataEnd = (side: Side): number =>
  (side.nxt - (side.has(layout.SideBit.FIN) && side.finEnd === side.nxt ? 1 : 0)) | 0;

const later = (a: number, b: number): number => (s32(a, b) > 0 ? a : b);
