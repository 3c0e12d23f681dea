/**
 * How many TSval clocks a server's SYN-ACKs to one client come from. Linux with tcp_tw_recycle has one: offsets for each
 * pair of addresses came with 4.10, and only before commit 28ee1b746f49 (4.10.17 has it) those of 4.10 were for each
 * connection (docs/rules.md B7). Different clocks towards different clients say nothing: within one pair they do.
 */
import { appended } from '../base/appended.ts';
import { s32 } from '../base/serial.ts';
import { SECOND } from '../base/time.ts';
import { noted, type Tick } from './recycle-chance.ts';

/** Ticks a second at most, with what a crystal may be off: no system with a slower clock is told apart. */
const FASTEST = 1100;
/** Ticks that delay, rounding and SYN cookies, which replace the low six bits, may cost. */
const TOLERANCE = 100;
/** Clocks that are told apart. */
const MAX_CLOCKS = 16;
/** A clock for each of so many connections is the system's doing; fewer may be as many hosts behind one address. */
const SHOWS_OFFSETS = 4;

/** Ticks a second of Linux (B7), and how far two packets of one clock may be off: a path that delays one, 500 ppm. */
const RATES = [100, 250, 300, 1000];
const DELAY = 0.1;
const DRIFT = 500e-6;

/**
 * Two packets of a server's address bear the clock of one host: that two hosts agree so is chance of one in a million. Where
 * each connection has an offset of its own nothing is known.
 */
export function isOneClock(earlier: Tick, later: Tick): boolean {
  const ticks = s32(later.tsval, earlier.tsval);
  const apart = (later.at - earlier.at) / SECOND;
  return RATES.some(rate => Math.abs(ticks - rate * apart) <= rate * (DELAY + DRIFT * Math.abs(apart)));
}

export class ServerClocks {
  /** Of each clock, when it was seen last. */
  private clocks: readonly Tick[] = [];
  /** Client ports: a tuple that is used again shows no other clock. */
  private ports: readonly number[] = [];
  /** The most clocks that were told apart between two steps of the capture's clock, and on how many connections. */
  private most: readonly [clocks: number, connections: number] = [0, 0];

  /** The capture's clock has stepped back: whether one of before is one of after nobody knows. */
  step(): void {
    this.most = this.seen;
    this.clocks = [];
    this.ports = [];
  }

  /** A SYN-ACK. */
  add(tick: Tick, port: number): void {
    const before = this.ports;
    this.ports = noted(before, port);
    if (this.ports === before) return;
    const known = this.clocks.findIndex(clock => mayBeOne(clock, tick));
    if (known >= 0) this.clocks = this.clocks.with(known, tick);
    else if (this.clocks.length < MAX_CLOCKS) this.clocks = appended(this.clocks, tick);
  }

  get count(): number {
    return this.seen[0];
  }

  /** Connections whose SYN-ACK was looked at. */
  get connections(): number {
    return this.seen[1];
  }

  private get seen(): readonly [clocks: number, connections: number] {
    const { clocks, ports, most } = this;
    return clocks.length > most[0] || (clocks.length === most[0] && ports.length > most[1])
      ? [clocks.length, ports.length]
      : most;
  }

  /** No two connections show the same. */
  get oneEach(): boolean {
    const { count, connections } = this;
    return count >= SHOWS_OFFSETS && (count === connections || count === MAX_CLOCKS);
  }
}

function mayBeOne(earlier: Tick, later: Tick): boolean {
  const ticks = s32(later.tsval, earlier.tsval);
  const most = (FASTEST * (later.at - earlier.at)) / SECOND;
  return ticks >= Math.min(0, most) - TOLERANCE && ticks <= Math.max(0, most) + TOLERANCE;
}
