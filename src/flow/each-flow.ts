/** All flows of a shard at once: for judging what has not ended. */
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import type { Tracker } from './tracker.ts';

const { L, FlowBit } = layout;
const LIVE = FlowBit.INDEXED | FlowBit.KEPT;

/** Older incarnations too. Not from within an event: the cursor is the tracker's, and valid during the call. */
export function forEachFlow(tracker: Tracker, visit: (flow: Flow) => void): void {
  forEachRecord(tracker, visit);
  tracker.pending.forEachLone(base => visit(tracker.leaving.at(base)));
}

/** The same without lone SYNs, which hold no TIME_WAIT. */
export function forEachRecord({ table, closed, leaving }: Tracker, visit: (flow: Flow) => void): void {
  const { words } = table;
  for (let slot = 0; slot < table.slots; slot++) {
    const base = slot * L.FLOW_WORDS;
    if ((words[base + L.STATE] & LIVE) !== 0) visit(leaving.at(base));
  }
  for (let row = 0; row < closed.used; row++) if (closed.isLive(row)) visit(leaving.at(closed.show(row)));
}
