/**
 * Counts the TSval clocks from which a server's SYN-ACKs to one client come. Linux with tcp_tw_recycle has one clock.
 * Offsets for each pair of addresses came with 4.10, and only before commit 28ee1b746f49 (included in 4.10.17) 4.10 had
 * an offset for each connection (docs/rules.md B7). Different clocks towards different clients mean nothing; within one
 * pair they do.
 */
import { appended } from '../../base/appended.ts';
import { noted } from './recycle-chance.ts';
import { mayBeOneClock, type Tick } from './tick.ts';

/** Most clocks that are told apart. */
const MAX_CLOCKS = 16;
/**
 * If each of this many connections has its own clock, the system adds offsets. Fewer clocks may be as many hosts behind
 * one address.
 */
const SHOWS_OFFSETS = 4;

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
    const known = this.clocks.findIndex(clock => mayBeOneClock(clock, tick));
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
