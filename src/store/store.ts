/**
 * The writing side. Every call is one transaction, so a run that is killed leaves what it had delivered, under the
 * status `running`, in a database that opens. Every failure is a StoreError: one sentence that names the file.
 */
import type { CaptureInfo } from '../capture/capture-info.ts';
import type { Finding } from '../detect/finding.ts';
import type { Numbering } from '../detect/written-finding.ts';
import type { ClockRow, ClockSoFar, CurveSeries, FlowRow, TimeWaitRows } from '../flow/output.ts';
import type { Tally } from '../shard/tally.ts';
import { ClockRows } from './clocks.ts';
import { CurveRows } from './curve.ts';
import { close, type Database, isBeingWritten, type LogStays, MEMORY, openForWriting, waitNoMore } from './database.ts';
import { DatabaseFile } from './database-file.ts';
import { guarded, isInUse } from './failures.ts';
import { FindingRows } from './findings.ts';
import { flowInsert } from './flows.ts';
import type { Insert } from './insert.ts';
import { type Bounds, Retention } from './retention.ts';
import type { RunStatus } from './rows.ts';
import { captureUpdate, insertCaptures, insertRun, insertTally, updateRun } from './runs.ts';
import { timeWaitInsert } from './time-waits.ts';
import { Undo } from './undo.ts';

export interface NewRun {
  startedNs: bigint;
  version: string;
  command: string;
  options: Readonly<Record<string, unknown>>;
  /** Whole seconds since the epoch from which the run's instants count (base/time.ts). */
  origin: number;
  captures: readonly CaptureInfo[];
  /** What is older, or too much, goes while the run is written. */
  bounds?: Bounds;
}

/** What is stored later, with others: one transaction costs pages, however few rows it has. */
export interface Deferred {
  /** At most PORTION, or they are stored by one statement. */
  rows: number;
  /** Within a transaction; again, should that fail. */
  store(): void;
  /** The transaction stands. */
  stored?(): void;
}

/** Rows that a bounded database takes before room is made again: a few hundred KB. */
export const PORTION = 200;
const CURVE_PORTION = 4_000;

/** How often the rows of the captures follow what has been read, for those who look while the run goes on. */
const REFRESH_MS = 1_000;

/** One run being written. */
export class Store {
  readonly path: string;
  /** Of the file; undefined in memory. */
  readonly place: DatabaseFile | undefined;
  readonly runId: number;
  readonly numbering: Numbering;
  /** For reading back: reader.ts. */
  readonly database: Database;
  private readonly updateCaptures: () => void;
  private readonly findingRows: FindingRows;
  private readonly flowRows: Insert<FlowRow>;
  private readonly clockRows: ClockRows;
  private readonly timeWaitRows: (rows: TimeWaitRows) => void;
  private readonly curveRows: CurveRows;
  private readonly retention: Retention | undefined;
  /** Rows a transaction. */
  private readonly portion: number;
  private refreshed = 0;
  private readonly undo = new Undo();
  /** Within `together`: all that is stored belongs to its transaction. */
  private joined = false;

  /** Opens or creates the database at `path` and begins a run in it, or throws and leaves no trace. */
  constructor(path: string, run: NewRun) {
    this.path = path;
    let id = 0;
    let captureIds: number[] = [];
    const retention = run.bounds && new Retention(run.bounds);
    const db = openForWriting(
      path,
      database => {
        const begin = (): void => {
          id = insertRun(database, run.startedNs, run.version, run.command, run.options);
          captureIds = insertCaptures(database, id, run.captures);
        };
        database.transaction(begin).immediate();
        retention?.attach(database, id);
      },
      (database, version) => retention?.claim(database, version),
    );
    this.database = db;
    this.place = path === MEMORY ? undefined : new DatabaseFile(path);
    this.runId = id;
    this.retention = retention;
    this.portion = run.bounds?.maxBytes === undefined ? Number.POSITIVE_INFINITY : PORTION;
    this.updateCaptures = captureUpdate(db, captureIds, run.captures);
    const [firstCapture = 0] = captureIds;
    this.numbering = { origin: run.origin, firstCapture };
    this.findingRows = new FindingRows(db, id, this.numbering, this.undo);
    this.flowRows = flowInsert(db, id, run.origin, captureIds);
    this.clockRows = new ClockRows(db, id, this.undo);
    this.timeWaitRows = timeWaitInsert(db, id, run.origin, firstCapture);
    this.curveRows = new CurveRows(db, id, run.origin);
  }

