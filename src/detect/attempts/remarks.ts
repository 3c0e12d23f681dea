/** What the rules note of a connection attempt for as long as it lasts. */
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Tried } from '../recycle/recycle-tried.ts';
import type { Reuse } from '../reuse/tuple-reuse.ts';
import type { Known } from '../settings/known-settings.ts';
import type { Waiting } from './accept-backlog.ts';
import type { Chain } from './syn-chain.ts';

interface Remarks {
  /** The earlier use of its tuple. */
  reuse?: Reuse;
  /** Its chain, if it may have continued from another port. */
  chain?: Chain;
  /** The connection that waits for the application meanwhile. */
  waiting?: Waiting;
  /** The first SYN had an option that the newest one lacks: the first of these, or others before it did, too. */
  leftOut?: 'once' | 'more';
  /** The verdicts of tcp_tw_recycle on its SYNs. Set if the rule says more than that a single SYN passes. */
  tried?: Tried;
  /** The place that keeps what this attempt has shown before it ended. */
  shownEarly?: Known;
}

export const remarksOf = (attempt: Attempt): Remarks => attempt.remarks;
