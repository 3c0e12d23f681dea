/** Turns errors of SQLite into one sentence that names the file and says what to do about it. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import SQLite from 'better-sqlite3';
import { StoreError } from '../base/errors.ts';
import { MALFORMED_JSON, MalformedJsonError } from './json.ts';

const DAMAGED = 'the database is damaged; move it away and analyse the captures again';

/** The first matching prefix decides. Extended codes (SQLITE_IOERR_WRITE) begin with the name of their primary code. */
const SENTENCES: readonly (readonly [prefix: string, problem: string])[] = [
  ['SQLITE_FULL', 'the disk is full; free some space, or name a database on another disk with --db'],
  ['SQLITE_IOERR', 'the disk is full or failing; free some space, or name a database on another disk with --db'],
  ['SQLITE_READONLY', 'the database cannot be written; change its permissions, or name another file with --db'],
  [
    'SQLITE_CANTOPEN',
    'the database cannot be opened; check that its folder exists and may be written, name another file with --db, or keep ' +
      'nothing with --db :memory:',
  ],
  ['SQLITE_PERM', 'the database may not be opened; change its permissions, or name another file'],
  ['SQLITE_BUSY', 'another program holds the database; wait until it has finished, or name another file with --db'],
  ['SQLITE_LOCKED', 'another program holds the database; wait until it has finished, or name another file with --db'],
  ['SQLITE_NOTADB', 'is not a database; name another file, and give captures to pawscope analyze'],
  ['SQLITE_CORRUPT', DAMAGED],
];

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function ownerOf(path: string): string {
  const { uid } = statSync(path);
  return uid === 0 ? 'root' : `user ${uid}`;
}

/** The error says that another program holds the database. */
export function isInUse(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error;
  return cause instanceof SQLite.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(cause.code);
}

/** The error says that the disk has no room. */
export const isFull = (error: unknown): boolean => error instanceof SQLite.SqliteError && error.code === 'SQLITE_FULL';

const isMalformedJson = (error: unknown): boolean =>
  error instanceof MalformedJsonError || (error instanceof SQLite.SqliteError && error.message === MALFORMED_JSON);

/** Returns errors of SQLite as StoreErrors. Other errors are faults of this program and are returned unchanged. */
export function storeError(path: string, error: unknown): unknown {
  if (isMalformedJson(error)) return new StoreError(`${path}: ${DAMAGED} (${MALFORMED_JSON})`, { cause: error });
  if (!(error instanceof SQLite.SqliteError)) return error;
  if (error.code.startsWith('SQLITE_CANTOPEN') && existsSync(path) && !isReadable(path)) {
    return new StoreError(
      `${path}: this user may not read the database, which belongs to ${ownerOf(path)}; read it as that user, or with sudo`,
    );
  }
  const problem = SENTENCES.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? 'the database refuses';
  return new StoreError(`${path}: ${problem} (${error.code}: ${error.message})`, { cause: error });
}

/** Runs `work`, and throws errors of SQLite as StoreErrors. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(path, error);
  }
}

export async function guardedAsync<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(path, error);
  }
}
