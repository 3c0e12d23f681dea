/**
 * Looks up the flows of the next segments, so that their memory is fetched meanwhile (native/look-ahead.c says why that
 * pays). What it finds is only a hint that is checked later. Without the addon it does nothing.
 */
import { SALT } from '../../base/salt.ts';
import { addon } from '../../capture/native.ts';
import type { Segments } from '../../wire/segments.ts';
import type { FlowTable } from './flow-table.ts';
import type { LoneSyns } from './lone-syns.ts';
import type { Pairs } from './pairs.ts';

/** Number of segments per call: what they touch fits into the processor's L2 cache. */
export const LOOK = 64;

export function lookAhead(
  { words }: Segments,
  from: number,
  to: number,
  table: FlowTable,
  pairs: Pairs,
  lone: LoneSyns,
): void {
  if (addon === undefined) return;
  addon.lookAhead(
    words,
    from,
    to,
    table.index,
    table.words,
    table.free,
    table.freeCount,
    pairs.index,
    pairs.words,
    lone.index,
    SALT,
  );
}

/** The same for the first `count` flows of `bases`, which are about to rest (closed-flows.ts). */
export function lookAtFlows(bases: Int32Array, count: number, table: FlowTable, pairs: Pairs): void {
  addon?.lookAtFlows(bases, count, table.index, table.words, pairs.words, SALT);
}
