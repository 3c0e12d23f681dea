/**
 * SYNs of which nothing is known yet but that they were sent: the flows they opened, oldest first. Nearly all leave
 * when they reach the head, answered long before; the others are given up after a silence. So what a lone SYN amounts
 * to is told at its own time, and no object is made for a SYN that is answered at once.
 */
import type { Nanos } from '../base/time.ts';
import { ATTEMPT_SILENCE } from './attempt.ts';
import type { FlowTable } from './flow-table.ts';
import { layout } from './layout.ts';

const { L, FlowBit } = layout;

const FIRST_CAPACITY = 1024;

export class PendingSyns {
  private readonly table: FlowTable;
  /** A ring: when the SYN was sent, and the base of its flow. */
  private times = new Float64Array(FIRST_CAPACITY);
  private bases = new Int32Array(FIRST_CAPACITY);
  private head = 0;
  private count = 0;

  constructor(table: FlowTable) {
    this.table = table;
  }

  add(base: number, at: Nanos): void {
    if (this.count === this.bases.length) this.grow();
    const tail = (this.head + this.count++) & (this.bases.length - 1);
    this.times[tail] = at;
    this.bases[tail] = base;
  }

  /** When the oldest SYN was sent that is still pending, or +∞. */
  oldest(): Nanos {
    while (this.count > 0 && this.isTold(this.head)) this.drop();
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.times[this.head]!;
  }

  /** Nothing is given up before this. */
  get next(): Nanos {
    return this.oldest() + ATTEMPT_SILENCE;
  }

  /** Takes out the oldest pending SYN that was sent at `limit` or before: its flow, or -1. */
  takeUpTo(limit: Nanos): number {
    if (this.oldest() > limit || this.count === 0) return -1;
    const base = this.bases[this.head]!;
    this.drop();
    return base;
  }

  private isTold(entry: number): boolean {
    const base = this.bases[entry]!;
    const { words, doubles } = this.table;
    const state = words[base + L.STATE]!;
    const live = (state & (FlowBit.INDEXED | FlowBit.KEPT)) !== 0;
    return !live || (state & FlowBit.TOLD) !== 0 || doubles[(base + L.OPENED) >> 1] !== this.times[entry];
  }

  private drop(): void {
    this.head = (this.head + 1) & (this.bases.length - 1);
    this.count--;
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    const bases = new Int32Array(this.bases.length * 2);
    for (let i = 0; i < this.count; i++) {
      const from = (this.head + i) & (this.bases.length - 1);
      times[i] = this.times[from]!;
      bases[i] = this.bases[from]!;
    }
    this.times = times;
    this.bases = bases;
    this.head = 0;
  }
}
