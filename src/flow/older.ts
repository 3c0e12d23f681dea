/** The incarnation of a tuple before the one at hand, and what becomes of the TIME_WAITs that it left behind. */
import type { Nanos } from '../base/time.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { endedByReset, holdsTimeWait, inTimeWait, provesOwner, synVerdict } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const { SideBit } = layout;

/** The older incarnation while it is remembered, by its own time: the tracker's cursor `olderFlow`. */
export function olderOf(t: Tracker, flow: Flow): Flow | undefined {
  const base = flow.older;
  if (base < 0) return undefined;
  const older = t.olderFlow.at(base);
  if (older.epoch !== t.epoch) return undefined;
  return !t.isLingering(base) || t.now - older.last <= t.lingering ? older : undefined;
}

/** The SYN at hand meets them: that of its sender, which it shows to be over, and that of its receiver. */
export function meetTimeWaits(t: Tracker, older: Flow, fromB: boolean): void {
  const sender = older.side(fromB);
  if (inTimeWait(sender, t.now, t.timeWait)) {
    t.endTimeWait(older, fromB, t.now, 'reuse', !provesOwner(older, sender, t.segment));
  }
  restartTimer(t, older, fromB);
}

/** A segment that PAWS rejects restarts the receiver's timer, an ACK-less SYN rejected by its number does not (docs/rules.md B2). */
export function restartTimer(t: Tracker, older: Flow, fromB: boolean): void {
  const owner = older.side(!fromB);
  if (!inTimeWait(owner, t.now, t.timeWait)) return;
  if (synVerdict(older, older.side(fromB), t.segment) === 'ACK_PAWS') owner.timerStart = t.now;
}

/**
 * The server has taken a SYN that was sent at `synAt`. `continues`: its ISN shows that the bucket was there, however old the
 * packets say it was.
 */
export function endByAcceptance(t: Tracker, older: Flow, ownerIsB: boolean, synAt: Nanos, continues: boolean): void {
  const owner = older.side(ownerIsB);
  if (endedByReset(owner)) {
    t.pairs.noteAfterReset(older.pair, ownerIsB, continues);
    if (continues) {
      owner.set(SideBit.TIME_WAIT_OUTLIVES_RST);
      t.endTimeWait(older, ownerIsB, synAt, 'syn');
    }
  } else if (holdsTimeWait(owner) && (continues || synAt < owner.timerStart + t.timeWait)) {
    t.endTimeWait(older, ownerIsB, synAt, 'syn');
  }
}
