/** Writes a run to stdout in the format that was asked for, out of the store, one finding at a time. */
import { csv } from '../report/csv.ts';
import { json, ndjson } from '../report/json.ts';
import { summaryText } from '../report/text.ts';
import { MEMORY } from '../store/database.ts';
import { busiest } from '../store/occupancy.ts';
import { readCaptures, readFindings, readRuns, readTally } from '../store/reader.ts';
import type { Store } from '../store/store.ts';
import { summarise } from '../store/summary.ts';
import type { AnalyzeOptions } from './options.ts';
import { writeOut } from './output.ts';
import { rules } from './rules.ts';
import { textStyle } from './style.ts';

/** How many findings the summary shows with their packets. */
const WORST = 3;
const WORST_VERBOSE = 12;
/** Hosts, and clients with a server port, whose TIME_WAITs it tells. */
const PEAKS = 3;

export async function writeResult(store: Store, options: AnalyzeOptions): Promise<void> {
  const { database, runId } = store;
  const findings = readFindings(database, { runs: [runId] });
  if (options.format === 'csv') return writeOut(csv(findings));
  if (options.format === 'ndjson') return writeOut(ndjson(findings));
  const runs = readRuns(database).filter(run => run.id === runId);
  const captures = readCaptures(database, [runId]);
  const tally = readTally(database, [runId]);
  if (options.format === 'json') return writeOut(json(runs, captures, findings, tally));
  if (options.quiet) return;
  const verbose = options.verbose === true;
  const text = summaryText(
    {
      run: runs[0],
      captures,
      tally,
      ...summarise(database, runId, verbose ? WORST_VERBOSE : WORST),
      peaks: busiest(database, runId, PEAKS),
      rules: rules().filter(({ id }) => options.rule?.includes(id) ?? true),
      database: store.path === MEMORY ? undefined : store.path,
    },
    textStyle(options.color, verbose),
  );
  return writeOut([text]);
}
