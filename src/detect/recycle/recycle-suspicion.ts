/**
 * Attempts that were probably dropped by tcp_tw_recycle, and those whose cause only a row of attempts shows. What comes
 * later may still disprove it, so each attempt waits for the verdict on the whole run: unanswered-syn must not name the
 * rule if recycle-signature does not, and attempts that are alike must be reported alike.
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Cause } from '../attempts/cause.ts';
import { type Circumstances, causeOf, causeWithoutRecycle } from '../attempts/syn-cause.ts';
import { causeOfSignature, withPattern } from '../attempts/syn-difference.ts';
import type { Trial } from './recycle-trial.ts';

/** A kilobyte each. Further attempts are reported at once, without naming the rule. */
const MOST = 1 << 15;
/** In a run without an end, attempts wait no longer than a story lasts. The verdict at that time is final. */
const LONGEST: Nanos = 300 * SECOND;

interface Suspicion {
  attempt: Attempt;
  found: Circumstances;
  /** It may have been dropped by tcp_tw_recycle. */
  byRule: boolean;
  /** The cause if neither the signature holds nor a row of attempts shows one. */
  otherwise: Cause;
}

export class Suspicions {
  private waiting: Suspicion[] = [];
  /** How many of them a glance has looked at. */
  private glanced = 0;
  private readonly most: number;

  constructor(most = MOST) {
    this.most = most;
  }

  /** Returns false if there is no room for more. */
  add(attempt: Attempt, found: Circumstances): boolean {
    if (this.waiting.length === this.most) return false;
    const byRule = causeOf(attempt, found).name === 'per-host-paws';
    this.waiting.push({ attempt, found, byRule, otherwise: causeWithoutRecycle(attempt, found) });
    return true;
  }

  /** Their causes as known at `now`. During a run those that have waited too long become final, and are dropped. */
  *judged(now: Nanos, last: boolean): Generator<[Attempt, Cause, isSettled: boolean]> {
    const { waiting } = this;
    // Waiting also ends at a step of the clock.
    const isOver = ({ attempt }: Suspicion): boolean => !last && Math.abs(now - attempt.settledAt) >= LONGEST;
    this.waiting = waiting.filter(suspicion => !isOver(suspicion));
    this.glanced = Math.max(0, this.glanced - (waiting.length - this.waiting.length));
    for (const suspicion of waiting) yield [suspicion.attempt, causeNow(suspicion, now), isOver(suspicion)];
  }

  /** Those added since the last glance, and those whose trial has begun to fit since then. */
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

/** The cause of an attempt that is not over, by the present verdict. */
export function causeSoFar(attempt: Attempt, found: Circumstances): Cause {
  const cause = causeOf(attempt, found);
  if (cause.name !== 'per-host-paws') return withPattern(attempt, found, cause);
  return found.trial?.holds(attempt.settledAt) === true
    ? causeOfSignature(found)
    : withPattern(attempt, found, causeWithoutRecycle(attempt, found));
}

function causeNow({ attempt, found, byRule, otherwise }: Suspicion, now: Nanos): Cause {
  return byRule && found.trial?.holds(now) === true ? causeOfSignature(found) : withPattern(attempt, found, otherwise);
}
