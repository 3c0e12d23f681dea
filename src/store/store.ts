/**
 * Writes a run to the database. Every call is one transaction: a killed run leaves all it had delivered, with the
 * status `running`, in a database that opens. Every failure is a StoreError: one sentence that names the file.
 */
import type { ClockRow, ClockSoFar } from '../detect/clocks/clock-row.ts';
import type { Finding } from '../detect/finding.ts';
import type { Numbering } from '../detect/findings/written-finding.ts';
import type { FlowRow } from '../flow/flow-row.ts';
import type { TimeWaitRows } from '../flow/time-wait-rows.ts';
import type { CurveSeries } from '../shard/curve.ts';
import type { Tally } from '../shard/tally.ts';
import { close, type Database, isBeingWritten, type LogStays, MEMORY, openForWriting, waitNoMore } from './database.ts';
import { DatabaseFile } from './database-file.ts';
import { guarded, isInUse } from './failures.ts';
import { claim, Retention } from './retention.ts';
import type { RunStatus } from './rows.ts';
import { ClockRows } from './write/clocks.ts';
import { CurveRows } from './write/curve.ts';
import { FindingRows } from './write/findings.ts';
import { flowInsert } from './write/flows.ts';
import type { Insert } from './write/insert.ts';
import { captureUpdate, insertCaptures, insertRun, insertTally, type NewRun, updateRun } from './write/runs.ts';
import { timeWaitInsert } from './write/time-waits.ts';
import { Undo } from './write/undo.ts';

/** Rows to be stored with others: a transaction writes whole pages, however few rows it has. */
export interface Deferred {
  /** Number of rows; at most PORTION, unless one statement stores them. */
  rows: number;
  /** Stores the rows, within a transaction; called again if that fails. */
  store(): void;
  /** Called once the transaction is committed. */
  stored?(): void;
}

/** Rows that a bounded database takes, a few hundred KB, before room is made again. */
export const PORTION = 200;
const CURVE_PORTION = 4_000;

/** How often the rows of the captures are updated, for those who look while the run goes on. */
const REFRESH_MS = 1_000;

/** One run being written. */
export class Store {
  readonly path: string;
  /** The database's file; undefined in memory. */
  readonly place: DatabaseFile | undefined;
  readonly runId: number;
  readonly numbering: Numbering;
  /** The connection, for reading back with reader.ts. */
  readonly database: Database;
  private readonly updateCaptures: () => void;
  private readonly findingRows: FindingRows;
  private readonly flowRows: Insert<FlowRow>;
  private readonly clockRows: ClockRows;
  private readonly timeWaitRows: (rows: TimeWaitRows) => void;
  private readonly curveRows: CurveRows;
  private readonly retention: Retention | undefined;
  /** Rows stored in one transaction. */
  private readonly portion: number;
  private refreshed = 0;
  private readonly undo = new Undo();
  /** True within `together`: whatever is stored belongs to its transaction. */
  private joined = false;

  /** Opens or creates the database at `path` and begins a run in it, or throws and leaves no trace. */
  constructor(path: string, run: NewRun) {
    this.path = path;
    let id = 0;
    let captureIds: number[] = [];
    const { bounds } = run;
    let dead: number[] = [];
    let retention: Retention | undefined;
    const db = openForWriting(
      path,
      database => {
        const begin = (): void => {
          id = insertRun(database, run);
          captureIds = insertCaptures(database, id, run.captures);
        };
        database.transaction(begin).immediate();
        if (bounds) retention = new Retention(database, id, bounds, dead);
      },
      (database, version) => {
        if (bounds) dead = claim(database, version, bounds);
      },
    );
    this.database = db;
    this.place = path === MEMORY ? undefined : new DatabaseFile(path);
    this.runId = id;
    this.retention = retention;
    this.portion = bounds?.maxBytes === undefined ? Number.POSITIVE_INFINITY : PORTION;
    this.updateCaptures = captureUpdate(db, captureIds, run.captures);
    const [firstCapture = 0] = captureIds;
    this.numbering = { origin: run.origin, firstCapture };
    this.findingRows = new FindingRows(db, id, this.numbering, this.undo, run.command === 'live');
    this.flowRows = flowInsert(db, id, run.origin, captureIds);
    this.clockRows = new ClockRows(db, id, this.undo);
    this.timeWaitRows = timeWaitInsert(db, id, run.origin, firstCapture);
    this.curveRows = new CurveRows(db, id, run.origin);
  }

  /**
   * Stores everything in this order, in one transaction or, if the database is bounded, in a few. Whatever fails,
   * exactly what has been stored is removed from the list.
   */
  together(deferred: Deferred[]): void {
    while (deferred.length > 0) {
      let count = 1;
      for (let rows = deferred[0].rows; count < deferred.length; count++) {
        rows += deferred[count].rows;
        if (rows > this.portion) break;
      }
      this.join(deferred.slice(0, count));
      for (const { stored } of deferred.splice(0, count)) stored?.();
      this.makeRoom();
    }
  }

  /** In a live run: the row of the first finding stored since the last call, +∞ if none was; newer ones have higher rows. */
  takeFirstRow(): number {
    return this.findingRows.takeFirst();
  }

  /**
   * Stores findings. `revisable`: they may be passed to `revise` later. A finding with the id of a revisable one
   * replaces it in the same transaction. Returns by how many the number of findings has grown.
   */
  findings(batch: readonly Finding[], revisable = false): number {
    let more = 0;
    this.write(batch, part => {
      more += this.findingRows.add(part, revisable);
    });
    return more;
  }

