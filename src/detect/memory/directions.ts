/**
 * What a detector remembers of a client and a server (a direction of a host pair) for the whole run. The flow table's
 * record of a host pair is dropped with its last flow; what is kept here is found again when the pair returns. If there
 * are too many, those that were not used for long are dropped, and counted. Every SYN is looked up here, and each may
 * belong to a new pair. Therefore the keys are words in a typed array, not objects.
 */
import { type Ends, endsOf } from '../../flow/ends.ts';
import { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { pairHash } from '../../flow/tables/pairs.ts';
import { enterSlot, leaveSlot } from '../../flow/tables/slot-index.ts';
import type { Tracker } from '../../flow/tracker.ts';

const { FlowBit } = layout;

/** Directions remembered by one shard. */
const CAPACITY = 1 << 16;
const FIRST_ENTRIES = 256;
/** Most dropped directions that are recognised if they come back: a megabyte, once something was dropped. */
const MOST_DROPPED = 1 << 18;

/**
 * Words of an entry: the ends of the connection seen first, whether it was used, how often the entry was given to
 * another direction, and the epoch in which it was last used.
 */
const CLIENT = 0;
const SERVER = 1;
const SCOPE = 2;
const PAIR = 3;
/** Client port << 16 | server port. */
const PORTS = 4;
const CLIENT_IS_B = 5;
/** Since the hand last passed. */
const USED = 6;
const GENERATION = 7;
const EPOCH = 8;
const WORDS = 9;

/**
 * A cache by slot of the host pair and by direction: the entry + 1, its generation, and the serial number of the pair's
 * record for which it was found.
 */
const ENTRY = 0;
const ENTRY_GENERATION = 1;
const SERIAL = 2;
const CACHED_WORDS = 3;
/**
 * In place of an entry. UNKNOWN: it has not been looked up. NONE: it was looked up, did not exist, and has not been
 * made since.
 */
const UNKNOWN = -1;
const NONE = -2;

/** The direction from a client to its server, given as a flow, or as ends if the flow's record may be gone. */
type Direction = Flow | Ends;

const toEnds = (direction: Direction): Ends => (direction instanceof Flow ? endsOf(direction) : direction);
const isFromB = (direction: Direction): boolean =>
  direction instanceof Flow ? direction.has(FlowBit.CLIENT_IS_B) : direction.clientIsB;
const placeOf = (direction: Direction): number => (direction.pair * 2 + (isFromB(direction) ? 1 : 0)) * CACHED_WORDS;

interface Handlers<T> {
  evicted?: (value: T) => void;
  stepped?: (value: T) => void;
  missed?: () => void;
  capacity?: number | undefined;
}

export class Directions<T> {
  private readonly capacity: number;
  private readonly make: () => T;
  private readonly evicted: (value: T) => void;
  private readonly stepped: (value: T) => void;
  private readonly missed: (() => void) | undefined;
  private words = new Int32Array(FIRST_ENTRIES * WORDS);
  private readonly values: T[] = [];
  /** Entry + 1 by hash, open addressing; 0 is empty. */
  private index = new Int32Array(FIRST_ENTRIES * 2);
  /** The next entry to be dropped, unless it was used since the hand last passed it (second chance). */
  private hand = 0;
  private cached = new Int32Array(FIRST_ENTRIES * CACHED_WORDS);
  /** Hashes of directions that were dropped and have not come back, each at the place that its lower bits say. */
  private dropped: Int32Array | undefined;

  /**
   * `evicted` is called for a value that is dropped; `stepped` for one that was last used before a step of the clock, as
   * times in it mean nothing any more; `missed` when something is made anew for a direction of which something was
   * dropped, not always if very many were.
   */
  constructor(make: () => T, { evicted, stepped, missed, capacity }: Handlers<T>) {
    this.make = make;
    this.evicted = evicted ?? (() => {});
    this.stepped = stepped ?? (() => {});
    this.missed = missed;
    this.capacity = capacity ?? CAPACITY;
  }

  /** What is remembered of the direction. It is made if there is nothing. */
  of(direction: Direction, tracker: Tracker): T {
    let entry = this.cachedOf(direction, tracker);
    if (entry < 0) {
      const ends = toEnds(direction);
      entry = this.find(ends, tracker);
      this.remember(ends, entry, tracker);
    }
    return this.valueOf(entry, tracker);
  }

  /** The same, but undefined if there is nothing. */
  known(direction: Direction, tracker: Tracker): T | undefined {
    let entry = this.cachedOf(direction, tracker);
    if (entry === UNKNOWN) {
      entry = this.lookUp(toEnds(direction));
      if (entry < 0) this.rememberNone(direction, tracker);
    }
    return entry < 0 ? undefined : this.valueOf(entry, tracker);
  }

  /** The same, from the cache only: also undefined if `of` has not been called since the pair came or returned. */
  peek(direction: Direction, tracker: Tracker): T | undefined {
    const entry = this.cachedOf(direction, tracker);
    return entry < 0 ? undefined : this.valueOf(entry, tracker);
  }

  get size(): number {
    return this.values.length;
  }

  /** Everything remembered, with the ends of the connection that was seen first. */
  *[Symbol.iterator](): Generator<[Ends, T]> {
    for (let entry = 0; entry < this.values.length; entry++) yield [this.endsOf(entry), this.values[entry]];
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    for (let base = 0; base < this.values.length * WORDS; base += WORDS) {
      visit(this.words[base + CLIENT], this.words[base + SCOPE]);
      visit(this.words[base + SERVER], this.words[base + SCOPE]);
    }
  }

  private valueOf(entry: number, { epoch }: Tracker): T {
    const value = this.values[entry];
    if (this.words[entry * WORDS + EPOCH] !== epoch) {
      this.words[entry * WORDS + EPOCH] = epoch;
      this.stepped(value);
    }
    return value;
  }

  private endsOf(entry: number): Ends {
    const { words } = this;
    const base = entry * WORDS;
    return {
      pair: words[base + PAIR],
      scope: words[base + SCOPE],
      clientIsB: words[base + CLIENT_IS_B] === 1,
      client: words[base + CLIENT],
      clientPort: words[base + PORTS] >>> 16,
      server: words[base + SERVER],
      serverPort: words[base + PORTS] & 0xffff,
    };
  }

  /** The entry that was last found for this record of the pair, or UNKNOWN, or NONE. */
  private cachedOf(direction: Direction, { pairs }: Tracker): number {
    const { cached, words } = this;
    const at = placeOf(direction);
    if (at >= cached.length || cached[at + SERIAL] !== pairs.serial(direction.pair)) return UNKNOWN;
    const entry = cached[at + ENTRY] - 1;
    if (entry < 0) return entry;
    if (words[entry * WORDS + GENERATION] !== cached[at + ENTRY_GENERATION]) return UNKNOWN;
    words[entry * WORDS + USED] = 1;
    return entry;
  }

  private rememberNone(direction: Direction, { pairs }: Tracker): void {
    const at = placeOf(direction);
    // The cache does not grow for directions of which nothing is remembered.
    if (at >= this.cached.length) return;
    this.cached[at + ENTRY] = NONE + 1;
    this.cached[at + SERIAL] = pairs.serial(direction.pair);
  }

  private remember(ends: Ends, entry: number, { pairs }: Tracker): void {
    const { pair } = ends;
    const at = placeOf(ends);
    while (at >= this.cached.length) this.cached = grown(this.cached);
    this.cached[at + ENTRY] = entry + 1;
    this.cached[at + ENTRY_GENERATION] = this.words[entry * WORDS + GENERATION];
    this.cached[at + SERIAL] = pairs.serial(pair);
  }

  /** The entry of the direction, or -1. */
  private lookUp({ client, server, scope }: Ends): number {
    const { words, index } = this;
    const mask = index.length - 1;
    for (let probe = pairHash(client, server, scope) & mask; index[probe] !== 0; probe = (probe + 1) & mask) {
      const base = (index[probe] - 1) * WORDS;
      if (words[base + CLIENT] === client && words[base + SERVER] === server && words[base + SCOPE] === scope) {
        words[base + USED] = 1;
        return index[probe] - 1;
      }
    }
    return -1;
  }

  private find(ends: Ends, { epoch }: Tracker): number {
    const { pair, clientIsB, client, server, scope } = ends;
    const known = this.lookUp(ends);
    if (known >= 0) return known;
    const entry = this.values.length < this.capacity ? this.append() : this.evictOne();
    const { words } = this;
    const base = entry * WORDS;
    words[base + CLIENT] = client;
    words[base + SERVER] = server;
    words[base + SCOPE] = scope;
    words[base + PAIR] = pair;
    words[base + PORTS] = (ends.clientPort << 16) | ends.serverPort;
    words[base + CLIENT_IS_B] = clientIsB ? 1 : 0;
    words[base + USED] = 0;
    words[base + EPOCH] = epoch;
    this.values[entry] = this.make();
    const hash = this.hashOf(entry);
    enterSlot(this.index, hash, entry);
    if (this.dropped !== undefined) this.askedAgain(this.dropped, hash);
    return entry;
  }

  private append(): number {
    const entry = this.values.length;
    if ((entry + 1) * WORDS > this.words.length) this.words = grown(this.words);
    if ((entry + 1) * 2 > this.index.length) {
      this.index = new Int32Array(this.index.length * 2);
      for (let other = 0; other < entry; other++) enterSlot(this.index, this.hashOf(other), other);
    }
    return entry;
  }

  /** Drops an entry that has not been used for a while and returns its number. */
  private evictOne(): number {
    const { words } = this;
    for (;;) {
      const entry = this.hand;
      const base = entry * WORDS;
      this.hand = (entry + 1) % this.capacity;
      if (words[base + USED] === 1) {
        words[base + USED] = 0;
        continue;
      }
      leaveSlot(this.index, entry, this.hashOf);
      if (this.missed !== undefined) this.noteDropped(this.hashOf(entry));
      words[base + GENERATION]++;
      this.evicted(this.values[entry]);
      return entry;
    }
  }

  private noteDropped(hash: number): void {
    this.dropped ??= new Int32Array(MOST_DROPPED);
    this.dropped[hash & (MOST_DROPPED - 1)] = markOf(hash);
  }

  private askedAgain(dropped: Int32Array, hash: number): void {
    const place = hash & (MOST_DROPPED - 1);
    if (dropped[place] !== markOf(hash)) return;
    dropped[place] = 0;
    this.missed?.();
  }

  private readonly hashOf = (entry: number): number => {
    const base = entry * WORDS;
    return pairHash(this.words[base + CLIENT], this.words[base + SERVER], this.words[base + SCOPE]);
  };
}

/** What stands for a hash at its place, which its lower bits say: never 0, as an empty place has. */
const markOf = (hash: number): number => hash | 1;

function grown(words: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(words.length * 2);
  larger.set(words);
  return larger;
}
