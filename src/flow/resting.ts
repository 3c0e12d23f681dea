/** How closed flows come to rest (closed-flows.ts), wake and go. */
import { linkOf, rowOf } from './closed-flows.ts';
import { tellRest } from './retirement.ts';
import type { Tracker } from './tracker.ts';

/** Lays a flow down that is in no list of the wheel, until it goes at `due`. False when there is more to tell of it. */
export function restClosed(t: Tracker, base: number, due: number): boolean {
  // Histories go by records.
  if (t.histories !== undefined) return false;
  const row = t.closed.rest(base, t.hashOf(base), t.pairs);
  if (row >= 0) t.wheel.add(linkOf(row), due);
  return row >= 0;
}

/** A packet comes for the flow that rests in this row: base of its record. */
export function wakeRow(t: Tracker, row: number): number {
  const base = restore(t, row);
  t.linger(base, t.closed.last(row));
  return base;
}

/** The record of what the wheel has let go of, or -1 when it was woken meanwhile. */
export function wakeFirst(t: Tracker, link: number): number {
  const row = rowOf(link);
  const isLive = t.closed.isLive(row);
  const base = isLive ? restore(t, row) : -1;
  t.closed.release(row);
  return base;
}

/** A row's slot of the wheel has come up. */
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
