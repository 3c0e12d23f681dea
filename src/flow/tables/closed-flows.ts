/**
 * Keeps flows that have closed normally in a compact row (closed-row.ts) for as long as a closed flow is remembered.
 * They take most of the memory of a busy run. Before a packet of such a tuple is handled its flow is made a record
 * again ("woken"), so no other code sees the difference.
 *
 * The row takes the record's entry in the index of flows, and it is in the wheel.
 */

import { layout } from '../layout.ts';
import { ClosedRecords, ClosedRow } from './closed-row.ts';
import { discard, type FlowTable, populate, reserve } from './flow-table.ts';
import { locate } from './hash-index.ts';
import { PairLayout, type Pairs } from './pairs.ts';

const { L, SideBit } = layout;
const P = PairLayout;
const { SENT_AT, SENT_AT_B, HOST_A, HOST_B, SCOPE, PORTS, STATE, PAIR, NEXT, BITS, BITS_B, WORDS } = ClosedRow;

/**
 * Rows are told from records by numbers below -1, as slots in the index and as links in the lists of the wheel. There -1
 * is the end of a list.
 */
export const linkOf = (row: number): number => -2 - row;
export const rowOf = (link: number): number => -2 - link;

export class ClosedFlows {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  private readonly table: FlowTable;
  private slots = 0;
  private free = 0;
  private readonly records: ClosedRecords;

  constructor(table: FlowTable) {
    this.table = table;
    const buffer = reserve(table.capacity, WORDS);
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.records = new ClosedRecords(table, this.words, this.doubles);
  }

  isLive(row: number): boolean {
    return this.words[row * WORDS + STATE] !== 0;
  }

  epoch(row: number): number {
    return this.words[row * WORDS + STATE] >>> L.EPOCH_SHIFT;
  }

  /** Time of its last packet. */
  last(row: number): number {
    const { doubles } = this;
    return Math.max(doubles[(row * WORDS + SENT_AT) >> 1], doubles[(row * WORDS + SENT_AT_B) >> 1]);
  }

  pair(row: number): number {
    return this.words[row * WORDS + PAIR];
  }

  next(row: number): number {
    return this.words[row * WORDS + NEXT];
  }

  setNext(row: number, link: number): void {
    this.words[row * WORDS + NEXT] = link;
  }

  /** The row of the tuple, or -1. */
  find(hash: number, hostA: number, hostB: number, ports: number, scope: number): number {
    const { words } = this;
    const { index } = this.table;
    const mask = index.length - 2;
    for (let probe = (hash << 1) & mask; index[probe + 1] !== 0; probe = (probe + 2) & mask) {
      if (index[probe] !== hash || index[probe + 1] > 0) continue;
      const row = rowOf(index[probe + 1] - 1);
      const base = row * WORDS;
      if (
        words[base + PORTS] === ports &&
        words[base + HOST_A] === hostA &&
        words[base + HOST_B] === hostB &&
        words[base + SCOPE] === scope
      ) {
        return row;
      }
    }
    return -1;
  }

  /**
   * Replaces a record that is in no list of the wheel by a row, and returns the row; -1 if a row cannot hold all that
   * the record says.
   */
  rest(base: number, hash: number, pairs: Pairs): number {
    const { table, words } = this;
    if (!this.records.fits(base)) return -1;
    const row = this.free > 0 ? this.free - 1 : this.slots;
    if ((row + 1) * WORDS > words.length) return -1;
    if (row === this.slots) populate(words, this.slots++, WORDS);
    else this.free = words[row * WORDS + NEXT];
    this.records.write(row * WORDS, base);
    table.closed++;
    renameCloser(pairs, words, row, base + 1, ~row);
    const { index } = table;
    index[locate(index, hash, base / L.FLOW_WORDS) + 1] = linkOf(row) + 1;
    table.release(base);
    return row;
  }

  /** Makes the record again and puts it into the index in place of the row; returns its base. The wheel keeps the row. */
  wake(row: number, hashOf: (base: number) => number, pairs: Pairs): number {
    const { table } = this;
    const base = table.allocate();
    this.records.make(row * WORDS, base);
    const { index } = table;
    index[locate(index, hashOf(base), linkOf(row)) + 1] = base / L.FLOW_WORDS + 1;
    renameCloser(pairs, this.words, row, ~row, base + 1);
    this.leave(row);
    return base;
  }

  /** Writes the flow into a spare record, for reading only; valid until the next call. Returns its base. */
  show(row: number): number {
    const { shown } = this.table;
    this.records.make(row * WORDS, shown);
    return shown;
  }

  /** Returns the memory of these rows to the system. */
  discard(row: number, count: number): void {
    discard(this.words, row, count, WORDS);
  }

  /** The row no longer stands for a flow. It is free only after `release`. */
  leave(row: number): void {
    this.words[row * WORDS + STATE] = 0;
    this.table.closed--;
  }

  /** The row has left the wheel, so it can be used again. */
  release(row: number): void {
    this.words[row * WORDS + NEXT] = this.free;
    this.free = row + 1;
  }

  /** Number of rows that were ever used; `isLive` tells which of them stand for a flow now. */
  get used(): number {
    return this.slots;
  }
}

/** R of a pair (pairs.ts) refers to the connection whose TIME_WAIT set it: this updates the reference. */
function renameCloser(pairs: Pairs, words: Int32Array, row: number, from: number, to: number): void {
  for (const ownerIsB of [false, true]) {
    if ((words[row * WORDS + (ownerIsB ? BITS_B : BITS)] & SideBit.TIME_WAIT) === 0) continue;
    const at = pairs.direction(words[row * WORDS + PAIR], !ownerIsB) + P.R_FLOW;
    if (pairs.words[at] === from) pairs.words[at] = to;
  }
}
