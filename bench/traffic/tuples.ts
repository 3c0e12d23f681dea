/** How many packets each connection has, and which tuples come back. */
import type { Random } from './random.ts';
import { SHORTEST_CONNECTION, type Traffic } from './traffic.ts';

/** How a group of connections shares the packets beyond the shortest: many short, a few long. The sum is the divisor. */
const WEIGHTS = [0, 0, 0, 1, 0, 1, 24, 0, 2, 0, 1, 8, 1, 2, 4, 4];
const WEIGHT = WEIGHTS.reduce((a, b) => a + b);
const GROUP = WEIGHTS.length;

/** Packets per connection; over all connections exactly as many as the traffic shall have. */
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

  /** Packets beyond the shortest that the first so many connections have. */
  private sparesBefore(connections: number): number {
    if (connections === this.connections) return this.spare;
    const group = Math.floor(connections / GROUP) * GROUP;
    const from = Math.floor((group / this.connections) * this.spare);
    const to = Math.floor((Math.min(group + GROUP, this.connections) / this.connections) * this.spare);
    return from + Math.floor(((to - from) * SUMS[connections - group]!) / WEIGHT);
  }
}

const SUMS = WEIGHTS.map((_, i) => WEIGHTS.slice(0, i).reduce((a, b) => a + b, 0));

const MOST = 1 << 20;
const TRIES = 4;
const WORDS = 3;

/** Tuples of the connections that closed lately, if any shall be reused. */
export class Closed {
  private readonly share: number;
  /** Ages of a tuple that comes back, in µs. */
  private readonly youngest: number;
  private readonly oldest: number;
  private readonly capacity: number;
  /** The latest of them, which are too young. */
  private readonly young: number;
  /** Client, server, ports; -1 for one that has been taken. */
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
    for (let i = 0; i < WORDS; i++) this.tuples[this.next * WORDS + i] = words[from + i]!;
    this.times[this.next] = now;
    this.next = (this.next + 1) % this.capacity;
  }

  /** For a share of the calls: a tuple of an age that was asked for, which nobody has taken since. */
  take(random: Random, now: number, words: Int32Array, to: number): boolean {
    if (this.capacity === 0 || !random.chance(this.share)) return false;
    for (let tries = 0; tries < TRIES; tries++) {
      // Those behind `next` are the oldest.
      const at = (this.next + random.below(this.capacity - this.young)) % this.capacity;
      const age = now - this.times[at]!;
      if (this.tuples[at * WORDS]! < 0 || age < this.youngest || age >= this.oldest) continue;
      for (let i = 0; i < WORDS; i++) words[to + i] = this.tuples[at * WORDS + i]!;
      this.tuples[at * WORDS] = -1;
      return true;
    }
    return false;
  }
}
