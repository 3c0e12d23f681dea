/** The flow that the segment at hand belongs to, in whatever form it is kept. */
import { orderedPorts, tupleHashIn } from '../wire/fingerprint.ts';
import { enterEpoch } from './epoch.ts';
import { layout } from './layout.ts';
import { wakePair } from './pending-flows.ts';
import { wakeRow } from './resting.ts';
import { retire } from './retirement.ts';
import type { Tracker } from './tracker.ts';

const { L } = layout;

/** Base of the newest incarnation of the segment's tuple, or -1. A closed flow whose time is over is retired instead. */
export function findFlow(t: Tracker, fromB: boolean): number {
  const { tuple, scope, found } = t.segment;
  return find(t, fromB, scope, tuple, found);
}

/** The same, for the tuple that the segment would have in `scope`. */
export function findFlowIn(t: Tracker, fromB: boolean, scope: number): number {
  return find(t, fromB, scope, tupleHashIn(t.segment, fromB, scope), 0);
}

/** Base of the segment's flow if it has a record, or -1. Flows at rest (closed-flows.ts, lone-syns.ts) are not woken. */
export function findAwake({ segment, table }: Tracker, fromB: boolean): number {
  const { src, dst, scope, tuple } = segment;
  return table.find(tuple, fromB ? dst : src, fromB ? src : dst, orderedPorts(segment.ports, fromB), scope);
}

/** `found` is Segment.found, or 0. */
function find(t: Tracker, fromB: boolean, scope: number, hash: number, found: number): number {
  const { table, closed } = t;
  const { src, dst } = t.segment;
  const hostA = fromB ? dst : src;
  const hostB = fromB ? src : dst;
  const ports = orderedPorts(t.segment.ports, fromB);
  let base = table.find(hash, hostA, hostB, ports, scope, found);
  if (base < 0 && table.passed !== 0) {
    const row = closed.find(hash, hostA, hostB, ports, scope);
    if (row >= 0) base = wakeRow(t, row);
  }
  if (base < 0 && table.lone > 0 && wakePair(t, hostA, hostB, scope)) {
    base = table.find(hash, hostA, hostB, ports, scope);
  }
  if (base < 0 || !isOver(t, base)) return base;
  retire(t, base);
  return -1;
}

/** Whether a closed flow has been remembered for long enough, or is from before a clock step. */
function isOver(t: Tracker, base: number): boolean {
  const { words, doubles } = t.table;
  if (words[base + L.STATE] >>> L.EPOCH_SHIFT !== t.epoch) {
    if (t.isLingering(base)) return true;
    enterEpoch(t, base);
  }
  return t.now - doubles[(base + L.LAST) >> 1] > t.lingering && t.isLingering(base);
}
