/**
 * When a shard of a live run judges what has come so far, by the packets' time: everything every few seconds, what is new
 * a few times a second, and everything at once where a rule needs what the other shards know. All shards judge
 * everything at the same slabs.
 */
import { MICROSECOND, MILLISECOND, type Nanos } from '../base/time.ts';

/** With what a silent link is behind (capture/live-source.ts), and what waits to be stored, it stays below two seconds. */
const GLANCE_EVERY: Nanos = 250 * MILLISECOND;
/** Where a rule asks for it, so much lies in between at the least, and so much for each flow: it may walk all of them. */
const APART: Nanos = 500 * MILLISECOND;
const APART_FOR_A_FLOW: Nanos = 5 * MICROSECOND;

export class JudgingTimes {
  /** Undefined: never, as over files. */
  private readonly every: Nanos | undefined;
  private next: Nanos = Number.NEGATIVE_INFINITY;
  private nextGlance: Nanos = Number.NEGATIVE_INFINITY;
  private mayJudge: Nanos = Number.NEGATIVE_INFINITY;
  private isWanted = false;

  constructor(every: Nanos | undefined) {
    this.every = every;
  }

  /** After a step of the clock. */
  begin(): void {
    this.next = Number.NEGATIVE_INFINITY;
    this.nextGlance = Number.NEGATIVE_INFINITY;
    this.mayJudge = Number.NEGATIVE_INFINITY;
  }

  /** A verdict on more than this shard knows may be due. */
  readonly want = (): void => {
    this.isWanted = this.every !== undefined;
  };

  /** All shards should judge, and it is not too soon. */
  wants(now: Nanos): boolean {
    return this.isWanted && now >= this.mayJudge;
  }

  /** `asked`: all shards are to judge now. True each time once. */
  isTime(now: Nanos, asked: boolean, flows: number): boolean {
    const { every, next } = this;
    if (every === undefined || !Number.isFinite(now) || (now < next && !asked)) return false;
    this.next = now + every;
    this.mayJudge = now + Math.max(APART, flows * APART_FOR_A_FLOW);
    // Nothing has been seen by which to judge.
    if (next === Number.NEGATIVE_INFINITY && !asked) return false;
    this.isWanted = false;
    return true;
  }

  isTimeToGlance(now: Nanos): boolean {
    if (this.every === undefined || !Number.isFinite(now) || now < this.nextGlance) return false;
    this.nextGlance = now + GLANCE_EVERY;
    return true;
  }
}
