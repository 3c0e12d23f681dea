import type { RunRow } from '../store/rows.ts';
import { UsageError } from './exit.ts';

/** The runs of a database that `--run` selects; all of them without it. */
export function chosenRuns(runs: readonly RunRow[], path: string, run: number | 'last' | undefined): RunRow[] {
  if (run === undefined) return [...runs];
  const chosen = run === 'last' ? runs.at(-1) : runs.find(({ id }) => id === run);
  if (chosen) return [chosen];
  throw new UsageError(`${path}: there is no run ${run} in this database; ${known(runs)}`);
}

function known(runs: readonly RunRow[]): string {
  if (runs.length === 0) return 'it has none';
  return runs.length === 1 ? `its only run is ${runs[0].id}` : `its runs are ${runs[0].id} to ${runs.at(-1)!.id}`;
}
