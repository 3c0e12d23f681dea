/** `pawscope report`: the HTML page of an incident, or Markdown for a ticket, from the database of a run. */
import { lstatSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Anonymizer } from '../base/anonymizer.ts';
import { PawscopeError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import { compare, type Side } from '../report/incident/compare.ts';
import { readIncident } from '../report/incident/incident.ts';
import { incidentMarkdown } from '../report/incident/markdown.ts';
import { incidentPage } from '../report/page/page.ts';
import { absenceLines } from '../report/summary/absence.ts';
import { close } from '../store/database.ts';
import { guarded } from '../store/failures.ts';
import { readCaptures, readRuns, readTally } from '../store/reader.ts';
import { summarise } from '../store/summary.ts';
import { anonymizerOf, openToTell } from './anonymize.ts';
import { refuseOverwriting } from './capture-files.ts';
import { chosenRuns } from './chosen-runs.ts';
import { Exit, UsageError } from './exit.ts';
import type { AnonymizeOptions, REPORT_FORMATS } from './options.ts';
import { writeOut } from './output.ts';
import { rules } from './rules.ts';

export interface ReportOptions extends AnonymizeOptions {
  output?: string;
  run: number | 'last';
  /** Another database, whose last run is the state before. */
  compare?: string;
  format: (typeof REPORT_FORMATS)[number];
}

export async function report(path: string, options: ReportOptions): Promise<number> {
  if (options.output === undefined && options.format === 'html' && process.stdout.isTTY) {
    throw new UsageError('the page would go to the terminal; name a file: -o incident.html (or force it with -o -)');
  }
  const page = pageOf(path, options);
  if (options.output === undefined || options.output === '-') await writeOut([page]);
  else writeTo(options.output, page);
  return Exit.DONE;
}

function pageOf(path: string, options: ReportOptions): string {
  const anonymizer = anonymizerOf(options);
  const db = openToTell(path, anonymizer);
  try {
    return guarded(path, () => {
      const [run] = chosenRuns(readRuns(db), path, options.run);
      if (options.output !== undefined) refuseOverwriting(options.output, path, readCaptures(db, [run.id]));
      const incident = readIncident(db, anonymizer?.path(path) ?? path, run);
      const { captures, tally, byRule } = incident;
      if (options.compare !== undefined) {
        const after = { name: incident.database, run: run.id, causes: summarise(db, run.id, 0).causes, tally };
        incident.comparison = compare(sideOf(options.compare, anonymizer), after);
      }
      const looked = { run, captures, tally, rules: rules() };
      const absence = byRule.size === 0 ? absenceLines(looked, Number.POSITIVE_INFINITY) : [];
      const write = options.format === 'md' ? incidentMarkdown : incidentPage;
      return write(
        incident,
        absence.map(line => line.trim()),
      );
    });
  } finally {
    close(db);
  }
}

/** The last run of the database at `path`, to compare with. */
function sideOf(path: string, anonymizer: Anonymizer | undefined): Side {
  const db = openToTell(path, anonymizer);
  try {
    return guarded(path, () => {
      const [run] = chosenRuns(readRuns(db), path, 'last');
      const name = anonymizer?.path(path) ?? path;
      return { name, run: run.id, causes: summarise(db, run.id, 0).causes, tally: readTally(db, [run.id]) };
    });
  } finally {
    close(db);
  }
}

/** Writes the page. If the disk is full the partial file is removed, as half a page could be taken for a whole one. */
function writeTo(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') && lstatSync(file).isFile()) rmSync(file);
    const hint = code === 'EISDIR' ? `; name a file in it, such as ${join(file, 'incident.html')}` : '';
    throw new PawscopeError(`${file}: the report cannot be written: ${reasonOf(error)}${hint}`);
  }
}
