/**
 * Live: proofs that wait for a server to go on after its SYN-ACK (docs/rules.md D1.5). Connections are looked after a few
 * times a second: they leave 150 s after they have closed, and a long one stays for days.
 */
import { newestFlow } from '../flow/each-flow.ts';
import type { Tracker } from '../flow/tracker.ts';
import { type Known, wentOn } from './known-settings.ts';

/** Clients and servers that are looked after; of more of them it is told when the connection leaves. */
const MOST = 256;

export class AwaitedProofs {
  private readonly pairs = new Set<Known>();
  private readonly isWatched: boolean;

  /** Where nobody glances, as over files, nothing is noted. */
  constructor(isWatched: boolean) {
    this.isWatched = isWatched;
  }

  add(known: Known): void {
    if (this.isWatched && this.pairs.size < MOST) this.pairs.add(known);
  }

  /** Those whose server has gone on since the last time. */
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
