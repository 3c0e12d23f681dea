/**
 * A handshake that is complete for the client but not for the server, which repeats its SYN-ACK after the client's ACK.
 * The cause is a full accept queue (docs/rules.md F13), or the loss of that ACK.
 */
import { s32 } from '../../base/serial.ts';
import type { Nanos } from '../../base/time.ts';
import { type Ends, endsOf } from '../ends.ts';
import type { Flow } from '../flow.ts';
import { isCopyOf, type Packet } from '../packet.ts';
import { ATTEMPT_SILENCE } from './attempt.ts';
import { wentOn } from './interim-tellings.ts';
import type { Story, StoryPlace } from './story.ts';

/** Linux repeats a SYN-ACK for 63 s at most (tcp_synack_retries = 5). */
const LONGEST_STALL: Nanos = 2 * ATTEMPT_SILENCE;

export class Stall implements Story {
  readonly kind = 'stall';
  number = 0;
  place: StoryPlace | undefined;
  due: Nanos;
  readonly since: Nanos;
  readonly ends: Ends;
  /** When the client sent the SYN of the connection; −∞ before a step of the clock. */
  readonly synAt: Nanos;
  /** The first SYN-ACK that came after the client's ACK. */
  readonly repeated: Packet;
  /** The client had sent data before that, none of it answered. */
  readonly hadData: boolean;
  /** SYN-ACKs sent after the client's ACK. */
  synAcks = 1;
  /** The client's first segment with data, and how many such segments went unanswered. */
  data: Packet | undefined;
  dataSegments = 0;
  /**
   * The server has received something later than the SYN: its SYN-ACK echoes a later TSval. Linux does so before commit
   * 8d52da23b6c6 (6.14, and the stable kernels of 2025). If the echo does not change, nothing is known.
   */
  wasHeard = false;
  /** Segments with data that came after the server, since the stall began, took another connection of this client. */
  passedOver = 0;
  private newest: Packet | undefined;
  /** Times of the SYN-ACK that the client has acknowledged and of the last one; how long a round trip may take. */
  private readonly answeredAt: Nanos;
  private repeatedAt: Nanos;
  private readonly roundTrip: Nanos;
  /** The packet that ended it: the server's first segment other than a SYN-ACK, or an RST of either side. */
  ending: Packet | undefined;
  resumed = false;
  settledAt: Nanos = Number.NaN;
  /** Time of its last packet, whether that is kept as evidence or not. */
  touchedAt: Nanos;
  /** The TSval that the previous SYN-ACK echoed. */
  private readonly echoed: number | null;
  private readonly listener: (stall: Stall) => void;

  /** `repeated` is the SYN-ACK at hand, and `before` the one before it. */
  constructor(flow: Flow, repeated: Packet, before: Packet | undefined, listener: (stall: Stall) => void) {
    this.repeated = repeated;
    this.echoed = before?.tsecr ?? null;
    this.hear(repeated);
    this.answeredAt = before?.at ?? repeated.at;
    this.repeatedAt = repeated.at;
    this.roundTrip = roundTripOf(flow, repeated, before);
    this.ends = endsOf(flow);
    this.synAt = flow.opened;
    this.hadData = flow.client.bytes > 0;
    this.since = repeated.at;
    this.touchedAt = repeated.at;
    this.due = repeated.at + ATTEMPT_SILENCE;
    this.listener = listener;
  }

  /** The earliest time at which the server may have had no room for it. */
  get from(): Nanos {
    return Number.isFinite(this.synAt) ? this.synAt : this.since;
  }

  tell(at: Nanos): void {
    this.settledAt = Math.max(at, this.touchedAt);
    this.listener(this);
  }

  synAckAgain(packet: Packet): void {
    this.synAcks++;
    this.repeatedAt = packet.at;
    this.hear(packet);
    this.touch(packet);
  }

  /** All SYN-ACKs came within a round trip of the acknowledged one: they were sent before the ACK can have arrived. */
  get isByDistance(): boolean {
    return this.repeatedAt - this.answeredAt <= this.roundTrip;
  }

  /** `otherTaken`: when the server last took a connection of this client on the port. */
  clientSent(packet: Packet, otherTaken: Nanos): void {
    if (packet.length === 0 || isCopyOf(packet, this.newest)) return;
    this.newest = packet;
    this.data ??= packet;
    this.dataSegments++;
    if (otherTaken > this.since) this.passedOver++;
    this.touch(packet);
  }

  end(packet: Packet, resumed: boolean): void {
    this.ending = packet;
    this.resumed = resumed;
  }

  private hear({ tsecr }: Packet): void {
    if (tsecr !== null && this.echoed !== null && s32(tsecr, this.echoed) > 0) this.wasHeard = true;
  }

  private touch(packet: Packet): void {
    this.touchedAt = packet.at;
    this.due = Math.min(packet.at + ATTEMPT_SILENCE, this.since + LONGEST_STALL);
    wentOn(this.place, packet.at);
  }
}

/** A SYN-ACK that echoes the TSval of the first SYN shows how long a round trip may take, despite later SYNs. */
function roundTripOf(flow: Flow, synAck: Packet, before: Packet | undefined): Nanos {
  const echoesFirst = before?.tsecr != null && s32(before.tsecr, flow.client.synTsval) === 0;
  return echoesFirst && Number.isFinite(flow.opened) ? before.at - flow.opened : flow.side(synAck.fromB).rtt;
}
