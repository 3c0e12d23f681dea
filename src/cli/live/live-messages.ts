/** Messages of `live` about its start and its end. */
import { existsSync } from 'node:fs';
import type { AnalyseResult } from '../../analyse.ts';
import { linkTypeName } from '../../capture/link/link.ts';
import type { LiveSession } from '../../capture/live/live.ts';
import { counted } from '../../report/words.ts';
import type { DatabaseFile } from '../../store/database-file.ts';

export const listening = ({ sources }: LiveSession, snaplen: number): string =>
  `listening on ${sources.map(({ name, linkType }) => `${name}, ${linkTypeName(linkType)}`).join('; ')}; ` +
  `${snaplen} bytes a frame`;

/** Printed instead of a summary where stdout had the findings themselves. */
export const ended = ({ tally }: AnalyseResult, findings: number, database: DatabaseFile | undefined): string =>
  `ended after ${counted(tally.frames ?? 0, 'frame')}, with ${counted(findings, 'finding')}` +
  `${database === undefined || database.isGone ? '' : `; pawscope findings ${database.path} shows them`}`;

/** Printed if the reader of stdout has not taken everything. */
export const undelivered = (findings: number, database: DatabaseFile | undefined): string =>
  `${findings === 0 ? 'not all of the result was' : `${counted(findings, 'finding')} ${findings === 1 ? 'was' : 'were'} not`} ` +
  'written to standard output, which nobody reads' +
  `${database === undefined || database.isGone ? '' : `; all are in ${database.path}`}`;

/** Printed if the run failed while rows were still in memory. */
export const unstored = (rows: number): string =>
  `${counted(rows, 'row')} (findings, TIME_WAITs, flows) could not be stored and ${rows === 1 ? 'is' : 'are'} lost`;

/**
 * The -wal file is mentioned where this user could not remove it: SQLite would take it for the log of the next database
 * of that name.
 */
export const findingsGone = (path: string): string =>
  `${path} was removed, renamed or replaced while it was written: the findings went with it` +
  `${existsSync(`${path}-wal`) && !existsSync(path) ? `; ${path}-wal belongs to it, and to no new one` : ''}`;

export const tooLarge = (path: string): string =>
  `${path}: larger than --max-db, and created without it: it stops growing but cannot shrink while in use; ` +
  `to shrink it when nothing runs: sqlite3 ${path} 'PRAGMA auto_vacuum = INCREMENTAL; VACUUM'`;
