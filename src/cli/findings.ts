/** `pawscope findings`: lists, filters and exports the findings of a database, which is never changed. */

import type { Anonymizer } from '../base/anonymizer.ts';
import type { Severity } from '../detect/finding.ts';
import { listText } from '../report/list/text.ts';
import { unfinishedText } from '../report/unfinished.ts';
import { thousands } from '../report/words.ts';
import { close, type Database } from '../store/database.ts';
import { guardedAsync } from '../store/failures.ts';
import { countFindings, type FindingFilter, readCaptures, readFindings, readRules, readRuns } from '../store/reader.ts';
import type { RunRow } from '../store/rows.ts';
import { anonymizerOf, openToTell } from './anonymize.ts';
import { chosenRuns } from './chosen-runs.ts';
import { Exit } from './exit.ts';
import { writeExport } from './export.ts';
import type { AnonymizeOptions, OutputOptions } from './options.ts';
import { say, writeOut } from './output.ts';
import { refuseUnknownRules } from './rules.ts';
import { textStyle } from './text-style.ts';

export interface FindingsOptions extends OutputOptions, AnonymizeOptions {
  rule?: string[];
  severity?: Severity;
  client?: string;
  server?: string;
  since?: bigint;
  until?: bigint;
  run?: number | 'last';
  limit?: number;
}

export async function findings(path: string, options: FindingsOptions): Promise<number> {
  const anonymizer = anonymizerOf(options);
  const db = openToTell(path, anonymizer);
  try {
    await guardedAsync(path, () => write(db, anonymizer?.path(path) ?? path, withRealAddresses(options, anonymizer)));
    return Exit.DONE;
  } finally {
    close(db);
  }
}

/**
 * Replaces the addresses to filter by, which the user gives as the database has them: the rows are read with replaced
 * ones.
 */
function withRealAddresses(options: FindingsOptions, anonymizer: Anonymizer | undefined): FindingsOptions {
  if (anonymizer === undefined) return options;
  const { client, server } = options;
  return {
    ...options,
    ...(client ? { client: anonymizer.address(client) } : {}),
    ...(server ? { server: anonymizer.address(server) } : {}),
  };
}

async function write(db: Database, path: string, options: FindingsOptions): Promise<void> {
  const runs = chosenRuns(readRuns(db), path, options.run);
  if (options.rule) refuseUnknownRules(options.rule, readRules(db));
  const filter = filterOf(options, runs);
  if (options.format !== 'text') return writeExport(options.format, db, runs, filter);
  const { limit, ...unlimited } = filter;
  const count = countFindings(db, unlimited);
  await writeOut(listText(readFindings(db, filter), runs.length > 1, textStyle(options.color, false)));
  if (count === 0) await writeOut([`No finding in ${path} matches.\n`, ...unfinishedRuns(db, runs)]);
  if (limit !== undefined && count > limit) say([`${thousands(limit)} of ${thousands(count)} findings shown`]);
}

/** A line for each run that did not finish: that it has no findings says less. */
function unfinishedRuns(db: Database, runs: readonly RunRow[]): string[] {
  return runs.flatMap(run => {
    const text = unfinishedText(run, readCaptures(db, [run.id]));
    return text === undefined ? [] : [`Run ${run.id}: ${text}\n`];
  });
}

const filterOf = (options: FindingsOptions, runs: readonly RunRow[]): FindingFilter => ({
  runs: runs.map(run => run.id),
  ...(options.rule ? { rules: options.rule } : {}),
  ...(options.severity ? { severity: options.severity } : {}),
  ...(options.client ? { client: options.client } : {}),
  ...(options.server ? { server: options.server } : {}),
  ...(options.since === undefined ? {} : { sinceNs: options.since }),
  ...(options.until === undefined ? {} : { untilNs: options.until }),
  ...(options.limit === undefined ? {} : { limit: options.limit }),
});