  /** Replaces findings in place, so readers do not meet them again; removes `gone` and returns how many there were. */
  revise(changed: readonly Finding[], gone: readonly string[]): number {
    let removed = 0;
    this.transaction(() => {
      removed = this.findingRows.remove(gone);
      this.findingRows.revise(changed);
    });
    this.makeRoom();
    return removed;
  }

  /** These findings will not be revised any more. */
  settled(ids: readonly string[]): void {
    this.findingRows.settle(ids);
  }

  timeWaits(rows: TimeWaitRows): void {
    this.transaction(() => this.timeWaitRows(rows));
    this.makeRoom();
  }

  flows(rows: readonly FlowRow[]): void {
    this.write(rows, part => this.flowRows.run(part.length, i => part[i]));
  }

  clocksSoFar(rows: readonly ClockSoFar[]): void {
    this.write(rows, part => this.clockRows.addSoFar(part));
  }

  clocks(rows: readonly ClockRow[]): void {
    this.transaction(() => this.clockRows.removeSoFar());
    this.write(rows, part => this.clockRows.add(part));
  }

  /** Stores the whole curve at the end of the run. */
  curve(series: readonly CurveSeries[]): void {
    if (this.isInPortions || !this.curveRows.isEmpty) this.curveSoFar(series);
    else this.transaction(() => this.curveRows.writeAll(series));
  }

  /** Stores the whole curve so far; rows already written that are still right stay. */
  curveSoFar(series: readonly CurveSeries[]): void {
    if (this.isInPortions) {
      this.curveInPortions(series);
      return;
    }
    this.transaction(() => {
      this.curveRows.keepOnly(series);
      for (const one of series) this.curveRows.write(one, this.curveSince, Number.POSITIVE_INFINITY);
    });
  }

  private curveInPortions(series: readonly CurveSeries[]): void {
    this.transaction(() => this.curveRows.keepOnly(series));
    for (const one of series) {
      let isWhole = false;
      while (!isWhole) {
        isWhole = this.transaction(() => this.curveRows.write(one, this.curveSince, CURVE_PORTION));
        this.makeRoom();
      }
    }
  }

  /** Steps of the curve before this second, counted from the run's origin, have expired. */
  private get curveSince(): number {
    return Math.ceil((this.retention?.horizon ?? 0) / 1e3) - this.numbering.origin;
  }

  /** The database is bounded: room is made between the transactions, so none may be large. */
  private get isInPortions(): boolean {
    return this.portion < Number.POSITIVE_INFINITY;
  }

  /** The file is larger than its bound and stays so: its pages are reused, but it cannot shrink. */
  get stuck(): boolean {
    return this.retention?.stuck === true;
  }

  /** Another program is writing: storing would wait for it, up to five seconds (database.ts). */
  get isHeld(): boolean {
    return isBeingWritten(this.database);
  }

  /** Updates the rows of the captures and removes expired rows, unless another program is writing. */
  refresh(now: number): void {
    if (now - this.refreshed < REFRESH_MS) return;
    this.refreshed = now;
    this.unlessHeld(() => {
      this.transaction(this.updateCaptures);
      if (this.retention) guarded(this.path, () => this.retention!.expire(now));
    });
  }

  /** Does work that can as well be done later; skips it if another program is writing, or begins to. */
  unlessHeld(work: () => void): void {
    if (this.isHeld) return;
    try {
      work();
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
  }

  finish(status: RunStatus, finishedNs: bigint, tally: Readonly<Tally>): void {
    this.transaction(() => {
      this.updateCaptures();
      insertTally(this.database, this.runId, { ...tally, ...this.retention?.tally });
      updateRun(this.database, this.runId, status, finishedNs);
    });
  }

  /** Marks the run `failed` if that is still possible: what failed may be the disk. */
  fail(finishedNs: bigint): void {
    for (const step of [this.updateCaptures, () => updateRun(this.database, this.runId, 'failed', finishedNs)]) {
      try {
        step();
      } catch (error) {
        // The run stays `running`, as if killed, or its captures keep what was stored of them last.
        if (isInUse(error)) waitNoMore(this.database);
      }
    }
  }

  close(): LogStays | undefined {
    return close(this.database);
  }

  /** Stores rows all at once or, if the database is bounded, in portions, with room made after each. */
  private write<T>(rows: readonly T[], insert: (rows: readonly T[]) => void): void {
    const step = Math.min(this.portion, Math.max(rows.length, 1));
    for (let from = 0; from < rows.length; from += step) {
      this.transaction(() => insert(step < rows.length ? rows.slice(from, from + step) : rows));
      this.makeRoom();
    }
  }

  private join(deferred: readonly Deferred[]): void {
    this.transaction(() => {
      this.joined = true;
      try {
        for (const one of deferred) one.store();
      } finally {
        this.joined = false;
      }
    });
  }

  private makeRoom(): void {
    if (this.retention && !this.joined) guarded(this.path, () => this.retention!.makeRoom());
  }

  private transaction<T>(work: () => T): T {
    if (this.joined) return work();
    try {
      // IMMEDIATE: waits for another writer's lock here, not in the middle of the transaction.
      const done = guarded(this.path, () => this.database.transaction(work).immediate());
      this.undo.clear();
      return done;
    } catch (error) {
      this.undo.run();
      throw error;
    }
  }
}
