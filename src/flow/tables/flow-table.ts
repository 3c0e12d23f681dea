/**
 * The flow records of one shard, and an index of them (hash-index.ts). Space for all records is reserved at the start,
 * but only pages that are used take memory.
 */
import { addon } from '../../capture/native.ts';
import { layout } from '../layout.ts';
import { doubled, enter, leave, locate } from './hash-index.ts';

const { L, FlowBit } = layout;

const FIRST_INDEX = 1 << 12;
/** Number of records whose pages are requested at once; single page faults cost four times as much (native/memory.c). */
const POPULATED = 2048;
/** Entries of `recent`: a quarter of a megabyte, so that it stays in the processor's second cache. */
const RECENT = 1 << 16;

/** Word offsets stay within 31 bits. */
const MAX_CAPACITY = Math.floor(0x7fff_ffff / L.FLOW_WORDS) - 2;

/** Reserves memory for `capacity` records, or for as many as the system grants (`ulimit -v`, strict overcommit). */
export function reserve(capacity: number, words: number): ArrayBuffer {
  for (let records = capacity; ; records = Math.ceil(records / 2)) {
    try {
      return new ArrayBuffer(records * words * 4);
    } catch (error) {
      if (records < 1024) throw error;
    }
  }
}

/** To be called before a slot is used for the first time; slots are used in ascending order. */
export function populate(words: Int32Array, slot: number, recordWords: number): void {
  if (slot % POPULATED === 0) addon?.populate(words, slot * recordWords, POPULATED * recordWords);
}

/** Returns to the system the memory of records that will not be read again. */
export function discard(words: Int32Array, slot: number, count: number, recordWords: number): void {
  addon?.discard(words, slot * recordWords, count * recordWords);
}

export class FlowTable {
  /** Views of the same records. A flow is addressed by its base: slot × L.FLOW_WORDS. */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly floats: Float32Array;
  readonly capacity: number;
  /** Bases of two extra records into which flows at rest are written to be read (lone-syns.ts, closed-flows.ts). */
  readonly spare: number;
  readonly shown: number;
  /** Number of records in use, including older incarnations. */
  size = 0;
  /** Number of records that were ever used: each of these slots is in use or free. */
  slots = 0;
  /** Number of flows in a compact form, which count too: lone SYNs (lone-syns.ts), closed flows (closed-flows.ts). */
  lone = 0;
  closed = 0;

  /**
   * Hash and slot + 1 of each flow; that number is below 0 for a closed flow at rest (closed-flows.ts). `indexed` counts
   * them.
   */
  index: Int32Array = new Int32Array(FIRST_INDEX * 2);
  indexed = 0;
  /** A stack of the bases of free records. */
  free: Int32Array = new Int32Array(FIRST_INDEX);
  freeCount = 0;
  /** Base + 1 of the flow found last for each value of the hash's low bits: saves most look-ups in a large index. */
  private readonly recent = new Int32Array(RECENT);
  /** Set by `find`: not 0 if a flow at rest has the same hash, so the tuple may have one (closed-flows.ts). */
  passed = 0;

  constructor(capacity: number) {
    const buffer = reserve(Math.min(capacity, MAX_CAPACITY) + 2, L.FLOW_WORDS);
    this.capacity = buffer.byteLength / (L.FLOW_WORDS * 4) - 2;
    this.spare = this.capacity * L.FLOW_WORDS;
    this.shown = this.spare + L.FLOW_WORDS;
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.floats = new Float32Array(buffer);
  }

  get full(): boolean {
    return this.size + this.lone + this.closed >= this.capacity;
  }

  /** Base of the newest incarnation of the tuple, or -1. `found` is Segment.found, or 0 if nobody looked ahead. */
  find(hash: number, hostA: number, hostB: number, ports: number, scope: number, found = 0): number {
    const { index, words, recent } = this;
    // If `found` is -1 the tuple is probably new: `recent` would only lead to the record of another flow.
    const near = found !== 0 ? found : recent[hash & (RECENT - 1)];
    if (near > 0) {
      const base = near - 1;
      if (
        words[base + L.PORTS] === ports &&
        words[base + L.HOST_A] === hostA &&
        words[base + L.HOST_B] === hostB &&
        words[base + L.SCOPE] === scope &&
        (words[base + L.STATE] & FlowBit.INDEXED) !== 0
      ) {
        return base;
      }
    }
    this.passed = 0;
    const mask = index.length - 2;
    for (let probe = (hash << 1) & mask; ; probe = (probe + 2) & mask) {
      const entry = index[probe + 1];
      if (entry === 0) return -1;
      if (index[probe] !== hash) continue;
      if (entry < 0) {
        this.passed = entry;
        continue;
      }
      const base = (entry - 1) * L.FLOW_WORDS;
      if (
        words[base + L.PORTS] === ports &&
        words[base + L.HOST_A] === hostA &&
        words[base + L.HOST_B] === hostB &&
        words[base + L.SCOPE] === scope
      ) {
        recent[hash & (RECENT - 1)] = base + 1;
        return base;
      }
    }
  }

  /** A zeroed record, not yet indexed. The table must not be full. */
  allocate(): number {
    this.size++;
    if (this.freeCount === 0) {
      populate(this.words, this.slots, L.FLOW_WORDS);
      return this.slots++ * L.FLOW_WORDS;
    }
    const base = this.free[--this.freeCount];
    this.words.fill(0, base, base + L.FLOW_WORDS);
    return base;
  }

  release(base: number): void {
    this.words[base + L.STATE] = FlowBit.FREE;
    if (this.freeCount === this.free.length) this.growFree();
    this.free[this.freeCount++] = base;
    this.size--;
  }

  growFree(): void {
    const grown = new Int32Array(this.free.length * 2);
    grown.set(this.free);
    this.free = grown;
  }

  /** From now on `find` returns this record for its tuple. */
  insert(hash: number, base: number): void {
    if (this.indexed * 2 >= this.index.length >>> 1) this.index = doubled(this.index);
    this.words[base + L.STATE] |= FlowBit.INDEXED;
    this.indexed++;
    enter(this.index, hash, base / L.FLOW_WORDS);
    this.recent[hash & (RECENT - 1)] = base + 1;
  }

  /** Replaces an older incarnation in the index by a newer one. */
  replace(hash: number, older: number, base: number): void {
    this.index[locate(this.index, hash, older / L.FLOW_WORDS) + 1] = base / L.FLOW_WORDS + 1;
    this.recent[hash & (RECENT - 1)] = base + 1;
    this.words[older + L.STATE] &= ~FlowBit.INDEXED;
    this.words[base + L.STATE] |= FlowBit.INDEXED;
  }

  remove(hash: number, base: number): void {
    this.unindex(hash, base / L.FLOW_WORDS);
    this.words[base + L.STATE] &= ~FlowBit.INDEXED;
  }

  /** Removes the entry of a slot, or of a row at rest (`linkOf` in closed-flows.ts). */
  unindex(hash: number, slot: number): void {
    leave(this.index, hash, slot);
    this.indexed--;
  }
}
