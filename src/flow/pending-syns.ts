/**
 * SYNs of which nothing is known yet but that they were sent: the flows they opened, oldest first. Nearly all leave
 * when they reach the head, answered long before; the others are given up after a silence. So what a lone SYN amounts
 * to is told at its own time, and no object is made for a SYN that is answered at once. One that stays alone for longer
 * than an answer takes waits in a smaller form (lone-syns.ts), and so it does after it was given up until its flow goes.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { ATTEMPT_SILENCE } from './attempt.ts';
import type { FlowTable } from './flow-table.ts';
import { layout } from './layout.ts';
import { LoneSyns } from './lone-syns.ts';
import type { Pairs } from './pairs.ts';
import { TimeQueue } from './time-queue.ts';

const { L, FlowBit } = layout;

/** Nearly all answers come sooner. */
const ALONE: Nanos = 250 * MILLISECOND;
/** Of more SYNs than these the older ones need not be alone for so long: their records are still in the processor's cache. */
const CROWD = 4096;
/** The value of an entry that waits no more. Others: the base of a flow, or ~slot of a lone SYN. */
const NONE = 0x7fff_ffff;

/** Of a line no more entries are needed than there are records; so much larger, it is seldom gone through. */
const ROOM = 1.25;

const restsAt = (sent: Nanos): Nanos => Math.ceil(sent / ALONE + 1) * ALONE;

export class PendingSyns {
  readonly lone: LoneSyns;
  private readonly table: FlowTable;
  private readonly mayRest: boolean;
  private readonly line = new TimeQueue();
  /** Entries of the line before it are known not to be pending any more; those from it on have not been alone for long. */
  private told = 0;
  private young = 0;
  /** Lone ones that were given up. */
  private readonly givenUp = new TimeQueue();
  /** Entries of a line at most: one that is full lets go of those that are not needed, which would go at the head. */
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

  /** When the oldest SYN was sent that is still pending, or +∞. */
  oldest(): Nanos {
    const { line } = this;
    while (this.told < line.tail && this.isTold(this.told)) this.told++;
    return this.told === line.tail ? Number.POSITIVE_INFINITY : line.at(this.told);
  }

  /** The flow of the oldest SYN that is still pending, or -1. */
  first(): number {
    if (this.oldest() === Number.POSITIVE_INFINITY) return -1;
    const value = this.line.value(this.told);
    return value < 0 ? this.wake(~value) : value;
  }

  isFirst(base: number): boolean {
    return this.told < this.line.tail && this.line.value(this.told) === base;
  }

  /** Nothing is given up before this. */
  get next(): Nanos {
    return this.oldest() + ATTEMPT_SILENCE;
  }

  /** The flow of the oldest pending SYN if that was sent at `limit` or before, or -1: it is no longer pending. */
  takeUpTo(limit: Nanos): number {
    if (this.oldest() > limit) return -1;
    const base = this.first();
    if (base >= 0) this.told++;
    return base;
  }

  /** The flow that was taken last has been told of: if nothing more is known of it, it need not be kept as it is. */
  giveUp(base: number): void {
    if (!this.mayRest) return;
    if (this.givenUp.isFull(this.most)) this.makeRoomForGivenUp();
    const slot = this.lone.rest(base, this.givenUp.tail);
    if (slot < 0) return;
    this.givenUp.push(slot, this.lone.at(slot));
    this.line.set(this.told - 1, NONE);
  }

  /** Takes out the next flow whose SYN was sent at `limit` or before and is no longer pending, or -1. */
  takeTold(limit: Nanos): number {
    const { line } = this;
    this.oldest(); // passes those that were told since
    while (line.head < this.told && line.at(line.head) <= limit) {
      const number = line.head++;
      if (this.isThere(number)) return line.value(number);
    }
    return -1;
  }

  /** SYNs that have been alone for a while at `now` are kept in the smaller form from now on. */
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

  /** The first entry that may not rest yet at `now`. */
  private restsUntil(now: Nanos): number {
    const { line, mayRest } = this;
    let until = this.young;
    if (!mayRest) return until;
    until = Math.max(until, line.tail - CROWD);
    while (until < line.tail && restsAt(line.at(until)) <= now) until++;
    return until;
  }

  /** So many have come that some should rest at once. */
  get crowded(): boolean {
    return this.mayRest && this.line.tail - this.young > 2 * CROWD;
  }

  /** When the next may rest: at times that do not depend on what else is due. */
  get nextRest(): Nanos {
    const { line } = this;
    if (!this.mayRest || this.young === line.tail) return Number.POSITIVE_INFINITY;
    return restsAt(line.at(this.young));
  }

  /** Makes records of a lone SYN again; returns the flow's. Of one that was given up nobody here knows any more. */
  wake(slot: number): number {
    const isTold = this.lone.isTold(slot);
    const place = this.lone.place(slot);
    const base = this.lone.wake(slot);
    this.isAwake(place, isTold, base);
    return base;
  }

  /** A lone SYN waits no more, whether it was given up or not: it is about to be forgotten. */
  release(slot: number): void {
    (this.lone.isTold(slot) ? this.givenUp : this.line).set(this.lone.place(slot), NONE);
  }

  /** When the oldest SYN that was given up and is still alone was sent, or +∞. */
  oldestGivenUp(): Nanos {
    const { givenUp } = this;
    while (givenUp.head < givenUp.tail && givenUp.value(givenUp.head) === NONE) givenUp.head++;
    return givenUp.head === givenUp.tail ? Number.POSITIVE_INFINITY : givenUp.at(givenUp.head);
  }

  /** Slot of the lone SYN that waits longest, -1 when none does, or one that is not alone has waited for longer. */
  firstLone(): number {
    if (this.oldestGivenUp() < Number.POSITIVE_INFINITY) return this.givenUp.value(this.givenUp.head);
    if (this.oldest() === Number.POSITIVE_INFINITY) return -1;
    const value = this.line.value(this.told);
    return value < 0 ? ~value : -1;
  }

  /** Calls back with each lone one, as a flow. */
  forEachLone(visit: (base: number) => void): void {
    const { lone } = this;
    for (const slot of lone) {
      const isTold = lone.isTold(slot);
      const place = lone.place(slot);
      const base = lone.wake(slot);
      visit(base);
      if (lone.rest(base, place) >= 0) continue; // in the row that it had
      this.isAwake(place, isTold, base);
      if (isTold) this.line.push(base, this.table.doubles[(base + L.OPENED) >> 1]!); // to be let go of
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
    return !this.isThere(number) || (this.table.words[value + L.STATE]! & FlowBit.TOLD) !== 0;
  }

  /** The record has not gone to another flow since. */
  private isThere(number: number): boolean {
    const base = this.line.value(number);
    if (base < 0 || base === NONE) return false;
    const { words, doubles } = this.table;
    const live = (words[base + L.STATE]! & (FlowBit.INDEXED | FlowBit.KEPT)) !== 0;
    return live && doubles[(base + L.OPENED) >> 1] === this.line.at(number);
  }
}
