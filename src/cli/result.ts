/** Writes a run from the store to stdout in the requested format, one finding at a time. */
import type { Anonymizer } from '../base/anonymizer.ts';
import { summaryText } from '../report/summary/text.ts';
import { busiest } from '../store/occupancy.ts';
import { type FindingFilter, readCaptures, readRuns, readTally } from '../store/reader.ts';
import type { Store } from '../store/store.ts';
import { summarise } from '../store/summary.ts';
import { writeExport } from './export.ts';
import type { AnalyzeOptions } from './options.ts';
import { writeOut } from './output.ts';
import { rules } from './rules.ts';
import { textStyle } from './text-style.ts';

/** Findings that the summary shows with their packets. */
const WORST = 3;
const WORST_VERBOSE = 12;
/** Most hosts, and most pairs of a client and a server port, whose peak of TIME_WAITs the summary shows. */
const PEAKS = 3;

/** `filter` selects the findings that are written; the text format sums up the whole run. */
export async function writeResult(
  store: Store,
  options: AnalyzeOptions,
  filter: FindingFilter,
  anonymizer?: Anonymizer,
): Promise<void> {
  const { database, runId } = store;
  const runs = readRuns(database).filter(run => run.id === runId);
  const { format, failOn } = options;
  if (format !== 'text') return writeExport(format, database, runs, filter, failOn);
  if (options.quiet) return;
  const verbose = options.verbose === true;
  const text = summaryText(
    {
      run: runs[0],
      captures: readCaptures(database, [runId]),
      tally: readTally(database, [runId]),
      ...summarise(database, runId, verbose ? WORST_VERBOSE : WORST),
      peaks: busiest(database, runId, PEAKS, runs[0].options.port_range as [number, number] | undefined),
      rules: rules().filter(({ id }) => options.rule?.includes(id) ?? true),
      database:
        store.place === undefined || store.place.isGone ? undefined : (anonymizer?.path(store.path) ?? store.path),
    },
    textStyle(options.color, verbose),
  );
  return writeOut([text]);
}
