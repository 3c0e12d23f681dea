/**
 * For live runs: proofs that need the server to continue after its SYN-ACK (docs/rules.md D1.5). The connections
 * concerned are checked a few times a second. Otherwise they would be looked at only when they leave the flow table:
 * 150 s after they have closed, or after days if they are long.
 */
import { newestFlow } from '../../flow/each-flow.ts';
import type { Tracker } from '../../flow/tracker.ts';
import { type Known, wentOn } from './known-settings.ts';

/**
 * Most pairs of client and server that are checked. Proofs of further pairs are reported when their connections leave.
 */
const MOST = 256;

export class AwaitedProofs {
  private readonly pairs = new Set<Known>();
  private readonly isWatched: boolean;

  /** `isWatched`: whether `come` will be called. Nothing is remembered otherwise, as in runs over files. */
  constructor(isWatched: boolean) {
    this.isWatched = isWatched;
  }

  add(known: Known): void {
    if (this.isWatched && this.pairs.size < MOST) this.pairs.add(known);
  }

  /** The pairs whose server has continued since the last call. */
  *come(tracker: Tracker): Generator<Known> {
    for (const known of this.pairs) {
      let mayGoOn = false;
      for (const { found, opened } of known.waitsFor) {
        const flow = newestFlow(tracker, found.ends);
        if (flow === undefined || flow.opened !== opened) continue;
        mayGoOn = true;
        if (wentOn(flow) && known.confirm(flow)) yield known;
      }
      if (!mayGoOn || known.waitsFor.length === 0) this.pairs.delete(known);
    }
  }
}
