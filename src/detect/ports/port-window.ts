/**
 * How many of a client's ports towards one server port were in use in each second: plus one in the second in which a
 * connection begins to use its port, minus one in the second in which it has released it. Uses are added when they are
 * over, in any order.
 */
import { type Nanos, SECOND } from '../../base/time.ts';

/** Columns of a second. */
const Column = { CHANGE: 0, OPENED: 1, ENTERED: 2, ENDED: 3, SERVER: 4 } as const;
const COLUMNS = 5;

/** A day and a half. What comes later is not counted. */
const MAX_SECONDS = 1 << 17;
const FIRST_SECONDS = 256;
/** Ports in use before the window began are counted in its first second, which lies this far back. */
const REACH = 90;

/** One second. All fields except `inUse` and `serverHeld` count what happened in it. */
export interface Second {
  /** Whole seconds from the run's origin. */
  at: number;
  /** Ports in use at its end, and ports of which the server holds a TIME_WAIT. */
  inUse: number;
  serverHeld: number;
  /** First SYNs. */
  opened: number;
  /** TIME_WAITs that the client entered. */
  entered: number;
  /** Ports released. */
  ended: number;
}

export const secondOf = (at: Nanos): number => Math.floor(at / SECOND);

export class PortWindow {
  /** From this second on all uses that last into it are known. */
  since: number;
  private clipped = false;
  private first: number;
  private sums = new Int32Array(FIRST_SECONDS * COLUMNS);
  private last: number;

  constructor(now: Nanos) {
    this.since = secondOf(now);
    this.first = this.since - REACH;
    this.last = this.since;
  }

  opened(at: Nanos): void {
    this.count(at, Column.OPENED, 1);
  }

  /**
   * Adds a time in which a port was used. `entered`: when the client, which closed first, entered TIME_WAIT. An
   * infinite `to`: the port is still in use.
   */
  used(from: Nanos, to: Nanos, entered: Nanos | undefined): void {
    if (!(from <= to)) return; // not across a step of the clock
    this.count(from, Column.CHANGE, 1);
    if (Number.isFinite(to)) {
      this.count(to, Column.CHANGE, -1);
      this.count(to, Column.ENDED, 1);
    }
    if (entered !== undefined) this.count(entered, Column.ENTERED, 1);
  }

  serverHeld(from: Nanos, to: Nanos): void {
    if (!(from <= to)) return;
    this.count(from, Column.SERVER, 1);
    this.count(to, Column.SERVER, -1);
  }

  /** A copy that can be continued independently. */
  clone(): PortWindow {
    const other = new PortWindow(this.since * SECOND);
    other.sums = this.sums.slice();
    other.last = this.last;
    return other;
  }

  /** Merges all seconds before this one into it: only the ports still in use by then count on. */
  forgetBefore(second: number): void {
    const rows = second - this.first;
    if (rows <= 0) return;
    const { sums } = this;
    const kept = sums.slice(rows * COLUMNS);
    this.sums = new Int32Array(Math.max(kept.length, FIRST_SECONDS * COLUMNS));
    this.sums.set(kept);
    for (let row = 0; row < rows; row++) {
      for (const column of [Column.CHANGE, Column.SERVER]) this.sums[column] += sums[row * COLUMNS + column] ?? 0;
    }
    this.first = second;
    this.since = Math.max(this.since, second);
    this.last = Math.max(this.last, second);
  }

  /** Whether something was beyond MAX_SECONDS since the last call. */
  takeClipped(): boolean {
    const { clipped } = this;
    this.clipped = false;
    return clipped;
  }

  /** Ports in use at the peak, from `since` up to `until`. */
  most(until: number): number {
    const { sums } = this;
    let inUse = 0;
    let most = 0;
    for (let at = this.first; at <= Math.min(this.last, until); at++) {
      inUse += sums[(at - this.first) * COLUMNS + Column.CHANGE];
      if (at >= this.since && inUse > most) most = inUse;
    }
    return most;
  }

  /** Ports in use at the end of a second. */
  inUseAt(second: number): number {
    let inUse = 0;
    for (let at = this.first; at <= Math.min(this.last, second); at++) {
      inUse += this.sums[(at - this.first) * COLUMNS + Column.CHANGE];
    }
    return inUse;
  }

  *seconds(): Generator<Second> {
    const { sums } = this;
    let inUse = 0;
    let serverHeld = 0;
    for (let at = this.first; at <= this.last; at++) {
      const base = (at - this.first) * COLUMNS;
      inUse += sums[base + Column.CHANGE];
      serverHeld += sums[base + Column.SERVER];
      const [opened, entered, ended] = [Column.OPENED, Column.ENTERED, Column.ENDED].map(c => sums[base + c]);
      yield { at, inUse, serverHeld, opened: opened!, entered: entered!, ended: ended! };
    }
  }

  private count(at: Nanos, column: number, n: number): void {
    const second = secondOf(at) - this.first;
    if (second >= MAX_SECONDS) {
      this.clipped = true;
      return;
    }
    const row = Math.max(second, 0);
    // Of what happened before the first second, only ports that are still in use matter.
    if (second < 0 && column !== Column.CHANGE && column !== Column.SERVER) return;
    while (row * COLUMNS >= this.sums.length) {
      const grown = new Int32Array(this.sums.length * 2);
      grown.set(this.sums);
      this.sums = grown;
    }
    this.sums[row * COLUMNS + column] += n;
    if (row + this.first > this.last) this.last = row + this.first;
  }
}
