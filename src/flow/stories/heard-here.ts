/** What was heard of an end that does not acknowledge (unacknowledged.ts), on the connection itself. */
import { s32 } from '../../base/serial.ts';
import type { Side } from '../flow.ts';
import { layout } from '../layout.ts';
import { endOf, type Packet } from '../packet.ts';

const { SideBit } = layout;

/** A single packet may have been sent before the data arrived: it does not prove that the end is heard. */
const LEAST_IGNORED = 2;

export class HeardHere {
  /** Its last packet before the first retransmission. */
  readonly before: Packet | undefined;
  /** It has sent its FIN: it may have no socket any more, and a NAT on the path may have dropped its entry. */
  readonly hasClosed: boolean;
  /** Its acknowledgement of the bytes. */
  answer: Packet | undefined;
  /** That is the first one, as far as is known. */
  isFirstAnswer = true;
  /** Its first packet that acknowledges no more than before, and the number of such packets. */
  ignored: Packet | undefined;
  private ignoredTimes = 0;
  /** Its next sequence number and its newest TSval, as far as the capture shows. */
  nxt: number;
  private tsRecent: number | undefined;

  constructor(side: Side, before: Packet | undefined) {
    this.before = before;
    this.hasClosed = side.has(SideBit.FIN);
    this.nxt = side.nxt;
    this.tsRecent = side.has(SideBit.TS_ON_SYN | SideBit.TS_LATER) ? side.tsRecent : undefined;
  }

  heard(packet: Packet): void {
    const { tsval } = packet;
    if (s32(endOf(packet), this.nxt) > 0) this.nxt = endOf(packet);
    if (tsval !== null && s32(tsval, this.tsRecent ?? tsval) >= 0) this.tsRecent = tsval;
  }

  /** The packet acknowledges no more than before. Returns whether this is news. */
  ignores(packet: Packet): boolean {
    this.ignored ??= packet;
    return ++this.ignoredTimes <= LEAST_IGNORED;
  }

  get isIgnoring(): boolean {
    return this.ignoredTimes >= LEAST_IGNORED;
  }

  /** A packet of the sender acknowledges or echoes what the capture does not have of this end. */
  lacksWhatWasHeard({ ack, tsecr }: Packet): boolean {
    if (s32(ack, this.nxt) > 0) return true;
    const { tsRecent, before } = this;
    return tsRecent !== undefined && tsecr !== null && before !== undefined && s32(tsecr, tsRecent) > 0;
  }
}
