/**
 * The sink of a live run. Rows that arrive after a silence are stored at once, otherwise a few times a second in a
 * single transaction: every transaction writes whole pages, and shards deliver rows a hundred times a second. Findings
 * are counted and, with NDJSON, written to stdout as soon as they are stored.
 */
import type { AnalyseResult, RunState } from '../../analyse.ts';
import type { ClockRow, ClockSoFar } from '../../detect/clocks/clock-row.ts';
import type { Finding } from '../../detect/finding.ts';
import type { FlowRow } from '../../flow/flow-row.ts';
import type { TimeWaitRows } from '../../flow/time-wait-rows.ts';
import type { CurveSeries } from '../../shard/curve.ts';
import { waitNoMore } from '../../store/database.ts';
import { isInUse } from '../../store/failures.ts';
import { type Deferred, PORTION } from '../../store/store.ts';
import { Recording, type RecordingOptions } from '../recording.ts';
import type { FindingCount } from './live-metrics.ts';
import { FindingStream } from './live-stream.ts';

/** Shortest time between two transactions. A finding has to reach the database within two seconds. */
const STORE_EVERY_MS = 250;
/** Rows held back at most; more are stored at once. */
const MOST_ROWS = 4_000;
/**
 * Rows held back at most while another program writes to the database: some 200 MB of findings. With more, the
 * transaction waits for the other program, for as long as the busy timeout.
 */
const MOST_HELD_ROWS = 100_000;

export interface LiveRecordingOptions extends RecordingOptions {
  /** Write findings to stdout as they are stored. */
  stream: boolean;
  /** Ids of findings that are not written to stdout (--baseline). */
  known: readonly string[] | undefined;
  /** Called when everything is open and running. */
  ready(): void;
}

export class LiveRecording extends Recording {
  /** Undefined until the analysis has started. */
  standing: (() => RunState) | undefined;
  readonly ready: () => void;
  private readonly live: LiveRecordingOptions;
  private readonly kinds = new Map<string, FindingCount>();
  private readonly deferred: Deferred[] = [];
  /** Total of `rows` in `deferred`. */
  private rows = 0;
  private storedAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private stream: FindingStream | undefined;
  private failure: unknown;
  private heldSince: number | undefined;
  /** The run is ending: the remaining rows must be stored now, even if another program has to be waited for. */
  private ending = false;

  constructor(options: LiveRecordingOptions) {
    super(options);
    this.live = options;
    this.ready = options.ready;
  }

  watch(standing: () => RunState): void {
    this.standing = standing;
  }

  /** Findings in the database. One that was revised replaced its earlier version and counts once. */
  get count(): number {
    return this.stored;
  }

  /** Findings stored so far, by rule and severity. One that was revised counts each time. */
  get counts(): readonly FindingCount[] {
    return [...this.kinds.values()];
  }

  revise(changed: readonly Finding[], gone: readonly string[]): void {
    for (const part of portions(gone)) this.reviseSome([], part);
    for (const part of portions(changed)) this.reviseSome(part, []);
  }

  private reviseSome(changed: readonly Finding[], gone: readonly string[]): void {
    let removed = 0;
    this.defer({
      rows: changed.length + gone.length,
      store: () => {
        removed = this.store.revise(changed, gone);
      },
      stored: () => {
        this.stored -= removed;
      },
    });
  }

  settled(ids: readonly string[]): void {
    // Done after the commit: it stores no row, so a rollback would not undo it.
    this.defer({ rows: 0, store: () => {}, stored: () => this.store.settled(ids) });
  }

  clocksSoFar(rows: readonly ClockSoFar[]): void {
    for (const part of portions(rows)) this.defer({ rows: part.length, store: () => this.store.clocksSoFar(part) });
  }

  /** Milliseconds for which rows have waited because another program is writing to the database; 0 if none wait. */
  get heldFor(): number {
    return this.heldSince === undefined ? 0 : performance.now() - this.heldSince;
  }

  /** Milliseconds for which nobody has read the findings on stdout. */
  get stuckFor(): number {
    return this.stream?.stuckFor ?? 0;
  }

  /**
   * Waits until every finding has been taken from stdout that can be, or until `deadline` resolves. Returns how many
   * were not.
   */
  async drainOutput(deadline: Promise<unknown>): Promise<number> {
    return (await this.stream?.finish(deadline)) ?? 0;
  }

