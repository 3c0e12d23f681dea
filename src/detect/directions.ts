/**
 * What a detector remembers of a client and a server (a direction of a host pair) for as long as the run lasts. A
 * host pair's own record goes with its last flow; this one is found again when the pair comes back. Those long
 * unused go when there are too many, which is counted.
 */
import { type Ends, endsOf } from '../flow/ends.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import type { Tracker } from '../flow/tracker.ts';

const { FlowBit } = layout;

/** Directions remembered by one shard. */
const CAPACITY = 1 << 16;

interface Entry<T> {
  ends: Ends;
  value: T;
  /** Since it was last passed over. */
  used: boolean;
  gone: boolean;
}

export class Directions<T> {
  private readonly capacity: number;
  private readonly make: () => T;
  private readonly evicted: (value: T) => void;
  /** The first goes first, unless it was used since it came there (second chance). */
  private readonly entries = new Map<string, Entry<T>>();
  /** Stands at the first: a new iterator would have to pass over all that were deleted before it. */
  private hand = this.entries.entries();
  /** By slot of the host pair and direction: the record that the entry was found for, and the entry. */
  private readonly serials: number[] = [];
  private readonly cached: Entry<T>[] = [];

  constructor(make: () => T, evicted: (value: T) => void, capacity = CAPACITY) {
    this.make = make;
    this.evicted = evicted;
    this.capacity = capacity;
  }

  /** What is remembered of the direction in which the flow was opened; made when there is nothing. */
  of(flow: Flow, tracker: Tracker): T {
    const cached = this.cachedOf(flow.pair, flow.has(FlowBit.CLIENT_IS_B), tracker);
    return cached === undefined ? this.remember(endsOf(flow), tracker) : cached.value;
  }

  /** The same, undefined when there is nothing. */
  known(flow: Flow, tracker: Tracker): T | undefined {
    const cached = this.cachedOf(flow.pair, flow.has(FlowBit.CLIENT_IS_B), tracker);
    return cached === undefined ? this.entries.get(keyOf(endsOf(flow)))?.value : cached.value;
  }

  /** The same without making or looking up anything: undefined when nothing was asked for since the pair came (back). */
  peek(pair: number, clientIsB: boolean, tracker: Tracker): T | undefined {
    return this.cachedOf(pair, clientIsB, tracker)?.value;
  }

  /** The same for what outlived its flow record. */
  ofEnds(ends: Ends, tracker: Tracker): T {
    return this.cachedOf(ends.pair, ends.clientIsB, tracker)?.value ?? this.remember(ends, tracker);
  }

  private cachedOf(pair: number, clientIsB: boolean, { pairs }: Tracker): Entry<T> | undefined {
    const slot = pair * 2 + (clientIsB ? 1 : 0);
    const entry = this.cached[slot];
    if (entry === undefined || this.serials[slot] !== pairs.serial(pair) || entry.gone) return undefined;
    entry.used = true;
    return entry;
  }

  private remember(ends: Ends, { pairs }: Tracker): T {
    const slot = ends.pair * 2 + (ends.clientIsB ? 1 : 0);
    const entry = this.find(ends);
    this.serials[slot] = pairs.serial(ends.pair);
    this.cached[slot] = entry;
    return entry.value;
  }

  /** Everything remembered, with the ends of the connection that was seen first. */
  *[Symbol.iterator](): Generator<[Ends, T]> {
    for (const { ends, value } of this.entries.values()) yield [ends, value];
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    for (const { ends } of this.entries.values()) {
      visit(ends.client, ends.scope);
      visit(ends.server, ends.scope);
    }
  }

  private find(ends: Ends): Entry<T> {
    const key = keyOf(ends);
    const known = this.entries.get(key);
    if (known !== undefined) {
      known.used = true;
      return known;
    }
    const entry = { ends, value: this.make(), used: false, gone: false };
    this.entries.set(key, entry);
    if (this.size > this.capacity) this.evictOne();
    return entry;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Forgets one that has not been used for long. */
  evictOne(): void {
    while (this.size > 0) {
      const { value: first, done } = this.hand.next();
      if (done) {
        this.hand = this.entries.entries();
        continue;
      }
      const [key, entry] = first;
      this.entries.delete(key);
      if (entry.used) {
        entry.used = false;
        this.entries.set(key, entry);
        continue;
      }
      entry.gone = true;
      this.evicted(entry.value);
      return;
    }
  }
}

const keyOf = ({ client, server, scope }: Ends): string => `${client} ${server} ${scope}`;
