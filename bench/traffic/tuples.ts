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

/** µs: a tuple comes back within 2 MSL of its close or not at all. */
const YOUNG = 60e6;
const MOST = 1 << 20;
const WORDS = 3;

/** Tuples of the connections that closed in the last minute, if any shall be reused. */
export class Closed {
  private readonly share: number;
  private readonly capacity: number;
  /** Client, server, ports; -1 for one that has been taken. */
  private readonly tuples: Int32Array;
  private readonly times: Float64Array;
  private next = 0;

  constructor({ reuses, rate, packets, connections }: Traffic) {
    const closedInAMinute = Math.ceil((rate / (packets / connections)) * (YOUNG / 1e6));
    this.share = reuses;
    this.capacity = reuses > 0 ? Math.min(MOST, closedInAMinute) : 0;
    this.tuples = new Int32Array(this.capacity * WORDS).fill(-1);
    this.times = new Float64Array(this.capacity);
  }

  put(now: number, words: Int32Array, from: number): void {
    if (this.capacity === 0) return;
    for (let i = 0; i < WORDS; i++) this.tuples[this.next * WORDS + i] = words[from + i]!;
    this.times[this.next] = now;
    this.next = (this.next + 1) % this.capacity;
  }

  /** For a share of the calls: a tuple, of any age below a minute, that nobody has taken since. */
  take(random: Random, now: number, words: Int32Array, to: number): boolean {
    if (this.capacity === 0 || !random.chance(this.share)) return false;
    const at = random.below(this.capacity);
    if (this.tuples[at * WORDS]! < 0 || now - this.times[at]! >= YOUNG) return false;
    for (let i = 0; i < WORDS; i++) words[to + i] = this.tuples[at * WORDS + i]!;
    this.tuples[at * WORDS] = -1;
    return true;
  }
}
