/**
 * Fetches the memory of flows that are about to rest (closed-flows.ts) while others are looked at: native/look-ahead.c
 * says why that pays. Without the addon it does nothing.
 */
import { SALT } from '../../base/salt.ts';
import { addon } from '../../capture/native.ts';
import type { FlowTable } from './flow-table.ts';
import type { Pairs } from './pairs.ts';

/** Of the first `count` flows of `bases`. */
export function lookAtFlows(bases: Int32Array, count: number, table: FlowTable, pairs: Pairs): void {
  addon?.lookAtFlows(bases, count, table.index, table.words, pairs.words, SALT);
}
