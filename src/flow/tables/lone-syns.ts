/**
 * Keeps SYNs that nothing has followed in a compact form: 64 bytes instead of the records of a flow and of its host pair.
 * This is for pairs of which nothing else is known, as in a scan or a flood. A record is replaced by a row only if it can
 * be restored from the row to the last word; so one that has more to say stays as it is. A pair has either a record or a
 * row, never both: before a packet of it is handled, its SYN is made records again ("woken", pending-flows.ts).
 */
import { SALT } from '../../base/salt.ts';
import { addon, type Native } from '../../capture/native.ts';
import { tupleHash } from '../../wire/fingerprint.ts';
import { layout } from '../layout.ts';
import { type FlowTable, populate, reserve } from './flow-table.ts';
import { doubled, enter, leave } from './hash-index.ts';
import { ALONE, LoneBit, LoneRecords, LoneRow } from './lone-row.ts';
import { PAIR_WORDS, type Pairs, pairHash } from './pairs.ts';
import type { TimeQueue } from './time-queue.ts';

const { L, FlowBit } = layout;
const { AT, HOST_A, HOST_B, PORTS, SCOPE, OPTIONS, PLACE, WORDS } = LoneRow;
const { LIVE, TOLD } = LoneBit;

const FIRST_INDEX = 1 << 10;

export class LoneSyns {
  private readonly table: FlowTable;
  private readonly pairs: Pairs;
  readonly words: Int32Array;
  private readonly doubles: Float64Array;
  /** Hash of the pair, and slot + 1 (hash-index.ts). */
  index: Int32Array = new Int32Array(FIRST_INDEX * 2);
  private free = 0;
  private slots = 0;
  private readonly records = new LoneRecords();
  private shownPair: number | undefined;
  /** Counters that the addon changes in `restAll`, in the order of native/lone-syns.c. */
  private readonly counts = new Int32Array(9);
  /** Undefined: `rest` is called for each SYN. */
  native: Native | undefined = addon;

  constructor(table: FlowTable, pairs: Pairs) {
    this.table = table;
    this.pairs = pairs;
    const buffer = reserve(table.capacity, WORDS);
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }

  /** Slot of the pair's SYN, or -1. */
  find(hostA: number, hostB: number, scope: number): number {
    const { words, index } = this;
    const hash = pairHash(hostA, hostB, scope);
    const mask = index.length - 2;
    for (let probe = (hash << 1) & mask; index[probe + 1] !== 0; probe = (probe + 2) & mask) {
      if (index[probe] !== hash) continue;
      const row = (index[probe + 1] - 1) * WORDS;
      if (words[row + HOST_A] === hostA && words[row + HOST_B] === hostB && words[row + SCOPE] === scope) {
        return index[probe + 1] - 1;
      }
    }
    return -1;
  }

  at(slot: number): number {
    return this.doubles[(slot * WORDS + AT) >> 1];
  }

  isTold(slot: number): boolean {
    return (this.words[slot * WORDS + OPTIONS] & TOLD) !== 0;
  }

  place(slot: number): number {
    return this.words[slot * WORDS + PLACE];
  }

  move(slot: number, place: number): void {
    this.words[slot * WORDS + PLACE] = place;
  }

  /**
   * Replaces the records of a flow by a row; `place` is the number of its queue entry. Returns the slot, or -1 if the
   * records say more than a row can hold.
   */
  rest(base: number, place: number): number {
    const { table, pairs } = this;
    const state = table.words[base + L.STATE];
    if ((state & ~(FlowBit.CLIENT_IS_B | FlowBit.TOLD) & 0xffff) !== ALONE) return -1;
    if (table.lone === 0) this.records.epoch = state >>> L.EPOCH_SHIFT;
    const pairSlot = table.words[base + L.PAIR];
    const slot = this.free > 0 ? this.free - 1 : this.slots;
    if ((slot + 1) * WORDS > this.words.length) return -1;
    if (slot === this.slots) populate(this.words, slot, WORDS);
    const next = this.free > 0 ? this.words[slot * WORDS + PLACE] : 0;
    this.records.write(this.words, this.doubles, slot * WORDS, table, pairs, base);
    const { flow, pair } = this.made(slot);
    flow[L.PAIR] = pairSlot;
    if (!isSame(flow, table.words, base) || !isSame(pair, pairs.words, pairSlot * PAIR_WORDS)) {
      this.words[slot * WORDS + OPTIONS] = 0;
      return -1;
    }
    if (this.free > 0) this.free = next;
    else this.slots++;
    this.words[slot * WORDS + PLACE] = place;
    table.remove(this.tupleOf(slot), base);
    table.release(base);
    pairs.drop(pairSlot);
    if (++table.lone * 4 > this.index.length) this.index = doubled(this.index);
    enter(this.index, this.hashOf(slot), slot);
    return slot;
  }

