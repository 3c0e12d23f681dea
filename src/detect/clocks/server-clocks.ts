/**
 * Counts the TSval clocks from which a server's SYN-ACKs to one client come. Linux with tcp_tw_recycle has one clock.
 * Offsets for each pair of addresses came with 4.10, and only before commit 28ee1b746f49 (included in 4.10.17) 4.10 had
 * an offset for each connection (docs/rules.md B7). Different clocks towards different clients mean nothing; within one
 * pair they do.
 */
import { appended } from '../../base/appended.ts';
import { s32 } from '../../base/serial.ts';
import { SECOND } from '../../base/time.ts';
import { noted, type Tick } from '../recycle/recycle-chance.ts';

/**
 * The fastest clock in ticks per second, including the error of its crystal. Clocks within its reach are not told
 * apart.
 */
const FASTEST = 1100;
/** Tolerance in ticks for delay, rounding, and SYN cookies, which replace the low six bits. */
const TOLERANCE = 100;
/** Most clocks that are told apart. */
const MAX_CLOCKS = 16;
/**
 * If each of this many connections has its own clock, the system adds offsets. Fewer clocks may be as many hosts behind
 * one address.
 */
const SHOWS_OFFSETS = 4;

/**
 * Ticks per second of Linux (B7), and how far two packets of one clock may be off: by a delay on the path (seconds),
 * and by drift.
 */
const RATES = [100, 250, 300, 1000];
const DELAY = 0.1;
const DRIFT = 500e-6;

/**
 * Whether two packets from a server's address show the clock of one host. By chance two hosts agree so in one of a
 * million cases if their clocks start anywhere. Hosts without random offsets that were booted together, such as clones,
 * agree as well. If each connection has its own offset, this says nothing.
 */
export function isOneClock(earlier: Tick, later: Tick): boolean {
  const ticks = s32(later.tsval, earlier.tsval);
  const apart = (later.at - earlier.at) / SECOND;
  return RATES.some(rate => Math.abs(ticks - rate * apart) <= rate * (DELAY + DRIFT * Math.abs(apart)));
}

export class ServerClocks {
  /** The last SYN-ACK of each clock. */
  private clocks: readonly Tick[] = [];
  /** Client ports. A tuple that is used again does not show another clock. */
  private ports: readonly number[] = [];
  /** Most clocks told apart between two steps of the capture's clock, and the number of connections that showed them. */
  private most: readonly [clocks: number, connections: number] = [0, 0];

  /** The capture's clock has stepped back, so earlier clocks cannot be compared with later ones. */
  step(): void {
    this.most = this.seen;
    this.clocks = [];
    this.ports = [];
  }

  /** Counts a SYN-ACK. */
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

  /** Number of connections whose SYN-ACK was counted. */
  get connections(): number {
    return this.seen[1];
  }

  private get seen(): readonly [clocks: number, connections: number] {
    const { clocks, ports, most } = this;
    return clocks.length > most[0] || (clocks.length === most[0] && ports.length > most[1])
      ? [clocks.length, ports.length]
      : most;
  }

  /** Whether no two connections show the same clock. */
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