  curveSoFar(series: readonly CurveSeries[]): void {
    // The curve is large and gets transactions of its own, so what is deferred goes first.
    this.flush();
    // It may be skipped: the whole curve comes again in ten seconds.
    this.store.unlessHeld(() => this.store.curveSoFar(series));
  }

  override findings(batch: readonly Finding[], revisable = false): void {
    for (const part of portions(batch)) {
      let more = 0;
      this.defer({
        rows: part.length,
        store: () => {
          more = this.store.findings(part, revisable);
        },
        stored: () => {
          this.stored += more;
          this.countKinds(part);
        },
      });
    }
  }

  override timeWaits = (rows: TimeWaitRows): void =>
    this.defer({ rows: rows.count, store: () => this.store.timeWaits(rows) });

  override flows = (rows: readonly FlowRow[]): void => {
    for (const part of portions(rows)) this.defer({ rows: part.length, store: () => this.store.flows(part) });
  };

  private countKinds(findings: readonly Finding[]): void {
    for (const { rule, severity } of findings) {
      const kind = this.kinds.get(`${rule} ${severity}`);
      if (kind === undefined) this.kinds.set(`${rule} ${severity}`, { rule, severity, count: 1 });
      else kind.count++;
    }
  }

  override clocks = (rows: readonly ClockRow[]): void => {
    this.flushAll();
    this.store.clocks(rows);
  };

  override curve = (series: readonly CurveSeries[]): void => {
    this.flushAll();
    this.store.curve(series);
  };

  override progress(consumed: number, total: number, frames: number): void {
    if (this.failure !== undefined) throw this.failure;
    super.progress(consumed, total, frames);
  }

  override finish(result: AnalyseResult): void {
    this.flushAll();
    super.finish(result);
  }

  /** Number of rows that are not stored yet. */
  get unstored(): number {
    return this.rows;
  }

  override fail(): void {
    // It may have been a full disk, on which there is room by now.
    this.failure = undefined;
    try {
      this.flushAll();
    } catch (error) {
      // The original failure is reported; this one need not be.
      if (isInUse(error)) waitNoMore(this.store.database);
    }
    super.fail();
  }

  /** Stores what is deferred and streams the new findings, or tries again later while another program is writing. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.failure !== undefined) throw this.failure;
    if (this.deferred.length === 0) return;
    if (this.mustWait()) {
      this.timer = setTimeout(() => this.flushLater(), STORE_EVERY_MS);
      return;
    }
    this.storedAt = performance.now();
    try {
      this.store.together(this.deferred);
    } catch (error) {
      // The other program began to write after `isHeld` had been checked.
      if (this.ending || !isInUse(error)) throw error;
      this.timer = setTimeout(() => this.flushLater(), STORE_EVERY_MS);
    } finally {
      this.rows = this.deferred.reduce((sum, { rows }) => sum + rows, 0);
    }
    this.tell();
  }

  private flushAll(): void {
    this.ending = true;
    this.flush();
  }

  private mustWait(): boolean {
    const waits = !this.ending && this.rows <= MOST_HELD_ROWS && this.store.isHeld;
    this.heldSince = waits ? (this.heldSince ?? performance.now()) : undefined;
    return waits;
  }

  private defer(deferred: Deferred): void {
    this.deferred.push(deferred);
    this.rows += deferred.rows;
    if (this.rows > MOST_ROWS && this.heldSince === undefined) this.flush();
    else if (this.timer === undefined) {
      const wait = Math.max(this.storedAt + STORE_EVERY_MS - performance.now(), 0);
      this.timer = setTimeout(() => this.flushLater(), wait);
    }
  }

  /** Flushes from a timer, where nobody could catch an error: the next call throws it. */
  private flushLater(): void {
    try {
      this.flush();
    } catch (error) {
      this.failure = error;
    }
  }

  private tell(): void {
    const { store, live } = this;
    if (!live.stream) return;
    this.stream ??= new FindingStream(store, live.known);
    this.stream.tell(store.takeFirstRow());
  }
}

/** Splits `all` into parts of at most PORTION, the rows of one transaction in a bounded database. */
function* portions<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += PORTION) yield all.slice(from, from + PORTION);
}
