/** The number of packets of each connection, and the tuples that are reused. */
import type { Random } from './random.ts';
import { SHORTEST_CONNECTION, type Traffic } from './traffic.ts';

/** How a group shares its spare packets, those beyond the shortest connection: many short ones, a few long ones. */
const WEIGHTS = [0, 0, 0, 1, 0, 1, 24, 0, 2, 0, 1, 8, 1, 2, 4, 4];
const WEIGHT = WEIGHTS.reduce((a, b) => a + b);
const GROUP = WEIGHTS.length;

/** Packets per connection; their sum over all connections is exactly that of the traffic. */
export class Lengths {
  private readonly spare: number;
  private readonly connections: number;

  constructor({ packets, connections }: Traffic) {
    this.spare = packets - connections * SHORTEST_CONNECTION;
    this.connections = connections;
  }

  next(connection: number): number {
    return SHORTEST_CONNECTION + this.sparesBefore(connection + 1) - this.sparesBefore(connection);
  }

  /** Spare packets of the first `connections` connections together. */
  private sparesBefore(connections: number): number {
    if (connections === this.connections) return this.spare;
    const group = Math.floor(connections / GROUP) * GROUP;
    const from = Math.floor((group / this.connections) * this.spare);
    const to = Math.floor((Math.min(group + GROUP, this.connections) / this.connections) * this.spare);
    return from + Math.floor(((to - from) * SUMS[connections - group]) / WEIGHT);
  }
}

const SUMS = WEIGHTS.map((_, i) => WEIGHTS.slice(0, i).reduce((a, b) => a + b, 0));

const MOST = 1 << 20;
const TRIES = 4;
const WORDS = 3;

/** Tuples of recently closed connections, if any are to be reused. */
export class Closed {
  private readonly share: number;
  /** Least and greatest age of a reused tuple in µs. */
  private readonly youngest: number;
  private readonly oldest: number;
  private readonly capacity: number;
  /** Number of the latest tuples, which are still too young. */
  private readonly young: number;
  /** Client, server and ports of each tuple; -1 for one that has been taken. */
  private readonly tuples: Int32Array;
  private readonly times: Float64Array;
  private next = 0;

  constructor({ reuses, reuseFrom, reuseTo, rate, packets, connections }: Traffic) {
    const closedInASecond = rate / (packets / connections);
    this.share = reuses;
    this.youngest = reuseFrom * 1e6;
    this.oldest = reuseTo * 1e6;
    this.capacity = reuses > 0 ? Math.min(MOST, Math.ceil(closedInASecond * reuseTo)) : 0;
    this.young = Math.min(this.capacity - 1, Math.floor(closedInASecond * reuseFrom));
    this.tuples = new Int32Array(this.capacity * WORDS).fill(-1);
    this.times = new Float64Array(this.capacity);
  }

  put(now: number, words: Int32Array, from: number): void {
    if (this.capacity === 0) return;
    for (let i = 0; i < WORDS; i++) this.tuples[this.next * WORDS + i] = words[from + i];
    this.times[this.next] = now;
    this.next = (this.next + 1) % this.capacity;
  }

  /** With the probability of the share, copies an unused tuple of suitable age to `words[to]` and returns true. */
  take(random: Random, now: number, words: Int32Array, to: number): boolean {
    if (this.capacity === 0 || !random.chance(this.share)) return false;
    for (let tries = 0; tries < TRIES; tries++) {
      // The tuples after `next` are the oldest.
      const at = (this.next + random.below(this.capacity - this.young)) % this.capacity;
      const age = now - this.times[at];
      if (this.tuples[at * WORDS] < 0 || age < this.youngest || age >= this.oldest) continue;
      for (let i = 0; i < WORDS; i++) words[to + i] = this.tuples[at * WORDS + i];
      this.tuples[at * WORDS] = -1;
      return true;
    }
    return false;
  }
}
