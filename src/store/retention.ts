/**
 * Keeps a database bounded while a run writes it: what is oldest goes, a few hundred rows a transaction, so that nobody
 * waits for long. Rowids grow in the order of storing, so the oldest rows are found without an index. Pages that become
 * free are written again, and a file whose content is bounded grows no more. Runs, captures and tallies stay.
 */
import type { Statement } from 'better-sqlite3';
import { count, type Tally } from '../shard/tally.ts';
import { type Database, withoutWaiting } from './database.ts';

export interface Bounds {
  /** Seconds. */
  keep?: number;
  /** Bytes of the database file. */
  maxBytes?: number;
}

/** Rows a transaction: some milliseconds. */
const ROWS = 500;
/** How long a call may go on where nothing forces it to. */
const BUDGET_MS = 20;
/** Rows of the curve that are looked at in a second. */
const WINDOW = 5_000;
/** Bytes of free pages that are kept for what comes next, and twice as many after clearing up. */
const MIN_RESERVE = 1 << 20;
const MAX_RESERVE = 8 << 20;
/** The write-ahead log is no longer than this once it has been copied into the database: see wal_autocheckpoint. */
const LOG_BYTES = 16 << 20;
const VACUUM_PAGES = 1_000;

/** Tables, the names of the tally, and when a row was new. What is written at the end of a run has the run's age. */
const TABLES = [
  ['finding', 'findings', 'row.last_ns'],
  ['time_wait', 'time_wait', 'row.end_ns'],
  ['flow', 'flows', 'row.last_ns'],
  ['time_wait_curve', 'time_wait_curve', undefined],
  ['time_wait_hidden', 'time_wait_hidden', undefined],
  ['clock', 'clocks', undefined],
] as const;
/** Stored host by host. */
const CURVES = ['time_wait_curve', 'time_wait_hidden'] as const;

interface Aged {
  row: number;
  /** Milliseconds since the epoch. */
  at: number;
}

interface Curve {
  name: string;
  sweep: Statement<[after: number, upTo: number, beforeMs: number]>;
  last: Statement<[], number | null>;
  /** Its rows have been gone through up to here. */
  swept: number;
}

interface Expiring {
  name: string;
  /** Of so many rows those that are older than `before`. */
  oldest: Statement<[limit: number, before: number], Aged>;
  remove: Statement<[rows: string]>;
}

export class Retention {
  private readonly bounds: Bounds;
  /** Rows that went, as `expired.<name>`. */
  readonly tally: Tally = {};
  /** Runs that say `running` and that nobody writes any more. */
  private dead: number[] = [];
  private tables: Expiring[] = [];
  private pages!: Statement<[], number>;
  private freePages!: Statement<[], number>;
  private curves: Curve[] = [];
  private database!: Database;
  /** What is older than this went already, or is being swept: milliseconds since the epoch, 0 before anything went. */
  horizon = 0;
  private maxPages = Number.POSITIVE_INFINITY;
  private reserve = 0;
  private canShrink = false;

  constructor(bounds: Bounds) {
    this.bounds = bounds;
  }

  /**
   * Before anything is written. A database that nobody else has open can leave WAL; whatever then still says `running`
   * was killed. In doubt a run counts as being written, and keeps its rows.
   */
  claim(db: Database, version: number): void {
    if (version === 0) {
      // Only a database without tables takes it without being written anew.
      if (this.bounds.maxBytes !== undefined) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
      return;
    }
    const running = db.prepare(`SELECT id FROM run WHERE status = 'running'`).pluck().all() as number[];
    try {
      withoutWaiting(db, () => db.exec('PRAGMA journal_mode = DELETE'));
      if (db.pragma('journal_mode') === 'delete') this.dead = running;
    } catch {
      // Somebody has it open.
    }
  }

