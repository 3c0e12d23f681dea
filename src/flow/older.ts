/** The older incarnation of a tuple, and what happens to the TIME_WAITs that it left behind. */
import type { Nanos } from '../base/time.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { endedByReset, holdsTimeWait, inTimeWait, provesOwner, synVerdict } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const { SideBit } = layout;

/** The older incarnation, if it is not too long ago: the tracker's cursor `olderFlow`. */
export function olderOf(t: Tracker, flow: Flow): Flow | undefined {
  const base = flow.older;
  if (base < 0) return undefined;
  const older = t.olderFlow.at(base);
  if (older.epoch !== t.epoch) return undefined;
  return !t.isLingering(base) || t.now - older.last <= t.lingering ? older : undefined;
}

/** The SYN at hand shows that a TIME_WAIT of its sender is over, and may restart the timer of one of its receiver. */
export function meetTimeWaits(t: Tracker, older: Flow, fromB: boolean): void {
  const sender = older.side(fromB);
  if (inTimeWait(sender, t.now, t.timeWait)) {
    t.endTimeWait(older, fromB, t.now, 'reuse', !provesOwner(older, sender, t.segment));
  }
  restartTimer(t, older, fromB);
}

/**
 * A segment that PAWS rejects restarts the receiver's timer. A SYN without ACK that is rejected for its sequence number
 * does not (docs/rules.md B2).
 */
export function restartTimer(t: Tracker, older: Flow, fromB: boolean): void {
  const owner = older.side(!fromB);
  if (!inTimeWait(owner, t.now, t.timeWait)) return;
  if (synVerdict(older, older.side(fromB), t.segment) === 'ACK_PAWS') owner.timerStart = t.now;
}

/**
 * The server has accepted a SYN that was sent at `synAt`, which ends a TIME_WAIT that it held. `continues`: its ISN
 * proves that the TIME_WAIT existed, even if it should have been over by its age.
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