  /** Does `rest` for the flows of these queue entries in native/lone-syns.c, which puts the slots into the queue. */
  restAll(native: Native, queue: TimeQueue, from: number, to: number): void {
    const { table, pairs, counts, records } = this;
    for (let next = from; next < to; ) {
      const { size, lone, indexed, freeCount } = table;
      counts.set([size, lone, indexed, freeCount, pairs.size, pairs.freeHead, this.free, this.slots, records.epoch]);
      const memory = {
        times: queue.times,
        values: queue.values,
        flows: table.words,
        index: table.index,
        free: table.free,
        pairs: pairs.words,
        pairIndex: pairs.index,
        rows: this.words,
        loneIndex: this.index,
        counts,
      };
      next += native.restAlone(memory, next | 0, to - next, SALT);
      table.size = counts[0];
      table.lone = counts[1];
      table.indexed = counts[2];
      table.freeCount = counts[3];
      pairs.size = counts[4];
      pairs.freeHead = counts[5];
      this.free = counts[6];
      this.slots = counts[7];
      records.epoch = counts[8];
      if (next === to) return;
      if (table.freeCount === table.free.length) table.growFree();
      if ((table.lone + 1) * 4 > this.index.length) this.index = doubled(this.index);
    }
  }

  /** Makes its records again; returns the base of the flow. */
  wake(slot: number): number {
    const { table, pairs } = this;
    const { flow, pair } = this.made(slot);
    const hash = this.drop(slot);
    const base = table.allocate();
    table.words.set(flow, base);
    table.words[base + L.PAIR] = pairs.put(hash, pair);
    table.insert(this.tupleOf(slot), base);
    return base;
  }

  /** Writes the flow into a spare record, for reading only, so that it can be reported before it goes; its base. */
  show(slot: number): number {
    const { table, pairs } = this;
    const { flow, pair } = this.made(slot);
    this.shownPair ??= pairs.allocate();
    pairs.words.set(pair, this.shownPair * PAIR_WORDS);
    flow[L.PAIR] = this.shownPair;
    table.words.set(flow, table.spare);
    return table.spare;
  }

  /** Frees the row; returns the hash of its pair. */
  drop(slot: number): number {
    const hash = this.hashOf(slot);
    leave(this.index, hash, slot);
    this.table.lone--;
    this.words[slot * WORDS + OPTIONS] = 0;
    this.words[slot * WORDS + PLACE] = this.free;
    this.free = slot + 1;
    return hash;
  }

  /** Frees all rows. */
  clear(): void {
    this.index = new Int32Array(FIRST_INDEX * 2);
    this.table.lone = this.slots = this.free = 0;
  }

  /** The slots of all lone SYNs; they may be woken meanwhile. */
  *[Symbol.iterator](): Generator<number> {
    for (let slot = 0; slot < this.slots; slot++) if ((this.words[slot * WORDS + OPTIONS] & LIVE) !== 0) yield slot;
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    const { words } = this;
    for (const slot of this) {
      visit(words[slot * WORDS + HOST_A], words[slot * WORDS + SCOPE]);
      visit(words[slot * WORDS + HOST_B], words[slot * WORDS + SCOPE]);
    }
  }

  private made(slot: number): LoneRecords {
    this.records.make(this.words, this.doubles, slot * WORDS);
    return this.records;
  }

  private hashOf(slot: number): number {
    const row = slot * WORDS;
    return pairHash(this.words[row + HOST_A], this.words[row + HOST_B], this.words[row + SCOPE]);
  }

  private tupleOf(slot: number): number {
    const { words } = this;
    const row = slot * WORDS;
    return tupleHash(words[row + HOST_A], words[row + HOST_B], words[row + PORTS], words[row + SCOPE]);
  }
}

function isSame(made: Int32Array, words: Int32Array, base: number): boolean {
  for (let i = 0; i < made.length; i++) if (made[i] !== words[base + i]) return false;
  return true;
}
