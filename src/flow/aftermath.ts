/** What an RST's sender did in the second after it. */
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import type { Packet } from './packet.ts';
import type { Story } from './stories.ts';

/** How long after an RST its sender's further packets tell that the RST was not its own. */
const AFTERMATH: Nanos = 1 * SECOND;
/** Packets that were on their way may arrive after the RST that overtook them. */
const OVERTAKEN: Nanos = 20 * MILLISECOND;

export class Aftermath implements Story {
  number = 0;
  closed = false;
  readonly since: Nanos;
  readonly due: Nanos;
  readonly rst: Packet;
  /** The first packet that the sender cannot have sent after resetting the connection itself. */
  continued: Packet | undefined;
  /** RSTs that followed from the same sender with other sequence numbers. */
  stepped = 0;
  private readonly listener: (aftermath: Aftermath) => void;

  constructor(rst: Packet, listener: (aftermath: Aftermath) => void) {
    this.rst = rst;
    this.since = rst.at;
    this.due = rst.at + AFTERMATH;
    this.listener = listener;
  }

  close(): void {
    this.listener(this);
  }

  /** Another RST of the same connection. */
  resetAgain(fromB: boolean, seq: number): void {
    if (fromB === this.rst.fromB && seq !== this.rst.seq) this.stepped++;
  }

  /** A data, FIN or SYN-ACK segment of the RST's sender. True when it shows that the RST was not its own. */
  sent(packet: Packet): boolean {
    if (packet.at - this.rst.at >= OVERTAKEN) this.continued ??= packet;
    return this.continued !== undefined;
  }
}
