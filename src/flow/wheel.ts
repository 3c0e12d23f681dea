/**
 * When flow records may go: a wheel of one-second slots over the records' own links. A record is put in once; when its
 * slot comes up the tracker looks at it again and, if it has been active since, puts it back (so no packet ever moves
 * a link).
 */
import { type Nanos, SECOND } from '../base/time.ts';
import type { FlowTable } from './flow-table.ts';
import { layout } from './layout.ts';

const { L, FlowBit } = layout;

export const SLOTS = 1024;
/** Cells of `state`. */
const HAND = 0;
const SIZE = 1;

export class Wheel {
  private readonly table: FlowTable;
  /** First and last record of each slot, in the order in which they came: what is evicted is the oldest of its second. */
  readonly heads = new Int32Array(SLOTS).fill(-1);
  readonly tails = new Int32Array(SLOTS);
  /** The tick that has come up last, and how many records are in. */
  readonly state = new Float64Array(2);
  private started = false;
  /** The next instant at which `advance` may find something. */
  next: Nanos = Number.NEGATIVE_INFINITY;

  constructor(table: FlowTable) {
    this.table = table;
  }

  static tickOf(due: Nanos): number {
    return Math.ceil(due / SECOND);
  }

  get size(): number {
    return this.state[SIZE]!;
  }

  private get hand(): number {
    return this.state[HAND]!;
  }

  private set hand(tick: number) {
    this.state[HAND] = tick;
  }

  /** Puts a record in, unless it is in already. Dues further off than the wheel is long come up early, and go in again. */
  add(base: number, due: Nanos): void {
    const { words } = this.table;
    if ((words[base + L.STATE]! & FlowBit.IN_WHEEL) !== 0) return;
    const tick = Math.min(Wheel.tickOf(due), this.hand + SLOTS - 1);
    const slot = Math.max(tick, this.hand + 1) & (SLOTS - 1);
    words[base + L.STATE]! |= FlowBit.IN_WHEEL;
    words[base + L.NEXT] = -1;
    if (this.heads[slot]! < 0) this.heads[slot] = base;
    else words[this.tails[slot]! + L.NEXT] = base;
    this.tails[slot] = base;
    this.state[SIZE]!++;
  }

  /** Hands every record that has come up to `visit`, out of the wheel. */
  advance(now: Nanos, visit: (base: number) => void): void {
    const tick = Math.floor(now / SECOND);
    if (!this.started || tick < this.hand) {
      this.hand = tick;
      this.started = true;
    }
    const steps = Math.min(tick - this.hand, SLOTS);
    for (let i = 1; i <= steps && this.size > 0; i++) {
      const slot = (tick - steps + i) & (SLOTS - 1);
      this.hand = tick - steps + i;
      for (let base = this.takeAll(slot); base >= 0; ) {
        const following = this.unlink(base);
        visit(base);
        base = following;
      }
    }
    this.hand = tick;
    this.next = (tick + 1) * SECOND;
  }

  /** The tick at which the next record comes up, or +∞. */
  firstTick(): number {
    if (this.size === 0) return Number.POSITIVE_INFINITY;
    let tick = this.hand + 1;
    while (this.heads[tick & (SLOTS - 1)]! < 0) tick++;
    return tick;
  }

  /** Takes out the record that would come up first, or -1. */
  takeFirst(): number {
    if (this.size === 0) return -1;
    const slot = this.firstTick() & (SLOTS - 1);
    const base = this.heads[slot]!;
    this.heads[slot] = this.unlink(base);
    return base;
  }

  private takeAll(slot: number): number {
    const head = this.heads[slot]!;
    this.heads[slot] = -1;
    return head;
  }

  private unlink(base: number): number {
    const { words } = this.table;
    words[base + L.STATE]! &= ~FlowBit.IN_WHEEL;
    this.state[SIZE]!--;
    return words[base + L.NEXT]!;
  }
}
