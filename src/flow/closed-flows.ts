/**
 * Flows that have closed as they should, in a smaller form for as long as a closed flow is remembered: most of the memory
 * of a busy run (closed-row.ts). Any packet of the tuple wakes its flow first, so that nobody can tell.
 *
 * A row has the place of its record in the index of flows, and one in the wheel.
 */
import { ClosedRecords, ClosedRow } from './closed-row.ts';
import { discard, type FlowTable, populate, reserve } from './flow-table.ts';
import { locate } from './hash-index.ts';
import { layout } from './layout.ts';
import { PairLayout, type Pairs } from './pairs.ts';

const { L, SideBit } = layout;
const P = PairLayout;
const { SENT_AT, SENT_AT_B, HOST_A, HOST_B, SCOPE, PORTS, STATE, PAIR, NEXT, BITS, BITS_B, WORDS } = ClosedRow;

/** In the index a row is a slot below all others; in lists of the wheel the same number says so, -1 being the end. */
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
    return this.words[row * WORDS + STATE]! >>> L.EPOCH_SHIFT;
  }

  /** When its last packet came. */
  last(row: number): number {
    const { doubles } = this;
    return Math.max(doubles[(row * WORDS + SENT_AT) >> 1]!, doubles[(row * WORDS + SENT_AT_B) >> 1]!);
  }

  pair(row: number): number {
    return this.words[row * WORDS + PAIR]!;
  }

  next(row: number): number {
    return this.words[row * WORDS + NEXT]!;
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
      if (index[probe] !== hash || index[probe + 1]! > 0) continue;
      const row = rowOf(index[probe + 1]! - 1);
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

  /** Lays the record down that is in no list of the wheel: its row, or -1 when there is more to it than that. */
  rest(base: number, hash: number, pairs: Pairs): number {
    const { table, words } = this;
    if (!this.records.says(base)) return -1;
    const row = this.free > 0 ? this.free - 1 : this.slots;
    if ((row + 1) * WORDS > words.length) return -1;
    if (row === this.slots) populate(words, this.slots++, WORDS);
    else this.free = words[row * WORDS + NEXT]!;
    this.records.write(row * WORDS, base);
    table.closed++;
    renameCloser(pairs, words, row, base + 1, ~row);
    const { index } = table;
    index[locate(index, hash, base / L.FLOW_WORDS) + 1] = linkOf(row) + 1;
    table.release(base);
    return row;
  }

  /** Makes its record again, and gives it the place in the index: its base. The row stays in the wheel. */
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

  /** Its flow in a record that only shows it, until the next is shown. */
  show(row: number): number {
    const { shown } = this.table;
    this.records.make(row * WORDS, shown);
    return shown;
  }

  /** Gives back the memory of these rows. */
  discard(row: number, count: number): void {
    discard(this.words, row, count, WORDS);
  }

  /** It stands for no flow any more. */
  leave(row: number): void {
    this.words[row * WORDS + STATE] = 0;
    this.table.closed--;
  }

  /** The wheel has let go of it. */
  release(row: number): void {
    this.words[row * WORDS + NEXT] = this.free;
    this.free = row + 1;
  }

  /** Rows ever used: those below stand for a flow, or for none. */
  get used(): number {
    return this.slots;
  }
}

/** R of the pair (pairs.ts) names the connection by whose TIME_WAIT it was set. */
function renameCloser(pairs: Pairs, words: Int32Array, row: number, from: number, to: number): void {
  for (const ownerIsB of [false, true]) {
    if ((words[row * WORDS + (ownerIsB ? BITS_B : BITS)]! & SideBit.TIME_WAIT) === 0) continue;
    const at = pairs.direction(words[row * WORDS + PAIR]!, !ownerIsB) + P.R_FLOW;
    if (pairs.words[at] === from) pairs.words[at] = to;
  }
}
