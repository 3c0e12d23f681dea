/**
 * When a shard of a live run judges the run so far, by capture time: everything every few seconds, what is new a few
 * times a second, and everything at once when a rule needs to know about the other shards. All shards judge everything
 * at the same slabs.
 */
import { MICROSECOND, MILLISECOND, type Nanos } from '../base/time.ts';

/** Together with the delay of a silent link (capture/live/live-source.ts) and of storing, this stays below two seconds. */
const GLANCE_EVERY: Nanos = 250 * MILLISECOND;
/** Least time between judgings that rules request: a fixed part, and one per flow, as judging may walk all flows. */
const APART: Nanos = 500 * MILLISECOND;
const APART_FOR_A_FLOW: Nanos = 5 * MICROSECOND;

export class JudgingTimes {
  /** Interval between regular judgings; undefined: never, as for files. */
  private readonly every: Nanos | undefined;
  private next: Nanos = Number.NEGATIVE_INFINITY;
  private nextGlance: Nanos = Number.NEGATIVE_INFINITY;
  private mayJudge: Nanos = Number.NEGATIVE_INFINITY;
  private isWanted = false;

  constructor(every: Nanos | undefined) {
    this.every = every;
  }

  /** Starts again after a step of the clock. */
  begin(): void {
    this.next = Number.NEGATIVE_INFINITY;
    this.nextGlance = Number.NEGATIVE_INFINITY;
    this.mayJudge = Number.NEGATIVE_INFINITY;
  }

  /** Requests a judging: a verdict that depends on other shards may be due. */
  readonly want = (): void => {
    this.isWanted = this.every !== undefined;
  };

  /** Whether all shards should judge, and it is not too soon. */
  wants(now: Nanos): boolean {
    return this.isWanted && now >= this.mayJudge;
  }

  /** Whether to judge now; true once each time. `asked`: all shards must judge now. */
  isTime(now: Nanos, asked: boolean, flows: number): boolean {
    const { every, next } = this;
    if (every === undefined || !Number.isFinite(now) || (now < next && !asked)) return false;
    this.next = now + every;
    this.mayJudge = now + Math.max(APART, flows * APART_FOR_A_FLOW);
    // The first call only starts the interval: nothing has been seen yet.
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
