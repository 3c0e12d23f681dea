/**
 * Flows that were opened by a SYN and may still wait for an answer, in a queue, oldest first. So a SYN without an answer
 * is reported at its own time, and no object is made for a SYN that is answered at once.
 *
 *     head           firstPending         firstYoung             tail
 *      │ told: may leave │ at rest, if alone │ too young to rest   │
 *
 * A SYN is told when what became of it has been reported (FlowBit.TOLD): nearly always an answer, long before it is the
 * oldest. Without one it is given up after a silence. A SYN that is alone for longer than an answer takes rests
 * meanwhile: it is kept in a compact form (lone-syns.ts). It may also rest after it was given up, in a second queue,
 * until it goes.
 */
import { MILLISECOND, type Nanos } from '../../base/time.ts';
import { layout } from '../layout.ts';
import { ATTEMPT_SILENCE } from '../stories/attempt.ts';
import type { FlowTable } from './flow-table.ts';
import { LoneSyns } from './lone-syns.ts';
import type { Pairs } from './pairs.ts';
import { TimeQueue } from './time-queue.ts';

const { L, FlowBit } = layout;

/** Nearly all answers come within this time. */
const ALONE: Nanos = 250 * MILLISECOND;
/** If more SYNs than this wait, older ones are put to rest at once, while their records are in the processor's cache. */
const CROWD = 4096;
/**
 * The value of an entry that is not needed any more. Others have the base of a flow or, of a SYN that rests before it was
 * given up, ~slot. Those in `givenUp` have the slot.
 */
const NONE = 0x7fff_ffff;

/** A queue needs at most one entry per record. So much more room makes it rare that unused entries must be removed. */
const ROOM = 1.25;

const restsAt = (sent: Nanos): Nanos => Math.ceil(sent / ALONE + 1) * ALONE;

export class PendingSyns {
  readonly lone: LoneSyns;
  private readonly table: FlowTable;
  private readonly mayRest: boolean;
  private readonly queue = new TimeQueue();
  private firstPending = 0;
  private firstYoung = 0;
  /** Lone SYNs that were given up. */
  private readonly givenUp = new TimeQueue();
  /** Most entries of a queue. When it is full, entries that are not needed any more are removed before the head. */
  private readonly most: number;

  constructor(table: FlowTable, pairs: Pairs, mayRest: boolean) {
    this.table = table;
    this.mayRest = mayRest;
    this.lone = new LoneSyns(table, pairs);
    this.most = 2 ** Math.ceil(Math.log2(ROOM * table.capacity));
  }

  add(base: number, at: Nanos): void {
    if (this.queue.isFull(this.most)) this.makeRoom();
    this.queue.push(base, at);
  }

  /** When the oldest pending SYN was sent, or +∞. */
  oldest(): Nanos {
    const { queue } = this;
    while (this.firstPending < queue.tail && this.isTold(this.firstPending)) this.firstPending++;
    return this.firstPending === queue.tail ? Number.POSITIVE_INFINITY : queue.at(this.firstPending);
  }

  /** Base of the flow of the oldest pending SYN, or -1. */
  first(): number {
    if (this.oldest() === Number.POSITIVE_INFINITY) return -1;
    const value = this.queue.value(this.firstPending);
    return value < 0 ? this.wake(~value) : value;
  }

  isFirst(base: number): boolean {
    return this.firstPending < this.queue.tail && this.queue.value(this.firstPending) === base;
  }

  /** No SYN is given up before this time. */
  get next(): Nanos {
    return this.oldest() + ATTEMPT_SILENCE;
  }

  /** Takes the oldest pending SYN, if it was sent at `limit` or before, off the pending ones: base of its flow, or -1. */
  takeUpTo(limit: Nanos): number {
    if (this.oldest() > limit) return -1;
    const base = this.first();
    if (base >= 0) this.firstPending++;
    return base;
  }

  /** The flow that was taken last has been reported: if nothing more is known of it, it is kept in the compact form. */
  giveUp(base: number): void {
    if (!this.mayRest) return;
    if (this.givenUp.isFull(this.most)) this.makeRoomForGivenUp();
    const slot = this.lone.rest(base, this.givenUp.tail);
    if (slot < 0) return;
    this.givenUp.push(slot, this.lone.at(slot));
    this.queue.set(this.firstPending - 1, NONE);
  }

  /** Removes the next flow whose SYN was sent at `limit` or before and is no longer pending: its base, or -1. */
  takeTold(limit: Nanos): number {
    const { queue } = this;
    this.oldest(); // advances `firstPending` past those told since
    while (queue.head < this.firstPending && queue.at(queue.head) <= limit) {
      const number = queue.head++;
      if (this.isThere(number)) return queue.value(number);
    }
    return -1;
  }

