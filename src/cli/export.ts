/** The formats that need only findings and their captures: all but text. */
import { appendFileSync } from 'node:fs';
import { PawscopeError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import { SEVERITIES, type Severity } from '../detect/finding.ts';
import { csv } from '../report/list/csv.ts';
import { github } from '../report/list/github.ts';
import { json, ndjson } from '../report/list/json.ts';
import { junit } from '../report/list/junit.ts';
import { markdownList } from '../report/list/markdown.ts';
import { sarif } from '../report/list/sarif.ts';
import type { Database } from '../store/database.ts';
import { type FindingFilter, readCaptures, readFindings, readTally } from '../store/reader.ts';
import type { FindingRow, RunRow } from '../store/rows.ts';
import type { Format } from './options.ts';
import { writeOut } from './output.ts';
import { packageVersion } from './version.ts';

/** Without --fail-on, findings from this severity on are failures in JUnit XML; lesser ones are no fault. */
const FAILING: Severity = 'warning';

/** Most rows in the summary of a CI step, which GitHub limits to 1 MiB. */
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

/**
 * Findings by severity, worst first, for formats of which only the beginning is shown. With --limit they keep their
 * order: the user has chosen how many.
 */
function* worstFirst(db: Database, filter: FindingFilter): Generator<FindingRow> {
  if (filter.limit !== undefined) return yield* readFindings(db, filter);
  for (const only of [...SEVERITIES].reverse()) yield* readFindings(db, { ...filter, only });
}

/**
 * Appends to the file whose Markdown GitHub shows on the page of the workflow run; does nothing outside of GitHub
 * Actions.
 */
export function appendStepSummary(pieces: Iterable<string>): void {
  const path = process.env.GITHUB_STEP_SUMMARY;
  if (!path) return;
  try {
    appendFileSync(path, `${[...pieces].join('')}\n`);
  } catch (error) {
    throw new PawscopeError(`GITHUB_STEP_SUMMARY cannot be written: ${reasonOf(error)}`);
  }
}