  /**
   * All of them in this order, in one transaction, or in a few where the database is bounded. What has been stored leaves
   * the list, and nothing else does, whatever fails.
   */
  together(deferred: Deferred[]): void {
    while (deferred.length > 0) {
      let count = 1;
      for (let rows = deferred[0]!.rows; count < deferred.length; count++) {
        rows += deferred[count]!.rows;
        if (rows > this.portion) break;
      }
      this.join(deferred.slice(0, count));
      for (const { stored } of deferred.splice(0, count)) stored?.();
      this.makeRoom();
    }
  }

  /** The first finding that has been stored since this was asked last, as a row after which all others came. */
  takeFirstRow(): number {
    return this.findingRows.takeFirst();
  }

  /**
   * `revisable`: they may be named in `revise` later. One under the id of such a one takes its place, in the same
   * transaction. Returns by how many they are more.
   */
  findings(batch: readonly Finding[], revisable = false): number {
    let more = 0;
    this.write(batch, part => {
      more += this.findingRows.add(part, revisable);
    });
    return more;
  }

  /** In place: a reader who has seen the row does not meet it again. Returns how many of `gone` there were. */
  revise(changed: readonly Finding[], gone: readonly string[]): number {
    let removed = 0;
    this.transaction(() => {
      removed = this.findingRows.remove(gone);
      this.findingRows.revise(changed);
    });
    this.makeRoom();
    return removed;
  }

  /** They will not be revised any more. */
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

  /** The whole curve, for good. */
  curve(series: readonly CurveSeries[]): void {
    if (this.portion < Number.POSITIVE_INFINITY || !this.curveRows.isEmpty) this.curveSoFar(series);
    else this.transaction(() => this.curveRows.writeAll(series));
  }

  /** The whole curve: what has been written of it before and still is so stays. */
  curveSoFar(series: readonly CurveSeries[]): void {
    if (this.portion === Number.POSITIVE_INFINITY) {
      this.transaction(() => {
        this.curveRows.keepOnly(series);
        for (const one of series) this.curveRows.write(one, this.curveSince, Number.POSITIVE_INFINITY);
      });
      return;
    }
    this.transaction(() => this.curveRows.keepOnly(series));
    for (const one of series) {
      for (let done = false; !done; ) {
        this.transaction(() => {
          done = this.curveRows.write(one, this.curveSince, CURVE_PORTION);
        });
        this.makeRoom();
      }
    }
  }

  /** Second from the run's origin: steps of the curve before it have expired. */
  private get curveSince(): number {
    return Math.ceil((this.retention?.horizon ?? 0) / 1e3) - this.numbering.origin;
  }

  /** The file is larger than its bound, and stays so: its pages are written again, but it cannot become smaller. */
  get stuck(): boolean {
    return this.retention?.stuck === true;
  }

  /** Another program is writing: whatever is stored now has to wait for it, for five seconds at most (database.ts). */
  get isHeld(): boolean {
    return isBeingWritten(this.database);
  }

  /** Brings the rows of the captures up to date, and the database within its bounds, unless another program writes now. */
  refresh(now: number): void {
    if (now - this.refreshed < REFRESH_MS) return;
    this.refreshed = now;
    this.unlessHeld(() => {
      this.transaction(this.updateCaptures);
      if (this.retention) guarded(this.path, () => this.retention!.expire(now));
    });
  }

  /** What can be done later as well is left where another program is writing, or begins to. */
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

  /** Marks the run `failed` where that is still possible: what failed may be the disk. */
  fail(finishedNs: bigint): void {
    for (const step of [this.updateCaptures, () => updateRun(this.database, this.runId, 'failed', finishedNs)]) {
      try {
        step();
      } catch (error) {
        // It stays `running`, as after a kill, or how far it had come is what was noted before.
        if (isInUse(error)) waitNoMore(this.database);
      }
    }
  }

  close(): LogStays | undefined {
    return close(this.database);
  }

  /** All at once, or, where the database is bounded, in portions between which room is made. */
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
      // Immediate: a lock that must wait for another writer is waited for here, not in the middle.
      const done = guarded(this.path, () => this.database.transaction(work).immediate());
      this.undo.clear();
      return done;
    } catch (error) {
      this.undo.run();
      throw error;
    }
  }
}
