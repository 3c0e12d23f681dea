/**
 * The flow records of one shard: an index (hash-index.ts) over a slab of records that is reserved at once and touched only
 * as flows come (untouched pages cost nothing).
 */
import { addon } from '../capture/native.ts';
import { doubled, enter, leave, locate } from './hash-index.ts';
import { layout } from './layout.ts';

const { L, FlowBit } = layout;

const FIRST_INDEX = 1 << 12;
/** Records whose pages are asked for at once: a fault for each page costs four times as much (native/memory.c). */
const POPULATED = 2048;
/** A quarter of a megabyte: stays in the processor's second cache. */
const RECENT = 1 << 16;

/** Word offsets stay within 31 bits. */
const MAX_CAPACITY = Math.floor(0x7fff_ffff / L.FLOW_WORDS) - 2;

/** Address space for so many records, or for as many as the system grants (`ulimit -v`, strict overcommit). */
export function reserve(capacity: number, words: number): ArrayBuffer {
  for (let records = capacity; ; records = Math.ceil(records / 2)) {
    try {
      return new ArrayBuffer(records * words * 4);
    } catch (error) {
      if (records < 1024) throw error;
    }
  }
}

/** Before a slot is used for the first time; slots are used in their order. */
export function populate(words: Int32Array, slot: number, recordWords: number): void {
  if (slot % POPULATED === 0) addon?.populate(words, slot * recordWords, POPULATED * recordWords);
}

/** Gives back the memory of records that nobody will look at again. */
export function discard(words: Int32Array, slot: number, count: number, recordWords: number): void {
  addon?.discard(words, slot * recordWords, count * recordWords);
}

export class FlowTable {
  /** Views of the same records. A flow is addressed by its base: slot × L.FLOW_WORDS. */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly floats: Float32Array;
  readonly capacity: number;
  /** Bases of records that are none of these: what rests is shown there (lone-syns.ts, closed-flows.ts). */
  readonly spare: number;
  readonly shown: number;
  /** Records in use, older incarnations included. */
  size = 0;
  /** Records ever used: slots below may be live or free. */
  slots = 0;
  /** Flows that are kept in another form, and count as well: lone SYNs (lone-syns.ts), and closed ones (closed-flows.ts). */
  lone = 0;
  closed = 0;

  /**
   * Hash and slot + 1 of each flow, less than 0 for one that has closed and rests (closed-flows.ts); and how many there
   * are.
   */
  index: Int32Array = new Int32Array(FIRST_INDEX * 2);
  indexed = 0;
  /** Bases of free records, the next to be taken last. */
  free: Int32Array = new Int32Array(FIRST_INDEX);
  freeCount = 0;
  /** Base + 1 of the flow found last with these low bits of its hash: spares most segments the way to a large index. */
  private readonly recent = new Int32Array(RECENT);
  /** What `find` came upon that has the hash and rests, or 0: a flow of that tuple may (closed-flows.ts). */
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

  /** Base of the newest incarnation of the tuple, or -1. `found` is Segment.found: of what was looked for, or 0. */
  find(hash: number, hostA: number, hostB: number, ports: number, scope: number, found = 0): number {
    const { index, words, recent } = this;
    // Of a tuple that is probably new, the way through the index is shorter than to a record that is another's.
    const near = found !== 0 ? found : recent[hash & (RECENT - 1)]!;
    if (near > 0) {
      const base = near - 1;
      if (
        words[base + L.PORTS] === ports &&
        words[base + L.HOST_A] === hostA &&
        words[base + L.HOST_B] === hostB &&
        words[base + L.SCOPE] === scope &&
        (words[base + L.STATE]! & FlowBit.INDEXED) !== 0
      ) {
        return base;
      }
    }
    this.passed = 0;
    const mask = index.length - 2;
    for (let probe = (hash << 1) & mask; ; probe = (probe + 2) & mask) {
      const entry = index[probe + 1]!;
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
    const base = this.free[--this.freeCount]!;
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

  /** Makes the record the one that `find` gives for its tuple. */
  insert(hash: number, base: number): void {
    if (this.indexed * 2 >= this.index.length >>> 1) this.index = doubled(this.index);
    this.words[base + L.STATE]! |= FlowBit.INDEXED;
    this.indexed++;
    enter(this.index, hash, base / L.FLOW_WORDS);
    this.recent[hash & (RECENT - 1)] = base + 1;
  }

  /** Lets a newer incarnation take an older one's place in the index. */
  replace(hash: number, older: number, base: number): void {
    this.index[locate(this.index, hash, older / L.FLOW_WORDS) + 1] = base / L.FLOW_WORDS + 1;
    this.recent[hash & (RECENT - 1)] = base + 1;
    this.words[older + L.STATE]! &= ~FlowBit.INDEXED;
    this.words[base + L.STATE]! |= FlowBit.INDEXED;
  }

  remove(hash: number, base: number): void {
    this.unindex(hash, base / L.FLOW_WORDS);
    this.words[base + L.STATE]! &= ~FlowBit.INDEXED;
  }

  /** Of a slot, or what stands for one. */
  unindex(hash: number, slot: number): void {
    leave(this.index, hash, slot);
    this.indexed--;
  }
}
