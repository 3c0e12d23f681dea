/** The same bytes sent again and again (unacknowledged.ts), with the first transmission if it was captured. */
import { s32 } from '../../base/serial.ts';
import type { Nanos } from '../../base/time.ts';
import { endOf, type Packet } from '../packet.ts';

/** A lossy path causes fewer and shorter retransmissions. */
export const LEAST_SENT_AGAIN = 3;
/** Times that are kept: more than tcp_retries2 allows. */
const KEPT_TIMES = 16;

export class Transmissions {
  /** The sender's packet before the first retransmission, if it has some of the bytes: usually the first transmission. */
  readonly original: Packet | undefined;
  /** The first retransmission, and the last so far; the original until there is one. */
  readonly first: Packet;
  last: Packet;
  /** Retransmissions before and after the acknowledgement. */
  beforeAck = 0;
  afterAck = 0;
  /** When the bytes were sent, including the original. */
  readonly at: Nanos[];
  /** From the last transmission but one to the last. */
  wait: Nanos = 0;
  /** Not every retransmission had all of the bytes: of several segments one at a time is sent (RFC 6298 §5.4). */
  isInParts = false;
  /** The lowest number that is retransmitted. */
  lowest: number;
  /** Length of the shortest retransmission that begins with the first byte that is not acknowledged, or 0. */
  shortest = 0;
  /** The same before the last of these, if that was the first one so short, and three at least were longer; or 0. */
  shortestBefore = 0;

  constructor(original: Packet | undefined, first: Packet) {
    this.original = original;
    this.first = first;
    this.last = original ?? first;
    this.at = original === undefined ? [] : [original.at];
    this.lowest = first.seq;
  }

  /** Adds a retransmission. The bytes reach from `head`, the first number that is not acknowledged, to `end`. */
  add(packet: Packet, head: number, end: number, isAcked: boolean): void {
    this.wait = packet.at - this.last.at;
    if (s32(packet.seq, this.lowest) < 0) this.lowest = packet.seq;
    this.isInParts ||= packet.seq !== this.first.seq || s32(endOf(packet), end) < 0;
    if (!isAcked && s32(packet.seq, head) === 0) this.noteLength(packet.length);
    if (isAcked) this.afterAck++;
    else this.beforeAck++;
    if (this.at.length < KEPT_TIMES) this.at.push(packet.at);
    this.last = packet;
  }

  private noteLength(length: number): void {
    const isShorter = length < this.shortest && this.beforeAck >= LEAST_SENT_AGAIN;
    this.shortestBefore = isShorter ? this.shortest : 0;
    this.shortest = Math.min(this.shortest || length, length);
  }

  /** Number of retransmissions. */
  get again(): number {
    return this.beforeAck + this.afterAck;
  }

  /** When the bytes were sent first, as far as is known. */
  get from(): Nanos {
    return this.original?.at ?? this.first.at;
  }

  /** For how long they have been sent. */
  get span(): Nanos {
    return this.last.at - this.from;
  }
}
