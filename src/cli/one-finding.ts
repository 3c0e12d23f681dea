import { firstOf } from '../report/words.ts';
import type { FindingRow } from '../store/rows.ts';
import { UsageError } from './exit.ts';

/**
 * The finding whose id begins with `prefix`, from the newest run that has it. Throws a UsageError if `found` is empty
 * or has several ids.
 */
export function oneFinding(found: readonly FindingRow[], path: string, prefix: string): FindingRow {
  const ids = [...new Set(found.map(({ id }) => id))];
  if (ids.length === 0) throw new UsageError(`${path}: there is no finding whose id begins with ${prefix}`);
  if (ids.length > 1)
    throw new UsageError(`${path}: ${prefix} begins the ids of ${ids.length} findings: ${firstOf(ids)}`);
  return found.at(-1)!;
}