  /** Puts SYNs into the compact form that have been alone for long enough at `now`. */
  rest(now: Nanos): void {
    const { queue, lone } = this;
    this.firstYoung = Math.max(this.firstYoung, this.firstPending);
    const until = this.restsUntil(now);
    for (; this.firstYoung < until; this.firstYoung++) {
      if (this.isTold(this.firstYoung)) continue;
      if (lone.native !== undefined) {
        lone.restAll(lone.native, queue, this.firstYoung, until);
        this.firstYoung = until;
        return;
      }
      const slot = lone.rest(queue.value(this.firstYoung), this.firstYoung);
      if (slot >= 0) queue.set(this.firstYoung, ~slot);
    }
  }

  /** Number of the first entry that may not rest yet at `now`. */
  private restsUntil(now: Nanos): number {
    const { queue, mayRest } = this;
    let until = this.firstYoung;
    if (!mayRest) return until;
    until = Math.max(until, queue.tail - CROWD);
    while (until < queue.tail && restsAt(queue.at(until)) <= now) until++;
    return until;
  }

  /** So many SYNs have come that `rest` should be called at once. */
  get crowded(): boolean {
    return this.mayRest && this.queue.tail - this.firstYoung > 2 * CROWD;
  }

  /** When the next SYN may rest. This does not depend on what else is due. */
  get nextRest(): Nanos {
    const { queue } = this;
    if (!this.mayRest || this.firstYoung === queue.tail) return Number.POSITIVE_INFINITY;
    return restsAt(queue.at(this.firstYoung));
  }

  /** Makes the records of a lone SYN again; returns the base of the flow. One that was given up leaves its queue. */
  wake(slot: number): number {
    const isTold = this.lone.isTold(slot);
    const place = this.lone.place(slot);
    const base = this.lone.wake(slot);
    this.isAwake(place, isTold, base);
    return base;
  }

  /** Removes a lone SYN, given up or not, from its queue: it is about to be freed. */
  release(slot: number): void {
    (this.lone.isTold(slot) ? this.givenUp : this.queue).set(this.lone.place(slot), NONE);
  }

  /** When the oldest lone SYN that was given up was sent, or +∞. */
  oldestGivenUp(): Nanos {
    const { givenUp } = this;
    while (givenUp.head < givenUp.tail && givenUp.value(givenUp.head) === NONE) givenUp.head++;
    return givenUp.head === givenUp.tail ? Number.POSITIVE_INFINITY : givenUp.at(givenUp.head);
  }

  /** Slot of the oldest SYN if that is a lone one, or -1; those that were given up come first. */
  firstLone(): number {
    if (this.oldestGivenUp() < Number.POSITIVE_INFINITY) return this.givenUp.value(this.givenUp.head);
    if (this.oldest() === Number.POSITIVE_INFINITY) return -1;
    const value = this.queue.value(this.firstPending);
    return value < 0 ? ~value : -1;
  }

  /** Calls back with each lone SYN as a flow. */
  forEachLone(visit: (base: number) => void): void {
    const { lone } = this;
    for (const slot of lone) {
      const isTold = lone.isTold(slot);
      const place = lone.place(slot);
      const base = lone.wake(slot);
      visit(base);
      if (lone.rest(base, place) >= 0) continue; // in the row that it had
      this.isAwake(place, isTold, base);
      if (isTold) this.queue.push(base, this.table.doubles[(base + L.OPENED) >> 1]); // it leaves by `takeTold`
    }
  }

  private makeRoom(): void {
    const { queue, lone, firstPending, firstYoung } = this;
    this.firstPending = queue.head;
    this.firstYoung = queue.head;
    queue.compact(
      number => queue.value(number) < 0 || this.isThere(number),
      (from, to) => {
        if (from < firstPending) this.firstPending = to + 1;
        if (from < firstYoung) this.firstYoung = to + 1;
        const value = queue.value(to);
        if (value < 0) lone.move(~value, to);
      },
    );
  }

  private makeRoomForGivenUp(): void {
    const { givenUp, lone } = this;
    givenUp.compact(
      number => givenUp.value(number) !== NONE,
      (_from, to) => lone.move(givenUp.value(to), to),
    );
  }

  private isAwake(place: number, wasGivenUp: boolean, base: number): void {
    if (wasGivenUp) this.givenUp.set(place, NONE);
    else this.queue.set(place, base);
  }

  private isTold(number: number): boolean {
    const value = this.queue.value(number);
    if (value < 0) return false;
    return !this.isThere(number) || (this.table.words[value + L.STATE] & FlowBit.TOLD) !== 0;
  }

  /** Whether the record still belongs to the flow of this entry. */
  private isThere(number: number): boolean {
    const base = this.queue.value(number);
    if (base < 0 || base === NONE) return false;
    const { words, doubles } = this.table;
    const live = (words[base + L.STATE] & (FlowBit.INDEXED | FlowBit.KEPT)) !== 0;
    return live && doubles[(base + L.OPENED) >> 1] === this.queue.at(number);
  }
}
