/** What an RST's sender did in the seconds after it. */
import { s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import type { Side } from './flow.ts';
import { wentOn } from './looks.ts';
import type { Packet } from './packet.ts';
import type { Place, Story } from './story.ts';

/** How long after an RST its sender's further packets tell that the RST was not its own. */
const AFTERMATH: Nanos = 10 * SECOND;
/** The same for an attempt that an RST ends: there are floods of them, and no connection that could go on. */
const AFTERMATH_OF_SYN: Nanos = 1 * SECOND;
/** Packets that were on their way may arrive after the RST that overtook them. */
export const OVERTAKEN: Nanos = 20 * MILLISECOND;
/** Whoever guesses sequence numbers sends the guesses within this. */
const AT_ONCE: Nanos = 1 * SECOND;

export class Aftermath implements Story {
  number = 0;
  place: Place | undefined;
  readonly since: Nanos;
  readonly due: Nanos;
  readonly rst: Packet;
  /** The first packet that the sender cannot have sent after resetting the connection itself. */
  continued: Packet | undefined;
  /** RSTs that followed from the same sender with other sequence numbers. */
  stepped = 0;
  stands = false;
  private readonly listener: (aftermath: Aftermath) => void;
  /** How far its sender had come, the RST included: next sequence number and newest TSval. */
  private readonly nxt: number;
  private readonly tsRecent: number;

  /** `sender`: as it was before the RST. */
  constructor(rst: Packet, sender: Side, ofSyn: boolean, listener: (aftermath: Aftermath) => void) {
    this.rst = rst;
    this.since = rst.at;
    this.due = rst.at + (ofSyn ? AFTERMATH_OF_SYN : AFTERMATH);
    this.nxt = later(rst.seq, sender.nxt);
    this.tsRecent = later(rst.tsval ?? sender.tsRecent, sender.tsRecent);
    this.listener = listener;
  }

  tell(): void {
    this.stands = true;
    this.listener(this);
  }

  /** Another RST of the same connection. */
  resetAgain(fromB: boolean, seq: number, at: Nanos): void {
    if (fromB !== this.rst.fromB || seq === this.rst.seq || at - this.rst.at > AT_ONCE) return;
    this.stepped++;
    this.goOn(at);
  }

  /** A data, FIN or SYN-ACK segment of the RST's sender. True when it shows that the RST was not its own. */
  sent(packet: Packet): boolean {
    const late = packet.at - this.rst.at;
    // One that says nothing new may have been held back on the way.
    if (this.continued === undefined && late >= OVERTAKEN && this.isNew(packet)) {
      this.continued = packet;
      this.goOn(packet.at);
    }
    return this.continued !== undefined;
  }

  private goOn(at: Nanos): void {
    this.stands = false;
    wentOn(this.place, at);
  }

  /** Sent after the RST, by its numbers. */
  private isNew({ seq, length, flags, tsval }: Packet): boolean {
    const end = seq + length + ((flags & Flag.FIN) !== 0 ? 1 : 0);
    return s32(end, this.nxt) > 0 || (tsval !== null && this.tsRecent !== 0 && s32(tsval, this.tsRecent) > 0);
  }
}

const later = (a: number, b: number): number => (s32(a, b) > 0 ? a : b);
