import type { RunRow } from '../store/rows.ts';
import { UsageError } from './exit.ts';

/** The runs of a database that `--run` asks for; all of them where it is not given. */
export function chosenRuns(runs: readonly RunRow[], path: string, run: number | 'last' | undefined): RunRow[] {
  if (run === undefined) return [...runs];
  const chosen = run === 'last' ? runs.at(-1) : runs.find(({ id }) => id === run);
  if (chosen) return [chosen];
  const known = runs.length === 0 ? 'none' : `${runs[0].id} to ${runs.at(-1)!.id}`;
  throw new UsageError(`${path}: there is no run ${run} in this database; its runs are ${known}`);
}
