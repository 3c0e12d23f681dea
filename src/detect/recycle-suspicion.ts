/**
 * Attempts that tcp_tw_recycle is suspected of. What the server does later may still disprove it, so each waits for the
 * verdict on the whole run: nobody is named by unanswered-syn whom recycle-signature does not name.
 */
import { type Nanos, SECOND } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import type { Trial } from './recycle-trial.ts';
import { type Cause, type Circumstances, causeOf, causeWithoutRecycle, perHostPaws } from './syn-cause.ts';

/** A kilobyte each. Those past it are told at once, without the suspicion. */
const MOST = 1 << 15;
/** A run without an end waits no longer than a story lasts: what holds by then is told for good. */
const LONGEST: Nanos = 300 * SECOND;

interface Suspicion {
  attempt: Attempt;
  found: Circumstances;
  /** If the signature does not hold. */
  otherwise: Cause;
}

export class Suspicions {
  private waiting: Suspicion[] = [];
  /** Of those, so many have been glanced at. */
  private glanced = 0;
  private readonly most: number;

  constructor(most = MOST) {
    this.most = most;
  }

  /** False where there is no room for more. */
  add(attempt: Attempt, found: Circumstances): boolean {
    if (this.waiting.length === this.most) return false;
    this.waiting.push({ attempt, found, otherwise: causeWithoutRecycle(attempt, found) });
    return true;
  }

  /** By what is known at `now`. While the run goes on, those that have waited for too long are settled, and go. */
  *judged(now: Nanos, last: boolean): Generator<[Attempt, Cause, isSettled: boolean]> {
    const { waiting } = this;
    // Nor are they waited for across a step of the clock.
    const isOver = ({ attempt }: Suspicion): boolean => !last && Math.abs(now - attempt.settledAt) >= LONGEST;
    this.waiting = waiting.filter(suspicion => !isOver(suspicion));
    this.glanced = Math.max(0, this.glanced - (waiting.length - this.waiting.length));
    for (const suspicion of waiting) yield [suspicion.attempt, causeNow(suspicion, now), isOver(suspicion)];
  }

  /** Those that came since the last glance, and those of trials that fit since then. */
  *glance(now: Nanos, turned: ReadonlySet<Trial | undefined>): Generator<[Attempt, Cause]> {
    const { waiting, glanced } = this;
    this.glanced = waiting.length;
    if (turned.size === 0 && glanced === waiting.length) return;
    for (const [i, suspicion] of waiting.entries()) {
      if (i >= glanced || turned.has(suspicion.found.trial)) yield [suspicion.attempt, causeNow(suspicion, now)];
    }
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    for (const { attempt } of this.waiting) {
      const { client, server, scope } = attempt.ends;
      visit(client, scope);
      visit(server, scope);
    }
  }
}

/** Of an attempt that goes on: as the verdict would be now. */
export function causeSoFar(attempt: Attempt, found: Circumstances): Cause {
  const cause = causeOf(attempt, found);
  return cause.name === 'per-host-paws' && found.trial?.holds(attempt.settledAt) !== true
    ? causeWithoutRecycle(attempt, found)
    : cause;
}

const causeNow = ({ found, otherwise }: Suspicion, now: Nanos): Cause =>
  found.trial?.holds(now) === true ? perHostPaws(found) : otherwise;
