/**
 * A queue of flows that were opened by a SYN and may still wait for an answer, oldest first. Nearly all were answered
 * long before they reach the head, where they leave the queue. The others are given up after a silence. So a SYN without
 * an answer is reported at its own time, and no object is made for a SYN that is answered at once. A SYN that is alone
 * for longer than an answer takes is kept in a compact form (lone-syns.ts); also after it was given up, until it goes.
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
/** The value of an entry that no longer waits. Other values: the base of a flow, or ~slot of a lone SYN. */
const NONE = 0x7fff_ffff;

/** A queue needs at most one entry per record. So much more room makes it rare that unused entries must be removed. */
const ROOM = 1.25;

const restsAt = (sent: Nanos): Nanos => Math.ceil(sent / ALONE + 1) * ALONE;

export class PendingSyns {
  readonly lone: LoneSyns;
  private readonly table: FlowTable;
  private readonly mayRest: boolean;
  private readonly line = new TimeQueue();
  /** Entries before `told` are not pending any more; entries from `young` on have not been alone for long enough. */
  private told = 0;
  private young = 0;
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
    if (this.line.isFull(this.most)) this.makeRoom();
    this.line.push(base, at);
  }

  /** When the oldest pending SYN was sent, or +∞. */
  oldest(): Nanos {
    const { line } = this;
    while (this.told < line.tail && this.isTold(this.told)) this.told++;
    return this.told === line.tail ? Number.POSITIVE_INFINITY : line.at(this.told);
  }

  /** Base of the flow of the oldest pending SYN, or -1. */
  first(): number {
    if (this.oldest() === Number.POSITIVE_INFINITY) return -1;
    const value = this.line.value(this.told);
    return value < 0 ? this.wake(~value) : value;
  }

  isFirst(base: number): boolean {
    return this.told < this.line.tail && this.line.value(this.told) === base;
  }

  /** No SYN is given up before this time. */
  get next(): Nanos {
    return this.oldest() + ATTEMPT_SILENCE;
  }

  /** Takes the oldest pending SYN, if it was sent at `limit` or before, off the pending ones: base of its flow, or -1. */
  takeUpTo(limit: Nanos): number {
    if (this.oldest() > limit) return -1;
    const base = this.first();
    if (base >= 0) this.told++;
    return base;
  }

  /** The flow that was taken last has been reported: if nothing more is known of it, it is kept in the compact form. */
  giveUp(base: number): void {
    if (!this.mayRest) return;
    if (this.givenUp.isFull(this.most)) this.makeRoomForGivenUp();
    const slot = this.lone.rest(base, this.givenUp.tail);
    if (slot < 0) return;
    this.givenUp.push(slot, this.lone.at(slot));
    this.line.set(this.told - 1, NONE);
  }

  /** Removes the next flow whose SYN was sent at `limit` or before and is no longer pending: its base, or -1. */
  takeTold(limit: Nanos): number {
    const { line } = this;
    this.oldest(); // advances `told` past those reported since
    while (line.head < this.told && line.at(line.head) <= limit) {
      const number = line.head++;
      if (this.isThere(number)) return line.value(number);
    }
    return -1;
  }

  /** Puts SYNs into the compact form that have been alone for long enough at `now`. */
  rest(now: Nanos): void {
    const { line, lone } = this;
    this.young = Math.max(this.young, this.told);
    const until = this.restsUntil(now);
    for (; this.young < until; this.young++) {
      if (this.isTold(this.young)) continue;
      if (lone.native !== undefined) {
        lone.restAll(lone.native, line, this.young, until);
        this.young = until;
        return;
      }
      const slot = lone.rest(line.value(this.young), this.young);
      if (slot >= 0) line.set(this.young, ~slot);
    }
  }

  /** Number of the first entry that may not rest yet at `now`. */
  private restsUntil(now: Nanos): number {
    const { line, mayRest } = this;
    let until = this.young;
    if (!mayRest) return until;
    until = Math.max(until, line.tail - CROWD);
    while (until < line.tail && restsAt(line.at(until)) <= now) until++;
    return until;
  }

  /** So many SYNs have come that `rest` should be called at once. */
  get crowded(): boolean {
    return this.mayRest && this.line.tail - this.young > 2 * CROWD;
  }

  /** When the next SYN may rest. This does not depend on what else is due. */
  get nextRest(): Nanos {
    const { line } = this;
    if (!this.mayRest || this.young === line.tail) return Number.POSITIVE_INFINITY;
    return restsAt(line.at(this.young));
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
    (this.lone.isTold(slot) ? this.givenUp : this.line).set(this.lone.place(slot), NONE);
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
    const value = this.line.value(this.told);
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
      if (isTold) this.line.push(base, this.table.doubles[(base + L.OPENED) >> 1]); // it leaves by `takeTold`
    }
  }

  private makeRoom(): void {
    const { line, lone, told, young } = this;
    this.told = line.head;
    this.young = line.head;
    line.compact(
      number => line.value(number) < 0 || this.isThere(number),
      (from, to) => {
        if (from < told) this.told = to + 1;
        if (from < young) this.young = to + 1;
        const value = line.value(to);
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
    else this.line.set(place, base);
  }

  private isTold(number: number): boolean {
    const value = this.line.value(number);
    if (value < 0) return false;
    return !this.isThere(number) || (this.table.words[value + L.STATE] & FlowBit.TOLD) !== 0;
  }

  /** Whether the record still belongs to the flow of this entry. */
  private isThere(number: number): boolean {
    const base = this.line.value(number);
    if (base < 0 || base === NONE) return false;
    const { words, doubles } = this.table;
    const live = (words[base + L.STATE] & (FlowBit.INDEXED | FlowBit.KEPT)) !== 0;
    return live && doubles[(base + L.OPENED) >> 1] === this.line.at(number);
  }
}
