/** What happens to the flows of pending SYNs (pending-syns.ts) as time passes, and when a packet comes for one. */
import { type Nanos, SECOND } from '../base/time.ts';
import { layout } from './layout.ts';
import { tellRest } from './retirement.ts';
import { giveUpAllSyns, giveUpNext, giveUpSyn, giveUpSyns } from './syn-outcome.ts';
import { Wheel } from './tables/wheel.ts';
import type { Tracker } from './tracker.ts';

const { L } = layout;

/** Within this time a handshake ends, unless it is slow. */
const IN_HANDSHAKE: Nanos = SECOND;

/** Gives up SYNs that have waited long enough at `at`, and passes on flows that are no longer pending. */
export function settleSyns(t: Tracker, at: Nanos): void {
  const { pending } = t;
  giveUpSyns(t, at);
  // A flow that is already in the wheel when it closes cannot rest (closed-flows.ts). So handshakes get time to end.
  letGoOfTold(t, at - IN_HANDSHAKE);
  pending.rest(at);
  // As in the wheel, nothing is dropped before the second is over.
  for (let due = pending.oldestGivenUp() + t.lingering; isOver(due, at); due = pending.oldestGivenUp() + t.lingering) {
    leaveAlone(t, pending.firstLone());
  }
}

const isOver = (due: Nanos, at: Nanos): boolean => due < at && Wheel.tickOf(due) <= Math.floor(at / SECOND);

/** Puts flows into the wheel whose SYN was sent at `limit` or before and is no longer pending, unless they are open. */
export function letGoOfTold(t: Tracker, limit: Nanos): void {
  const { pending } = t;
  for (let base = pending.takeTold(limit); base >= 0; base = pending.takeTold(limit)) {
    if (t.isLingering(base)) lingerFromLast(t, base);
  }
}

/** The clock steps: all SYNs are given up, and those in the compact form become records again. */
export function giveUpAtStep(t: Tracker): void {
  const { pending } = t;
  giveUpAllSyns(t, Number.NEGATIVE_INFINITY);
  for (let slot = pending.firstLone(); slot >= 0; slot = pending.firstLone()) wake(t, slot);
}

/** The capture has ended at `at`: all SYNs that wait are reported, and lone SYNs are dropped. */
export function giveUpAtEnd(t: Tracker, at: Nanos): void {
  const { pending } = t;
  giveUpSyns(t, at);
  do {
    for (let slot = pending.firstLone(); slot >= 0; slot = pending.firstLone()) tellAlone(t, slot);
  } while (giveUpNext(t, at));
  pending.lone.clear();
}

/** Wakes the lone SYN of a host pair, as a packet of the pair comes. False if there is none. */
export function wakePair(t: Tracker, hostA: number, hostB: number, scope: number): boolean {
  const slot = t.pending.lone.find(hostA, hostB, scope);
  if (slot >= 0) wake(t, slot);
  return slot >= 0;
}

/** Reports and drops a lone SYN. */
export function leaveAlone(t: Tracker, slot: number): void {
  tellAlone(t, slot);
  t.pending.lone.drop(slot);
}

/** Reports all that is to be reported of a lone SYN. */
function tellAlone(t: Tracker, slot: number): void {
  const { pending } = t;
  const flow = t.leaving.at(pending.lone.show(slot));
  giveUpSyn(t, flow);
  tellRest(t, flow);
  pending.release(slot);
}

/** Makes a lone SYN a flow again: pending as before, or in the wheel if it was given up. */
function wake(t: Tracker, slot: number): void {
  const wasGivenUp = t.pending.lone.isTold(slot);
  const base = t.pending.wake(slot);
  if (wasGivenUp) lingerFromLast(t, base);
}

function lingerFromLast(t: Tracker, base: number): void {
  t.linger(base, t.table.doubles[(base + L.LAST) >> 1]);
}
