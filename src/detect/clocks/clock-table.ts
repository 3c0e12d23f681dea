/**
 * Pairs of client and server whose clocks are looked at. This is a hash table with open addressing over 32-bit words,
 * because a busy capture may have as many pairs as connections. When it is full, an entry that has not been used for a
 * while is replaced (second chance).
 */
import { pairHash } from '../../flow/tables/pairs.ts';
import { enterSlot, leaveSlot, locateSlot } from '../../flow/tables/slot-index.ts';

/** Words of an entry. */
const CLIENT = 0;
const SERVER = 1;
const SCOPE = 2;
/** Used since the hand last passed; 0 also in a free entry. */
const USED = 3;
/** Slots + 1 of its oldest and newest sample in the store, how many are held, and how many connections there were. */
const OLDEST = 4;
const NEWEST = 5;
const HELD = 6;
const SEEN = 7;
/** EPOCH: epoch of the newest connection, plus 1. STEPPED: 1 if there were connections of two epochs. */
const EPOCH = 8;
const STEPPED = 9;
/** Index of the regime found so far, and the number of connections from which it was found. */
const REGIME = 10;
const AS_OF = 11;
/** When the newest connection was opened, in whole seconds. */
const NEWEST_SECOND = 12;
/** Number of connections from which it was last judged. */
const JUDGED = 13;
/** 1 while it waits to be judged again. */
const WAITS = 14;
const WORDS = 15;

export const Entry = {
  OLDEST,
  NEWEST,
  HELD,
  SEEN,
  EPOCH,
  STEPPED,
  REGIME,
  AS_OF,
  NEWEST_SECOND,
  JUDGED,
  WAITS,
  WORDS,
} as const;

/** Room for entries at first, 60 bytes each; it grows with their number. */
const FIRST_ENTRIES = 256;

/** `V`: what is kept for an entry besides words. */
export class ClockTable<V> {
  /** An entry's words begin at its base. They move when an entry is added. */
  words: Int32Array;
  size = 0;
  private readonly values: (V | undefined)[] = [];
  private readonly capacity: number;
  /** Entry number + 1, 0 = empty; twice as many places as entries. */
  private index: Int32Array;
  private mask: number;
  private hand = 0;

  /** `capacity` must be a power of two. */
  constructor(capacity: number) {
    const entries = Math.min(capacity, FIRST_ENTRIES);
    this.capacity = capacity;
    this.words = new Int32Array(entries * WORDS);
    this.index = new Int32Array(2 * entries);
    this.mask = 2 * entries - 1;
  }

  get full(): boolean {
    return this.size === this.capacity;
  }

  /** Base of the entry, or -1. */
  find(client: number, server: number, scope: number): number {
    const base = this.peek(client, server, scope);
    if (base >= 0) this.words[base + USED] = 1;
    return base;
  }

  /** The same without counting as a use: what is only looked at must not stay for longer than it would have. */
  peek(client: number, server: number, scope: number): number {
    const { words, index, mask } = this;
    let probe = pairHash(client, server, scope) & mask;
    for (let entry = index[probe]; entry !== 0; entry = index[probe]) {
      const base = (entry - 1) * WORDS;
      if (words[base + CLIENT] === client && words[base + SERVER] === server && words[base + SCOPE] === scope) {
        return base;
      }
      probe = (probe + 1) & mask;
    }
    return -1;
  }

  /** A new entry; there must be room. */
  add(client: number, server: number, scope: number): number {
    if (this.size * WORDS === this.words.length) this.grow();
    const { words } = this;
    const number = this.size++;
    const base = number * WORDS;
    for (let i = 0; i < WORDS; i++) words[base + i] = 0;
    this.values[number] = undefined;
    words[base + CLIENT] = client;
    words[base + SERVER] = server;
    words[base + SCOPE] = scope;
    enterSlot(this.index, pairHash(client, server, scope), number);
    return base;
  }

  /** Base of the entry to be replaced next. Its samples must be released before `remove`. */
  victim(): number {
    const { words } = this;
    for (;;) {
      if (this.hand >= this.size) this.hand = 0;
      const base = this.hand * WORDS;
      if (words[base + USED] === 0) return base;
      words[base + USED] = 0;
      this.hand++;
    }
  }

  /** Keeps the victim for now; another entry is considered next. */
  pass(): void {
    this.hand++;
  }

  /** Removes an entry; the last entry moves to its place. */
  remove(base: number): void {
    const { words, index, values, hashOf } = this;
    const number = base / WORDS;
    leaveSlot(index, number, hashOf);
    const last = --this.size;
    if (last === number) return;
    index[locateSlot(index, hashOf(last), last)] = number + 1;
    for (let i = 0; i < WORDS; i++) words[base + i] = words[last * WORDS + i];
    values[number] = values[last];
  }

  /** Bases of all entries. */
  *[Symbol.iterator](): Generator<number> {
    for (let number = 0; number < this.size; number++) yield number * WORDS;
  }

  value = (base: number): V | undefined => this.values[base / WORDS];

  setValue(base: number, value: V | undefined): void {
    this.values[base / WORDS] = value;
  }

  client = (base: number): number => this.words[base + CLIENT];
  server = (base: number): number => this.words[base + SERVER];
  scope = (base: number): number => this.words[base + SCOPE];

  private grow(): void {
    const words = new Int32Array(2 * this.words.length);
    words.set(this.words);
    this.words = words;
    this.index = new Int32Array(2 * this.index.length);
    this.mask = this.index.length - 1;
    for (let number = 0; number < this.size; number++) enterSlot(this.index, this.hashOf(number), number);
  }

  private readonly hashOf = (number: number): number => {
    const base = number * WORDS;
    return pairHash(this.client(base), this.server(base), this.scope(base));
  };
}
