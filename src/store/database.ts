/**
 * Opens databases and refuses what must not be touched: databases of other programs or newer versions, folders, files
 * that are no database. Nothing is written before a database has been recognised, and a file created in vain is removed
 * again. At rest a database is a single file: WAL mode is on only while somebody writes.
 */
import { closeSync, existsSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Options } from 'better-sqlite3';
import { StoreError } from '../base/errors.ts';
import { isFull, isInUse, storeError } from './failures.ts';
import { APPLICATION_ID, MIGRATIONS, OLDEST_READABLE } from './migrations.ts';
import { Database } from './sqlite.ts';

export type { Database };

export const MEMORY = ':memory:';

/** Size of the write-ahead log at which SQLite runs a checkpoint. A bounded database truncates it to that. */
export const LOG_BYTES = 16 << 20;

/** Rows are appended, so a larger page cache would only hold pages already written; it is slower. */
const CACHE_KIB = 4 << 10;

/** How long to wait for another program's transaction; our own take milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** Runs `work` with a busy timeout of 0: a lock held by another program makes it fail at once. */
export function withoutWaiting<T>(db: Database, work: () => T): T {
  const timeout = Number(db.pragma('busy_timeout'));
  db.exec('PRAGMA busy_timeout = 0');
  try {
    return work();
  } finally {
    db.exec(`PRAGMA busy_timeout = ${timeout}`);
  }
}

/** Turns the busy timeout off for good: after one wait in vain nothing else should wait for another program. */
export const waitNoMore = (db: Database): unknown => db.exec('PRAGMA busy_timeout = 0');

/** Another program has a write transaction open. */
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
 * Opens or creates a database. `begin` is part of opening: if it throws, a database created here is removed again.
 * `claim` receives the database, and the version of its schema, before anything is written.
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
    // page_size: rows of findings are long, so larger pages mean fewer writes. It takes effect only before the first
    // table.
    // synchronous: a new database has nothing to lose. The first transaction in the log is synchronised, with the
    // directory.
    if (version === 0) db.exec('PRAGMA page_size = 16384; PRAGMA synchronous = OFF');
    claim?.(db, version);
    db.exec('PRAGMA journal_mode = WAL');
    // Only now that the page size is settled: SQLite would go on counting in pages of the previous size.
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    // In WAL mode this loses at most the last transactions in a power cut, and nothing when the process is killed.
    db.exec('PRAGMA synchronous = NORMAL');
    // A checkpoint every 16 MB instead of every 4 MB: fewer pauses, and fewer pages that are copied twice.
    db.exec(`PRAGMA wal_autocheckpoint = ${Math.ceil(LOG_BYTES / Number(db.pragma('page_size')))}`);
    // Foreign keys are declared for those who delete runs by hand. Checking them would cost a lookup of the parent,
    // written a moment ago, for each row.
    db.exec('PRAGMA foreign_keys = OFF');
    if (version < MIGRATIONS.length) migrate(db);
    begin(db);
  });
}

/** Opens an existing database without creating any file, not even one beside it. */
export function openForReading(path: string): Database {
  if (path === '') throw new StoreError('the name of the database is empty; is a variable not set?');
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

/**
 * Why a write-ahead log stays beside a database: another program has it open, the disk has no room to merge it, or
 * SQLite could not leave WAL mode. The log stays valid, as part of the database.
 */
export type LogStays = 'in-use' | 'full' | 'refused';

/**
 * Closes the database. The last writer leaves a single file that can be copied, and read from read-only media, unless
 * another program has it open, the disk is full, or root was given up and the folder belongs to root.
 */
export function close(db: Database): LogStays | undefined {
  let stays: LogStays | undefined;
  try {
    if (!db.readonly) db.exec('PRAGMA journal_mode = DELETE');
  } catch (error) {
    stays = isInUse(error) ? 'in-use' : isFull(error) ? 'full' : 'refused';
  }
  db.close();
  return stays;
}

/**
 * Creates an empty file with the mode that SQLite would use. False if it exists by now or cannot be created; in the
 * latter case SQLite reports why.
 */
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
    // Unless another program has begun to use the database meanwhile.
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
  // better-sqlite3 trims the name: it would open another file, or none if nothing is left.
  if (path !== path.trim()) {
    throw new StoreError(`'${path}': the name of a database cannot begin or end with white space; name another file`);
  }
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

/** The schema version; 0 for an empty database, which we may fill. */
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
