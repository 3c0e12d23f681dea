/**
 * Opens databases and refuses those that are not ours to touch: other programs', newer versions', folders, files that
 * are no database. Nothing is written before the database has been recognised, and a file that was created for
 * nothing is removed again. At rest a database is one file: WAL is on only while somebody writes.
 */
import { closeSync, existsSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Options } from 'better-sqlite3';
import { StoreError } from '../base/errors.ts';
import { isInUse, storeError } from './failures.ts';
import { APPLICATION_ID, MIGRATIONS, OLDEST_READABLE } from './migrations.ts';
import { Database } from './sqlite.ts';

export type { Database };

export const MEMORY = ':memory:';

/** The write-ahead log has about as much when it is copied. */
const LOG_BYTES = 16 << 20;

/** Rows are appended: a larger cache only holds what has been written, and is slower. */
const CACHE_KIB = 4 << 10;

/** How long to wait for another program's transaction; ours last milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** Runs `work`, for which no lock is waited. */
export function withoutWaiting<T>(db: Database, work: () => T): T {
  const timeout = Number(db.pragma('busy_timeout'));
  db.exec('PRAGMA busy_timeout = 0');
  try {
    return work();
  } finally {
    db.exec(`PRAGMA busy_timeout = ${timeout}`);
  }
}

/** Another program has been waited for in vain: nothing that is left to be done waits for one. */
export const waitNoMore = (db: Database): unknown => db.exec('PRAGMA busy_timeout = 0');

/** Another program has a transaction open that writes. */
export function isBeingWritten(db: Database): boolean {
  try {
    withoutWaiting(db, () => db.exec('BEGIN IMMEDIATE; ROLLBACK'));
    return false;
  } catch (error) {
    if (isInUse(error)) return true;
    throw error;
  }
}

/**
 * `begin` is part of opening: when it fails, a database that was created for it goes away again. `claim` sees the
 * database before anything is written, and the version of its schema.
 */
export function openForWriting(
  path: string,
  begin: (db: Database) => void,
  claim?: (db: Database, version: number) => void,
): Database {
  const isNew = path === MEMORY || !existsSync(path);
  refuseWrongPlace(path, isNew);
  const isOurs = isNew && path !== MEMORY && creates(path);
  return connect(path, { timeout: BUSY_TIMEOUT_MS }, isOurs, db => {
    const version = recognise(db, path);
    // Rows of findings are long: larger pages are fewer writes. It counts only before there is a table.
    // What is not there yet cannot be lost: the first transaction in the log is synchronised, and the folder with it.
    if (version === 0) db.exec('PRAGMA page_size = 16384; PRAGMA synchronous = OFF');
    claim?.(db, version);
    db.exec('PRAGMA journal_mode = WAL');
    // Now that the size of a page is settled: SQLite goes on counting pages of the size that there was before.
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    // With WAL this loses at most the last transactions on a power cut, and nothing when the process is killed.
    db.exec('PRAGMA synchronous = NORMAL');
    // What was written is copied into the file once in 16 MB, not once in 4: fewer stops, and fewer pages twice.
    db.exec(`PRAGMA wal_autocheckpoint = ${Math.ceil(LOG_BYTES / Number(db.pragma('page_size')))}`);
    // References are declared for those who delete runs by hand. Checking them would cost a lookup for each row of a
    // parent that was written a moment ago.
    db.exec('PRAGMA foreign_keys = OFF');
    if (version < MIGRATIONS.length) migrate(db);
    begin(db);
  });
}

/** Creates no file, not even beside the database. */
export function openForReading(path: string): Database {
  if (path === MEMORY || !existsSync(path)) {
    throw new StoreError(`${path}: there is no such database; write one with: pawscope analyze --db ${path} CAPTURE`);
  }
  refuseWrongPlace(path, false);
  return connect(path, { timeout: BUSY_TIMEOUT_MS, readonly: true, fileMustExist: true }, false, db => {
    const version = recognise(db, path);
    if (version === 0) {
      throw new StoreError(`${path}: the database is empty; fill it with: pawscope analyze --db ${path} CAPTURE`);
    }
    if (version < OLDEST_READABLE) {
      throw new StoreError(`${path}: an older pawscope wrote this database; analyse any capture into it to upgrade it`);
    }
  });
}

/** Why a write-ahead log stays beside a database; it stays valid, and belongs to it. */
export type LogStays = 'in-use' | 'refused';

/**
 * The last writer leaves a single file that can be copied, and read where nothing can be written: unless somebody else
 * has it open, or the disk is full, or root was given up and the folder is root's.
 */
export function close(db: Database): LogStays | undefined {
  let stays: LogStays | undefined;
  try {
    if (!db.readonly) db.exec('PRAGMA journal_mode = DELETE');
  } catch (error) {
    stays = isInUse(error) ? 'in-use' : 'refused';
  }
  db.close();
  return stays;
}

/** False where somebody else was first, or it cannot be: SQLite says why. The file is as SQLite would make it. */
function creates(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o644));
    return true;
  } catch {
    return false;
  }
}

function connect(path: string, options: Options, isOurs: boolean, prepare: (db: Database) => void): Database {
  let db: Database | undefined;
  try {
    db = new Database(path, options);
    prepare(db);
    return db;
  } catch (error) {
    db?.close();
    // Another program that has begun to use it meanwhile keeps it.
    if (isOurs && !isInUse(error)) {
      for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
    }
    throw storeError(path, error);
  }
}

function refuseWrongPlace(path: string, isNew: boolean): void {
  if (path === MEMORY) return;
  if (path === '')
    throw new StoreError('the database has no name; name a file with --db, or --db :memory: to keep nothing');
  if (!isNew && statSync(path).isDirectory()) {
    throw new StoreError(
      `${path}: is a folder; name a database file in it, such as ${path.replace(/\/*$/, '')}/pawscope.db`,
    );
  }
  const folder = dirname(path);
  if (isNew && !existsSync(folder)) {
    throw new StoreError(`${path}: the folder ${folder} does not exist; create it, or name a database elsewhere`);
  }
}

/** The schema version: 0 for an empty database, which is ours to fill. */
function recognise(db: Database, path: string): number {
  const version = Number(db.pragma('user_version'));
  if (db.pragma('application_id') !== APPLICATION_ID) {
    const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
    if (tables === 0 && version === 0) return 0;
    throw new StoreError(`${path}: is a database of another program; name another file with --db`);
  }
  if (version > MIGRATIONS.length) {
    throw new StoreError(
      `${path}: a newer pawscope wrote this database (schema ${version}, this one knows ${MIGRATIONS.length}); ` +
        'update pawscope, or name another file with --db',
    );
  }
  return version;
}

function migrate(db: Database): void {
  const upgrade = db.transaction(() => {
    // Read again under the lock: another process may have been first.
    const version = Number(db.pragma('user_version'));
    for (const migration of MIGRATIONS.slice(version)) db.exec(migration);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
  upgrade.immediate();
}
