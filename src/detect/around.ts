/** What other attempts of the same client and server have shown, for the causes of this one (syn-cause.ts). */
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import type { Opened } from '../flow/events.ts';
import type { Packet } from '../flow/packet.ts';
import type { Stall } from '../flow/stall.ts';
import type { Segment } from '../wire/segment.ts';
import { Timestamps } from '../wire/tcp-options.ts';

/** A full accept queue shows itself within this of an attempt that it lets down. */
export const NEAR: Nanos = 10 * SECOND;
/** Overflows, and attempts, that are remembered: the newest. */
const KEPT = 4;
/** The same of attempts that were reset by their client. */
const KEPT_RESETS = 64;
/** Ports of one attempt: each takes a SYN, and Linux sends 7 (tcp_syn_retries = 6). Whoever goes on begins another. */
const MOST_PORTS = 32;
/** Between two SYNs of an attempt (Linux gives up after 127 s). */
const LONGEST_WAIT: Nanos = 130 * SECOND;
/** Ticks a second of the clocks there are, but for one that ticks in microseconds; and ticks that rounding costs. */
const USUAL_HZ = 1000;
const FAST_HZ = 1_000_000;
const TOLERANCE = 100;

export class Around {
  /** The client goes on without a word of the server: its answers pass elsewhere. */
  answersElsewhere = false;
  /** Attempts that were accepted after several SYNs, newest last. */
  private readonly repeated: Attempt[] = [];
  private readonly overflows: { port: number; from: Nanos; to: Nanos }[] = [];

  /** Handshakes that stall, newest last; how they end is not known. */
  private readonly stalls: Stall[] = [];

  /** Attempts whose client has reset the ACK of an old connection: a NAT on the way may have forgotten them by that. */
  private readonly resets: Attempt[] = [];

  resetByClient(attempt: Attempt): void {
    if (this.resets.includes(attempt)) return;
    if (this.resets.push(attempt) > KEPT_RESETS) this.resets.shift();
  }

  /** The attempt of which this is a further SYN, from another port: its ISN says so, and its clock does not speak against it. */
  movedFrom({ segment, flow, clientIsB }: Opened): Attempt | undefined {
    const index = this.resets.findIndex(
      ({ ends, syn, touchedAt, ports }) =>
        ports < MOST_PORTS &&
        syn.seq === segment.seq >>> 0 &&
        ends.serverPort === flow.port(!clientIsB) &&
        ends.clientPort !== flow.port(clientIsB) &&
        segment.at - touchedAt <= LONGEST_WAIT &&
        isOfOneClock(syn, segment),
    );
    return index < 0 ? undefined : this.resets.splice(index, 1)[0];
  }

  stalling(stall: Stall): void {
    if (this.stalls.push(stall) > KEPT) this.stalls.shift();
  }

  overflow(port: number, from: Nanos, to: Nanos): void {
    if (this.overflows.push({ port, from, to }) > KEPT) this.overflows.shift();
  }

  overflowed(port: number, from: Nanos, to: Nanos): boolean {
    return this.overflows.some(seen => seen.port === port && seen.to >= from - NEAR && seen.from <= to + NEAR);
  }

  /** The same as far as it is known of handshakes that stall: the server leaves data unanswered again and again. */
  overflowing(port: number, from: Nanos, to: Nanos): boolean {
    return this.stalls.some(
      ({ place, ends, synAt, synAcks, hadData, dataSegments, repeated }) =>
        place !== undefined &&
        ends.serverPort === port &&
        repeated.at >= from - NEAR &&
        synAt <= to + NEAR &&
        synAcks > 1 &&
        dataSegments + (hadData ? 1 : 0) > 1,
    );
  }

  accepted(attempt: Attempt): void {
    if (attempt.syns > 1 && this.repeated.push(attempt) > KEPT) this.repeated.shift();
  }

  /** SYNs of the connection that stalls. */
  synsOf({ synAt, ends }: Stall): number {
    return this.repeated.find(a => a.since === synAt && a.ends.clientPort === ends.clientPort)?.syns ?? 1;
  }
}

/** The later SYN's TSval goes on from the earlier's as a clock does; or neither has any. */
function isOfOneClock(earlier: Packet, { timestamps, tsval, at }: Segment): boolean {
  if (earlier.tsval === null || timestamps !== Timestamps.PRESENT) {
    return earlier.tsval === null && timestamps === Timestamps.ABSENT;
  }
  const ticks = s32(tsval, earlier.tsval);
  const apart = (at - earlier.at) / SECOND;
  const isUsual = ticks >= 0 && ticks <= USUAL_HZ * apart + TOLERANCE;
  return isUsual || Math.abs(ticks - FAST_HZ * apart) <= TOLERANCE + 0.05 * FAST_HZ * apart;
}
