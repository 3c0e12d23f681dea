/** Puts closed flows to rest in their compact form (closed-flows.ts), wakes them, and drops them when they are due. */

import { tellRest } from './retirement.ts';
import { linkOf, rowOf } from './tables/closed-flows.ts';
import type { Tracker } from './tracker.ts';

/**
 * Puts a flow to rest that is in no list of the wheel; it will be dropped at `due`. False if the compact form cannot hold
 * all of it.
 */
export function restClosed(t: Tracker, base: number, due: number): boolean {
  // Histories are kept by the base of a record.
  if (t.histories !== undefined) return false;
  const row = t.closed.rest(base, t.hashOf(base), t.pairs);
  if (row >= 0) t.wheel.add(linkOf(row), due);
  return row >= 0;
}

/** Wakes the flow of this row, as a packet comes for it; returns the base of its record. */
export function wakeRow(t: Tracker, row: number): number {
  const base = restore(t, row);
  t.linger(base, t.closed.last(row));
  return base;
}

/** Wakes what the wheel has released; returns the base of its record, or -1 if it was woken before. */
export function wakeFirst(t: Tracker, link: number): number {
  const row = rowOf(link);
  const isLive = t.closed.isLive(row);
  const base = isLive ? restore(t, row) : -1;
  t.closed.release(row);
  return base;
}

/** To be called when the row is due in the wheel. */
export function expireRow(t: Tracker, link: number): void {
  const { closed } = t;
  const row = rowOf(link);
  const due = closed.last(row) + t.lingering;
  if (closed.isLive(row)) {
    if (closed.epoch(row) === t.epoch && due >= t.now) {
      t.wheel.add(link, due);
      return;
    }
    leaveRow(t, row);
  }
  closed.release(row);
}

function leaveRow(t: Tracker, row: number): void {
  const base = t.closed.show(row);
  const pair = t.closed.pair(row);
  tellRest(t, t.leaving.at(base));
  t.table.unindex(t.hashOf(base), linkOf(row));
  t.pairs.drop(pair);
  t.closed.leave(row);
}

const restore = (t: Tracker, row: number): number => t.closed.wake(row, base => t.hashOf(base), t.pairs);
