/**
 * Attempts that tcp_tw_recycle is suspected of. What the server does later may still disprove it, so each waits for the
 * verdict on the whole run: nobody is named by unanswered-syn whom recycle-signature does not name.
 */
import type { Attempt } from '../flow/attempt.ts';
import { type Cause, type Circumstances, causeOf, causeWithoutRecycle, perHostPaws } from './syn-cause.ts';

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

  /** By what is known now. */
  *judged(): Generator<[Attempt, Cause]> {
    for (const { attempt, found, otherwise } of this.waiting) {
      yield [attempt, signatureHolds(found) ? perHostPaws(found) : otherwise];
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
  return cause.name === 'per-host-paws' && !signatureHolds(found) ? causeWithoutRecycle(attempt, found) : cause;
}

const signatureHolds = ({ trial }: Circumstances): boolean => trial?.fits() === true && !trial.forgotten;
