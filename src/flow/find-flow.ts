/** The flow that a segment belongs to, in whatever form it is kept. */
import { enterEpoch } from './epoch.ts';
import { layout } from './layout.ts';
import { wakeTuple } from './resting.ts';
import { retire } from './retirement.ts';
import type { Tracker } from './tracker.ts';
import { wakePair } from './waiting-syns.ts';

const { L } = layout;

/**
 * Base of the newest incarnation of the tuple in `scope`, or -1. A closed one that has outlived its memory goes. `found` is
 * Segment.found, or 0.
 */
export function findFlow(
  t: Tracker,
  hash: number,
  hostA: number,
  hostB: number,
  ports: number,
  scope: number,
  found = 0,
): number {
  const { table } = t;
  let base = table.find(hash, hostA, hostB, ports, scope, found);
  if (base < 0 && table.passed !== 0) base = wakeTuple(t, hash, hostA, hostB, ports, scope);
  if (base < 0 && table.lone > 0 && wakePair(t, hostA, hostB, scope)) {
    base = table.find(hash, hostA, hostB, ports, scope);
  }
  if (base < 0 || !isOver(t, base)) return base;
  retire(t, base);
  return -1;
}

/** True for a closed flow that has outlived its memory, or belongs to the time before a clock step. */
function isOver(t: Tracker, base: number): boolean {
  const { words, doubles } = t.table;
  if (words[base + L.STATE]! >>> L.EPOCH_SHIFT !== t.epoch) {
    if (t.isLingering(base)) return true;
    enterEpoch(t, base);
  }
  return t.now - doubles[(base + L.LAST) >> 1]! > t.lingering && t.isLingering(base);
}
