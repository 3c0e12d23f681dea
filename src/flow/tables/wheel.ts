/**
 * Decides when flows are dropped: a timer wheel with slots of one second, whose lists are linked through the records of
 * flows and the rows of closed-flows.ts. A record is put in once. When its slot comes up, the tracker checks it, and puts
 * it back if it has been active since. So packets never move a record in the wheel.
 *
 * A flow that has just closed is checked after a moment, because it may rest then.
 */
import { SALT } from '../../base/salt.ts';
import { MILLISECOND, type Nanos, SECOND } from '../../base/time.ts';
import { addon } from '../../capture/native.ts';
import { layout } from '../layout.ts';
import { type ClosedFlows, rowOf } from './closed-flows.ts';
import type { FlowTable } from './flow-table.ts';
import type { Pairs } from './pairs.ts';

const { L, FlowBit } = layout;

export const SLOTS = 1024;
/** Two more lists, of records to be checked soon: those added since the last check, and those added before. */
const NEW = SLOTS;
const SOON = SLOTS + 1;
/** Indexes of `state`. */
const HAND = 0;
const SIZE = 1;
const YOUNG = 2;
/** After this time the close of a flow is complete, and its record is still in the processor's cache. */
const MOMENT: Nanos = 200 * MILLISECOND;
/** Number of records that are checked together. */
const BATCH = 32;
/** The link at the end of a list. */
const END = -1;

export class Wheel {
  private readonly table: FlowTable;
  private readonly closed: ClosedFlows;
  private readonly lingering: Nanos;
  private readonly pairs: Pairs;
  private readonly batch = new Int32Array(BATCH);
  /** First and last of each list. Lists keep the order of arrival, so that the oldest of a second is evicted first. */
  readonly heads = new Int32Array(SLOTS + 2).fill(END);
  readonly tails = new Int32Array(SLOTS + 2);
  /** The last tick that has come up; number of records and rows in slots; number of records to be checked soon. */
  readonly state = new Float64Array(3);
  private started = false;
  private looked: Nanos = Number.NEGATIVE_INFINITY;
  /** No record is due before this instant. */
  next: Nanos = Number.NEGATIVE_INFINITY;

  /** `lingering`: the time from a flow's last packet until it is dropped. */
  constructor(table: FlowTable, closed: ClosedFlows, pairs: Pairs, lingering: Nanos) {
    this.pairs = pairs;
    this.table = table;
    this.closed = closed;
    this.lingering = lingering;
  }

  static tickOf(due: Nanos): number {
    return Math.ceil(due / SECOND);
  }

  get size(): number {
    return this.state[SIZE] + this.state[YOUNG];
  }

  private get hand(): number {
    return this.state[HAND];
  }

  private set hand(tick: number) {
    this.state[HAND] = tick;
  }

  /**
   * Puts in a record or row, unless it is in already. If `due` is further off than the wheel is long, it comes up earlier
   * and is put in again.
   */
  add(link: number, due: Nanos): void {
    if (!this.mark(link)) return;
    const tick = Math.min(Wheel.tickOf(due), this.hand + SLOTS - 1);
    this.append(Math.max(tick, this.hand + 1) & (SLOTS - 1), link);
    this.state[SIZE]++;
  }

  /** Puts in a record to be checked after one to two MOMENTs. */
  addSoon(base: number): void {
    if (!this.mark(base)) return;
    this.append(NEW, base);
    this.state[YOUNG]++;
  }

  /** Takes out all that has come up: calls `visit` with what was in slots, and `look` with what is to be checked soon. */
  advance(now: Nanos, visit: (link: number) => void, look: (base: number) => void): void {
    const tick = Math.floor(now / SECOND);
    if (!this.started || tick < this.hand) {
      this.hand = tick;
      this.started = true;
    }
    const steps = Math.min(tick - this.hand, SLOTS);
    this.lookAtYoung(now, look);
    for (let i = 1; i <= steps && this.size > 0; i++) {
      const slot = (tick - steps + i) & (SLOTS - 1);
      this.hand = tick - steps + i;
      this.visitAll(slot, visit);
    }
    this.hand = tick;
    const tickAfter = (tick + 1) * SECOND;
    this.next = this.state[YOUNG] === 0 ? tickAfter : Math.min(tickAfter, this.looked + MOMENT);
  }

  /** The tick at which the next flow is due to be dropped, or +∞. */
  firstTick(): number {
    if (this.size === 0) return Number.POSITIVE_INFINITY;
    if (this.state[SIZE] === 0) {
      const base = this.heads[SOON] === END ? this.heads[NEW] : this.heads[SOON];
      return Wheel.tickOf(this.table.doubles[(base + L.LAST) >> 1] + this.lingering);
    }
    let tick = this.hand + 1;
    while (this.heads[tick & (SLOTS - 1)] === END) tick++;
    return tick;
  }

  /** Takes out the record or row that is due to be dropped first, or -1. */
  takeFirst(): number {
    if (this.size === 0) return END;
    const isYoung = this.state[SIZE] === 0;
    const list = isYoung ? (this.heads[SOON] === END ? NEW : SOON) : this.firstTick() & (SLOTS - 1);
    const link = this.heads[list];
    this.heads[list] = this.unlink(link, isYoung ? YOUNG : SIZE);
    return link;
  }

  private lookAtYoung(now: Nanos, look: (base: number) => void): void {
    const since = now - this.looked;
    if (since >= 0 && since < MOMENT) return;
    this.looked = now;
    if (this.state[YOUNG] === 0) return;
    this.lookAtAll(SOON, look);
    if (since >= 2 * MOMENT) this.lookAtAll(NEW, look);
    this.heads[SOON] = this.takeAll(NEW);
    this.tails[SOON] = this.tails[NEW];
  }

  private lookAtAll(list: number, look: (base: number) => void): void {
    const { batch, table } = this;
    for (let base = this.takeAll(list); base !== END; ) {
      let count = 0;
      for (; base !== END && count < BATCH; base = table.words[base + L.NEXT]) batch[count++] = base;
      // Their memory is fetched together (native/look-ahead.c).
      addon?.lookAtFlows(batch, count, table.index, table.words, this.pairs.words, SALT);
      for (let i = 0; i < count; i++) {
        this.unlink(batch[i], YOUNG);
        look(batch[i]);
      }
    }
  }

  private visitAll(list: number, visit: (link: number) => void): void {
    for (let link = this.takeAll(list); link !== END; ) {
      const following = this.unlink(link, SIZE);
      visit(link);
      link = following;
    }
  }

  /** Marks a record as being in the wheel; false if it was already. */
  private mark(link: number): boolean {
    if (link < 0) return true;
    const { words } = this.table;
    if ((words[link + L.STATE] & FlowBit.IN_WHEEL) !== 0) return false;
    words[link + L.STATE] |= FlowBit.IN_WHEEL;
    return true;
  }

  private append(list: number, link: number): void {
    this.setNext(link, END);
    if (this.heads[list] === END) this.heads[list] = link;
    else this.setNext(this.tails[list], link);
    this.tails[list] = link;
  }

  private setNext(link: number, next: number): void {
    if (link < 0) this.closed.setNext(rowOf(link), next);
    else this.table.words[link + L.NEXT] = next;
  }

  private takeAll(list: number): number {
    const head = this.heads[list];
    this.heads[list] = END;
    return head;
  }

  private unlink(link: number, counted: number): number {
    this.state[counted]--;
    if (link < 0) return this.closed.next(rowOf(link));
    const { words } = this.table;
    words[link + L.STATE] &= ~FlowBit.IN_WHEEL;
    return words[link + L.NEXT];
  }
}