  /** Once `run` has begun. */
  attach(db: Database, run: number): void {
    this.database = db;
    this.pages = db.prepare<[], number>('PRAGMA page_count').pluck();
    this.freePages = db.prepare<[], number>('PRAGMA freelist_count').pluck();
    this.canShrink = db.pragma('auto_vacuum') === 2;
    const { maxBytes } = this.bounds;
    if (maxBytes !== undefined) {
      const page = Number(db.pragma('page_size'));
      this.maxPages = Math.floor(maxBytes / page);
      this.reserve = Math.ceil(Math.min(Math.max(maxBytes / 16, MIN_RESERVE), MAX_RESERVE) / page);
    }
    db.exec(`PRAGMA journal_size_limit = ${LOG_BYTES}`);
    const others = `SELECT id FROM run WHERE status = 'running' AND id <> ${run}
      AND id NOT IN (SELECT value FROM json_each('${JSON.stringify(this.dead)}'))`;
    const ended = `coalesce(run.finished_ns, iif(run.id = ${run}, ${2n ** 63n - 1n}, run.started_ns))`;
    this.tables = TABLES.map(([table, name, since]) => ({
      name,
      // What was read from files may be old when it is stored: it has the age of its run.
      oldest: db.prepare<[number, number], Aged>(`
        SELECT row, at FROM (
          SELECT row.rowid AS row, ${since ? `iif(run.command = 'live', ${since}, ${ended})` : ended} / 1000000 AS at
          FROM ${table} AS row NOT INDEXED CROSS JOIN run ON run.id = row.run_id
          WHERE row.run_id NOT IN (${others}) ORDER BY row.rowid LIMIT ?)
        WHERE at < ?`),
      remove: db.prepare(
        `DELETE FROM ${table} WHERE rowid IN (SELECT value FROM json_each(?)) AND run_id NOT IN (${others})`,
      ),
    }));
    this.curves = CURVES.map(name => ({
      name,
      sweep: db.prepare(`
        DELETE FROM ${name} WHERE rowid > ? AND rowid <= ? AND bucket_ns < ? * 1000000
          AND run_id IN (SELECT id FROM run WHERE command = 'live') AND run_id NOT IN (${others})`),
      last: db.prepare<[], number | null>(`SELECT max(rowid) FROM ${name}`).pluck(),
      swept: 0,
    }));
    this.makeRoom();
  }

  /** The file is larger than it may be and cannot become smaller, because it was made without a bound. */
  get stuck(): boolean {
    return !this.canShrink && (this.pages.get() ?? 0) > this.maxPages;
  }

  /** Makes room for what comes next; after everything that was written. */
  makeRoom(): void {
    if (this.maxPages === Number.POSITIVE_INFINITY) return;
    const until = performance.now() + BUDGET_MS;
    for (let enough = this.reserve; ; enough = 2 * this.reserve) {
      const pages = this.pages.get() ?? 0;
      const free = this.freePages.get() ?? 0;
      if (this.maxPages - (pages - free) >= enough) return;
      // A file that was too large before takes its time, as long as it need not grow.
      const mustGo = Math.max(this.maxPages - pages, 0) + free < this.reserve;
      if ((!mustGo && performance.now() > until) || !this.expireOldest()) return;
    }
  }

  /** Now and then. `now` is in milliseconds since the epoch. */
  expire(now: number): void {
    this.makeRoom();
    const { keep } = this.bounds;
    if (keep !== undefined) this.expireBefore(now - keep * 1e3);
    for (const curve of this.curves) this.sweepCurve(curve);
    if (!this.canShrink || (this.pages.get() ?? 0) <= this.maxPages) return;
    const spare = (this.freePages.get() ?? 0) - this.reserve;
    if (spare > 0) this.database.exec(`PRAGMA incremental_vacuum(${Math.min(spare, VACUUM_PAGES)})`);
  }

  private expireBefore(horizon: number): void {
    this.horizon = Math.max(this.horizon, horizon);
    const until = performance.now() + BUDGET_MS;
    for (const table of this.tables) {
      while (performance.now() < until) {
        const old = table.oldest.all(ROWS, horizon);
        if (old.length === 0) break;
        this.remove(table, old);
      }
    }
  }

  /** Some rows of the table that has the oldest; false when there is none that may go. */
  private expireOldest(): boolean {
    let oldest: Expiring | undefined;
    let since = Number.POSITIVE_INFINITY;
    for (const table of this.tables) {
      const first = table.oldest.get(1, Number.MAX_SAFE_INTEGER);
      if (first === undefined || first.at >= since) continue;
      oldest = table;
      since = first.at;
    }
    if (oldest === undefined) return false;
    this.horizon = Math.max(this.horizon, since);
    return this.remove(oldest, oldest.oldest.all(ROWS, Number.MAX_SAFE_INTEGER)) > 0;
  }

  private remove(table: Expiring, rows: readonly Aged[]): number {
    const list = JSON.stringify(rows.map(({ row }) => row));
    return this.counted(table.name, () => table.remove.run(list).changes);
  }

  /** A curve is stored host by host, so what is old stands everywhere in it: a stretch at a time is gone through. */
  private sweepCurve(curve: Curve): void {
    if (this.horizon === 0) return;
    const last = curve.last.get() ?? 0;
    const from = curve.swept >= last ? 0 : curve.swept;
    curve.swept = from + WINDOW;
    if (last > 0) this.counted(curve.name, () => curve.sweep.run(from, curve.swept, this.horizon).changes);
  }

  private counted(name: string, work: () => number): number {
    const changes = this.database.transaction(work).immediate();
    if (changes > 0) count(this.tally, `expired.${name}`, changes);
    return changes;
  }
}
