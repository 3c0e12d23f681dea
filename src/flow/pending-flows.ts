/** What becomes of the flows behind pending SYNs (pending-syns.ts) as time goes on, and when a packet comes for one. */
import { type Nanos, SECOND } from '../base/time.ts';
import { layout } from './layout.ts';
import { tellRest } from './retirement.ts';
import { giveUpAllSyns, giveUpNext, giveUpSyn, giveUpSyns } from './syn-outcome.ts';
import type { Tracker } from './tracker.ts';
import { Wheel } from './wheel.ts';

const { L } = layout;

/** A handshake that is this old has ended, or is slow. */
const IN_HANDSHAKE: Nanos = SECOND;

/** Gives up what has waited long enough at `at`, and lets go of what is no longer pending. */
export function settleSyns(t: Tracker, at: Nanos): void {
  const { pending } = t;
  giveUpSyns(t, at);
  // A flow that is in the wheel when it closes cannot rest (closed-flows.ts), so handshakes are given time to end.
  letGoOfTold(t, at - IN_HANDSHAKE);
  pending.rest(at);
  // As the wheel does: not before the second is over.
  for (let due = pending.oldestGivenUp() + t.lingering; isOver(due, at); due = pending.oldestGivenUp() + t.lingering) {
    leaveAlone(t, pending.firstLone());
  }
}

const isOver = (due: Nanos, at: Nanos): boolean => due < at && Wheel.tickOf(due) <= Math.floor(at / SECOND);

/** Puts flows into the wheel whose SYN was sent at `limit` or before, is no longer pending, and may come to nothing. */
export function letGoOfTold(t: Tracker, limit: Nanos): void {
  const { pending } = t;
  for (let base = pending.takeTold(limit); base >= 0; base = pending.takeTold(limit)) {
    if (t.isLingering(base)) lingerFromLast(t, base);
  }
}

/** The clock steps: all is given up, and nothing is kept in the smaller form across that. */
export function giveUpAtStep(t: Tracker): void {
  const { pending } = t;
  giveUpAllSyns(t, Number.NEGATIVE_INFINITY);
  for (let slot = pending.firstLone(); slot >= 0; slot = pending.firstLone()) wake(t, slot);
}

/** The capture has ended at `at`: all that waits is told, and lone ones go with that. */
export function giveUpAtEnd(t: Tracker, at: Nanos): void {
  const { pending } = t;
  giveUpSyns(t, at);
  do {
    for (let slot = pending.firstLone(); slot >= 0; slot = pending.firstLone()) tellAlone(t, slot);
  } while (giveUpNext(t, at));
  pending.lone.clear();
}

/** A packet comes for a host pair that has no flow of this tuple. False when there is no lone SYN of the pair either. */
export function wakePair(t: Tracker, hostA: number, hostB: number, scope: number): boolean {
  const slot = t.pending.lone.find(hostA, hostB, scope);
  if (slot >= 0) wake(t, slot);
  return slot >= 0;
}

/** A lone SYN goes. */
export function leaveAlone(t: Tracker, slot: number): void {
  tellAlone(t, slot);
  t.pending.lone.drop(slot);
}

/** All that is to be told of it. */
function tellAlone(t: Tracker, slot: number): void {
  const { pending } = t;
  const flow = t.leaving.at(pending.lone.show(slot));
  giveUpSyn(t, flow);
  tellRest(t, flow);
  pending.release(slot);
}

/** As a flow it is pending as before, or in the wheel where it would have been. */
function wake(t: Tracker, slot: number): void {
  const wasGivenUp = t.pending.lone.isTold(slot);
  const base = t.pending.wake(slot);
  if (wasGivenUp) lingerFromLast(t, base);
}

function lingerFromLast(t: Tracker, base: number): void {
  t.linger(base, t.table.doubles[(base + L.LAST) >> 1]!);
}
