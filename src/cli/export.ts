/** The formats that need nothing but findings and what they came from: all but text. */
import { appendFileSync } from 'node:fs';
import { PawscopeError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import { SEVERITIES, type Severity } from '../detect/finding.ts';
import { csv } from '../report/csv.ts';
import { github } from '../report/github.ts';
import { json, ndjson } from '../report/json.ts';
import { junit } from '../report/junit.ts';
import { markdownList } from '../report/markdown-list.ts';
import { sarif } from '../report/sarif.ts';
import type { Database } from '../store/database.ts';
import { type FindingFilter, readCaptures, readFindings, readTally } from '../store/reader.ts';
import type { FindingRow, RunRow } from '../store/rows.ts';
import type { Format } from './options.ts';
import { writeOut } from './output.ts';
import { packageVersion } from './version.ts';

/** Failures in JUnit's XML where --fail-on says nothing: what is below was seen, but is no fault. */
const FAILING: Severity = 'warning';

/** Rows in the summary of a CI step, which may hold 1 MiB. */
const SUMMARY_ROWS = 1000;

export async function writeExport(
  format: Exclude<Format, 'text'>,
  db: Database,
  runs: readonly RunRow[],
  filter: FindingFilter,
  failOn: Severity | 'none' = 'none',
): Promise<void> {
  const ids = runs.map(({ id }) => id);
  const captures = () => readCaptures(db, ids);
  switch (format) {
    case 'csv':
      return writeOut(csv(readFindings(db, filter)));
    case 'ndjson':
      return writeOut(ndjson(readFindings(db, filter)));
    case 'json':
      return writeOut(json(runs, captures(), readFindings(db, filter), readTally(db, ids)));
    case 'md':
      return writeOut(markdownList(readFindings(db, filter), captures()));
    case 'junit':
      return writeOut(junit(readFindings(db, filter), captures(), failOn === 'none' ? FAILING : failOn));
    case 'sarif':
      return writeOut(sarif(worstFirst(db, filter), captures(), runs, packageVersion()));
    case 'github':
      await writeOut(github(worstFirst(db, filter), captures()));
      return appendStepSummary(markdownList(worstFirst(db, filter), captures(), SUMMARY_ROWS));
  }
}

/** For what shows only the first. With a limit the caller has chosen which. */
function* worstFirst(db: Database, filter: FindingFilter): Generator<FindingRow> {
  if (filter.limit !== undefined) return yield* readFindings(db, filter);
  for (const only of [...SEVERITIES].reverse()) yield* readFindings(db, { ...filter, only });
}

/** GitHub shows the Markdown in this file on the page of the run. */
export function appendStepSummary(pieces: Iterable<string>): void {
  const path = process.env.GITHUB_STEP_SUMMARY;
  if (!path) return;
  try {
    appendFileSync(path, `${[...pieces].join('')}\n`);
  } catch (error) {
    throw new PawscopeError(`GITHUB_STEP_SUMMARY cannot be written: ${reasonOf(error)}`);
  }
}
