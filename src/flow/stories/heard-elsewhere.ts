/** What was heard of an end that is silent on one connection, on other connections of the two hosts (docs/rules.md D8). */
import { s32 } from '../../base/serial.ts';
import type { Nanos } from '../../base/time.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Packet } from '../packet.ts';

const SYN_ACK = Flag.SYN | Flag.ACK;
/** A connection that continues from another port has the numbers of the old one, or numbers a little further on. */
const MOVED = 1 << 16;

/** A packet on another connection, and the port of that connection at the client, or at the end that has moved. */
interface Elsewhere {
  packet: Packet;
  port: number;
}

export class HeardElsewhere {
  /** The first packet between two transmissions, and the number of pairs of transmissions that had one between them. */
  first: Elsewhere | undefined;
  times = 0;
  /**
   * The first packet since the last transmission. An outage may have ended in between, so it says nothing about the
   * connection before another transmission goes unanswered.
   */
  sinceLast: Elsewhere | undefined;
  /** The server has accepted another connection of this client on the same port. */
  reconnected: Elsewhere | undefined;
  /** The other end continues from another port: a NAT has assigned a new one. */
  moved: Elsewhere | undefined;

  /** The bytes are sent once more, and were not acknowledged before. */
  sentAgain(): void {
    if (this.sinceLast === undefined) return;
    this.times++;
    this.first ??= this.sinceLast;
    this.sinceLast = undefined;
  }

  /** `seq` and `ack`: where the silent end would go on. `isServers`: the packet is one of the same server. */
  heard(packet: Packet, port: number, isServers: boolean, seq: number, ack: number): void {
    const other = { packet, port };
    this.sinceLast ??= other;
    if (isServers && (packet.flags & SYN_ACK) === SYN_ACK) this.reconnected ??= other;
    const mayBeMoved = !isServers && (packet.flags & Flag.SYN) === 0;
    if (mayBeMoved && isNear(packet.seq, seq) && isNear(packet.ack, ack)) this.moved ??= other;
  }

  /** Host and path were up while the connection got no answer. */
  get isWitness(): boolean {
    return this.times > 0 || this.moved !== undefined;
  }

  /** How long after the last transmission it was heard again. Undefined if it was heard before that, too, or never. */
  onlySince(last: Nanos): Nanos | undefined {
    return this.isWitness || this.sinceLast === undefined ? undefined : this.sinceLast.packet.at - last;
  }
}

const isNear = (number: number, old: number): boolean => s32(number, old) >= -1 && s32(number, old) <= MOVED;
