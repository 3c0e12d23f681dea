/**
 * Attempts that tcp_tw_recycle is suspected of. What the server does later may still disprove it, so each waits for the
 * verdict on the whole run: nobody is named by unanswered-syn whom recycle-signature does not name.
 */
import type { Attempt } from '../flow/attempt.ts';
import { type Cause, type Circumstances, causeWithoutRecycle, perHostPaws } from './syn-cause.ts';

/** A kilobyte each. Those past it are told at once, without the suspicion. */
const MOST = 1 << 15;

interface Suspicion {
  attempt: Attempt;
  found: Circumstances;
  /** If the signature does not hold. */
  otherwise: Cause;
}

export class Suspicions {
  private readonly waiting: Suspicion[] = [];

  /** False where there is no room for more. */
  add(attempt: Attempt, found: Circumstances): boolean {
    if (this.waiting.length === MOST) return false;
    this.waiting.push({ attempt, found, otherwise: causeWithoutRecycle(attempt, found) });
    return true;
  }

  /** By what is known now. */
  *judged(): Generator<[Attempt, Cause]> {
    for (const { attempt, found, otherwise } of this.waiting) {
      const { trial } = found;
      yield [attempt, trial!.fits() && !trial!.forgotten ? perHostPaws(found) : otherwise];
    }
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    for (const { ends } of this.waiting.map(({ attempt }) => attempt)) {
      visit(ends.client, ends.scope);
      visit(ends.server, ends.scope);
    }
  }
}
