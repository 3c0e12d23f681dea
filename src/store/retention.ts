/**
 * Keeps a database within bounds while a run writes it, by removing the oldest rows, a few hundred in a transaction, so
 * that nobody waits for long. Rowids grow in the order of storing, so the oldest rows are found without an index. Free
 * pages are reused, so the file stops growing once its content is bounded. Runs, captures and tallies are never
 * removed.
 */
import type { Statement } from 'better-sqlite3';
import { count, type Tally } from '../shard/tally.ts';
import { type Database, LOG_BYTES, withoutWaiting } from './database.ts';

export interface Bounds {
  /** Seconds. */
  keep?: number;
  /** Bytes of the database file. */
  maxBytes?: number;
}

/** Rows removed in one transaction, which takes some milliseconds. */
const ROWS = 500;
/** How long one call may take, unless the database would otherwise grow beyond its bound. */
const BUDGET_MS = 20;
/** Rows of a curve that one call of `expire` goes through; it is called every second. */
const WINDOW = 5_000;
/**
 * Limits of the reserve: bytes of free pages kept for what is stored next. Clearing up goes on until there is twice as
 * much.
 */
const MIN_RESERVE = 1 << 20;
const MAX_RESERVE = 8 << 20;
const VACUUM_PAGES = 1_000;

/**
 * Tables, their names in the tally, and the instant from which the age of a row counts; undefined if it has the age of
 * its run, at whose end such rows are written.
 */
const TABLES = [
  ['finding', 'findings', 'row.last_ns'],
  ['time_wait', 'time_wait', 'row.end_ns'],
  ['flow', 'flows', 'row.last_ns'],
  ['time_wait_curve', 'time_wait_curve', undefined],
  ['time_wait_hidden', 'time_wait_hidden', undefined],
  ['clock', 'clocks', undefined],
] as const;
/** Tables that are stored host by host. */
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
  /** The rowid up to which the current pass has gone. */
  swept: number;
}

interface Expiring {
  name: string;
  /** Those of the first `limit` rows that are older than `before`. */
  oldest: Statement<[limit: number, before: number], Aged>;
  remove: Statement<[rows: string]>;
}

/**
 * Prepares a database that is to be bounded, before anything is written; returns the runs whose status is `running`
 * though nobody writes them any more. If no other program has the database open, it can leave WAL mode; any run that
 * still says `running` was then killed. In case of doubt a run counts as being written and keeps its rows.
 */
export function claim(db: Database, version: number, { maxBytes }: Bounds): number[] {
  if (version === 0) {
    // auto_vacuum can be changed only before the first table, or by rewriting the whole database.
    if (maxBytes !== undefined) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    return [];
  }
  const running = db.prepare(`SELECT id FROM run WHERE status = 'running'`).pluck().all() as number[];
  try {
    withoutWaiting(db, () => db.exec('PRAGMA journal_mode = DELETE'));
    if (db.pragma('journal_mode') === 'delete') return running;
  } catch {
    // Another program has it open.
  }
  return [];
}

export class Retention {
  private readonly database: Database;
  private readonly bounds: Bounds;
  /** Numbers of removed rows, as `expired.<name>`. */
  readonly tally: Tally = {};
  private readonly tables: readonly Expiring[];
  private readonly curves: readonly Curve[];
  private readonly pages: Statement<[], number>;
  private readonly freePages: Statement<[], number>;
  private readonly maxPages: number;
  private readonly reserve: number;
  private readonly canShrink: boolean;
  /**
   * Everything older has been removed or is being removed: milliseconds since the epoch, 0 before anything was removed.
   */
  horizon = 0;

  /** For run `run`, which has begun. `dead`: what `claim` returned. */
  constructor(db: Database, run: number, bounds: Bounds, dead: readonly number[]) {
    this.database = db;
    this.bounds = bounds;
    this.pages = db.prepare<[], number>('PRAGMA page_count').pluck();
    this.freePages = db.prepare<[], number>('PRAGMA freelist_count').pluck();
    this.canShrink = db.pragma('auto_vacuum') === 2;
    const { maxBytes } = bounds;
    const page = Number(db.pragma('page_size'));
    this.maxPages = maxBytes === undefined ? Number.POSITIVE_INFINITY : Math.floor(maxBytes / page);
    this.reserve =
      maxBytes === undefined ? 0 : Math.ceil(Math.min(Math.max(maxBytes / 16, MIN_RESERVE), MAX_RESERVE) / page);
    db.exec(`PRAGMA journal_size_limit = ${LOG_BYTES}`);
    const others = `SELECT id FROM run WHERE status = 'running' AND id <> ${run}
      AND id NOT IN (SELECT value FROM json_each('${JSON.stringify(dead)}'))`;
    const ended = `coalesce(run.finished_ns, iif(run.id = ${run}, ${2n ** 63n - 1n}, run.started_ns))`;
    this.tables = TABLES.map(([table, name, since]) => ({
      name,
      // Rows of a run over files may be old already when they are stored, so they have the age of their run.
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

  /** The file is larger than its bound and cannot shrink because it was created without one. */
  get stuck(): boolean {
    return !this.canShrink && (this.pages.get() ?? 0) > this.maxPages;
  }

  /** Makes room for what is stored next. Call it after every write. */
  makeRoom(): void {
    if (this.maxPages === Number.POSITIVE_INFINITY) return;
    const until = performance.now() + BUDGET_MS;
    for (let enough = this.reserve; ; enough = 2 * this.reserve) {
      const pages = this.pages.get() ?? 0;
      const free = this.freePages.get() ?? 0;
      if (this.maxPages - (pages - free) >= enough) return;
      // A file that was too large from the start is reduced step by step, as long as it need not grow.
      const mustGo = Math.max(this.maxPages - pages, 0) + free < this.reserve;
      if ((!mustGo && performance.now() > until) || !this.expireOldest()) return;
    }
  }

  /** Call this about once a second. `now`: milliseconds since the epoch. */
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

  /** Removes some rows of the table that has the oldest row. False if no row may be removed. */
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

  /**
   * Removes old rows of a curve, one window of rows at a time: it is stored host by host, so old rows are everywhere in
   * it.
   */
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
