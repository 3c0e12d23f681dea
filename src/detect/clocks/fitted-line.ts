/**
 * A line of one tick rate through (time, TSval), with the connections on it. It is *proved* if connections at random
 * offsets would put so many of themselves on one line in less than one of a million captures. Connections of one tuple
 * count once, because a host with an offset for each tuple returns to the same line there (docs/rules.md B7, D1.4).
 */
import type { Nanos } from '../../base/time.ts';
import { ahead, looseTicks, steadyTicks } from './clock-rate.ts';
import { type ClockSample, tupleOf } from './clock-sample.ts';

/** Logarithm of the probability below which a line is not explained by chance. */
const PROOF = Math.log(1e-6);
/** Logarithms of the assumed probabilities that the path did not delay a connection of the line, and that it did. */
const STEADY_SHARE = Math.log(0.9);
const LOOSE_SHARE = Math.log(0.1);
/** TSvals are numbers on a circle of this length. */
export const CIRCLE = 2 ** 32;

export class Line {
  readonly hz: number;
  /** In time order. */
  members: ClockSample[];
  /** The different tuples of the members. */
  readonly tuples: Set<number>;
  /** Members that lie on it although no delay of the path is assumed for them. */
  steady = 0;
  proved = false;
  /** Another rate explains the same connections about as well. */
  rivalled = false;
  /** Its newest first TSval of a connection, and its newest TSval of all. */
  at: Nanos;
  private tsval: number;
  private lateAt: Nanos;
  private lateTsval: number;
  /** Logarithm of the probability that all members but the first are on it by chance. */
  private chance = 0;

  constructor(first: ClockSample, hz: number) {
    this.hz = hz;
    this.members = [first];
    this.tuples = new Set([tupleOf(first)]);
    this.at = first.at;
    this.tsval = first.tsval;
    this.lateAt = first.lastAt;
    this.lateTsval = first.lastTsval;
  }

  /** Ticks by which a connection begins ahead of the line. */
  off({ at, tsval }: ClockSample): number {
    return this.isNearLate(at)
      ? ahead(this.hz, this.lateAt, this.lateTsval, at, tsval)
      : ahead(this.hz, this.at, this.tsval, at, tsval);
  }

  /** Ticks by which it may be off if the path delays packets by up to `delay` seconds. */
  reach(sample: ClockSample, delay: number): number {
    return looseTicks(this.hz, this.since(sample), delay);
  }

  /** Of the two newest points the one nearer in time is used: the clock has drifted less since then. */
  private isNearLate(at: Nanos): boolean {
    return Math.abs(at - this.lateAt) < at - this.at;
  }

  private since({ at }: ClockSample): Nanos {
    return this.isNearLate(at) ? at - this.lateAt : at - this.at;
  }

  join(sample: ClockSample, delay: number): void {
    const tuple = tupleOf(sample);
    if (!this.tuples.has(tuple)) {
      const steady = steadyTicks(this.hz, this.since(sample));
      const isSteady = Math.abs(this.off(sample)) <= steady;
      const ticks = isSteady ? steady : this.reach(sample, delay);
      const window = Math.min(1, (2 * ticks + 1) / CIRCLE);
      this.chance += Math.log(window) - (isSteady ? STEADY_SHARE : LOOSE_SHARE);
      if (isSteady) this.steady++;
      this.tuples.add(tuple);
    }
    this.members.push(sample);
    this.at = sample.at;
    this.tsval = sample.tsval;
    if (sample.lastAt <= this.lateAt) return;
    this.lateAt = sample.lastAt;
    this.lateTsval = sample.lastTsval;
  }

  /**
   * Decides whether the line is proved, as one of `n` connections and if a clock has its rate with the probability `odds`.
   *
   * The expected number of sets of s connections, among n at random offsets, that lie together by chance is at most
   * C(n, s) · s^(s-2) · p^(s-1). There are s^(s-2) trees that join s points (Cayley), and each of the s-1 edges of a tree
   * exists with probability p, the window's share of 2^32.
   */
  prove(n: number, odds: number): void {
    const s = this.tuples.size;
    this.proved = s > 1 && logChoose(n, s) + (s - 2) * Math.log(s) + this.chance - Math.log(odds) < PROOF;
  }
}

function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}
