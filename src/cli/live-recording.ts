/**
 * The sink of a live run. What comes is stored at once after a silence, and otherwise a few times a second, all in one
 * transaction: each one writes whole pages, and shards tell something a hundred times a second. Findings are counted and,
 * as NDJSON, go to stdout the moment they are stored.
 */
import type { AnalyseResult, Standing } from '../analyse.ts';
import type { Finding } from '../detect/finding.ts';
import type { ClockRow, ClockSoFar, CurveSeries, FlowRow, TimeWaitRows } from '../flow/output.ts';
import { ndjson } from '../report/json.ts';
import { type FindingFilter, readFindings } from '../store/reader.ts';
import type { Deferred } from '../store/store.ts';
import type { FindingCount } from './live-metrics.ts';
import { Recording, type RecordingOptions } from './recording.ts';

/** Between two transactions. A finding has two seconds to reach the database. */
const STORE_EVERY_MS = 250;
/** More is not held. */
const MOST_ROWS = 4_000;
/** While another program writes, up to so many are: some 200 MB of findings. Then it is waited for, and no longer than that. */
const MOST_HELD_ROWS = 100_000;

export interface LiveRecordingOptions extends RecordingOptions {
  /** Findings go to stdout as they come. */
  stream: boolean;
  /** Findings that are not told. */
  known: readonly string[] | undefined;
  /** When everything is open and running. */
  ready(): void;
}

export class LiveRecording extends Recording {
  /** Undefined until the run stands. */
  standing: (() => Standing) | undefined;
  readonly ready: () => void;
  private readonly live: LiveRecordingOptions;
  private readonly kinds = new Map<string, FindingCount>();
  private deferred: Deferred[] = [];
  /** In all that is deferred. */
  private rows = 0;
  private storedAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private failure: unknown;
  private heldSince: number | undefined;
  /** What is left must be stored now. */
  private ending = false;

  constructor(options: LiveRecordingOptions) {
    super(options);
    this.live = options;
    this.ready = options.ready;
  }

  watch(standing: () => Standing): void {
    this.standing = standing;
  }

  /** Findings that stand: one that is told anew takes the place of what it said before. */
  get count(): number {
    return this.stored;
  }

  /** Findings stored so far, each time that they were told. */
  get counts(): readonly FindingCount[] {
    return [...this.kinds.values()];
  }

  revise(changed: readonly Finding[], gone: readonly string[]): void {
    this.defer(changed.length + gone.length, () => {
      this.stored -= this.store.revise(changed, gone);
    });
  }

  settled(ids: readonly string[]): void {
    this.defer(0, () => this.store.settled(ids));
  }

  clocksSoFar(rows: readonly ClockSoFar[]): void {
    this.defer(rows.length, () => this.store.clocksSoFar(rows));
  }

  /** For so many milliseconds another program has kept from the database what there is to store; 0: it does not. */
  get heldFor(): number {
    return this.heldSince === undefined ? 0 : performance.now() - this.heldSince;
  }

  curveSoFar(series: readonly CurveSeries[]): void {
    // Much at once, in portions of its own.
    this.flush();
    // The whole curve comes again in ten seconds.
    if (!this.store.isHeld) this.store.curveSoFar(series);
  }

  override findings(batch: readonly Finding[], revisable = false): void {
    this.defer(batch.length, () => {
      super.findings(batch, revisable);
      for (const { rule, severity } of batch) {
        const kind = this.kinds.get(`${rule} ${severity}`);
        if (kind === undefined) this.kinds.set(`${rule} ${severity}`, { rule, severity, count: 1 });
        else kind.count++;
      }
    });
  }

  override timeWaits = (rows: TimeWaitRows): void => this.defer(rows.count, () => this.store.timeWaits(rows));
  override flows = (rows: readonly FlowRow[]): void => this.defer(rows.length, () => this.store.flows(rows));

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

  override fail(): void {
    try {
      this.flushAll();
    } catch {
      // What failed may be the disk.
    }
    super.fail();
  }

  /** What waits is stored, and told; while another program writes it waits on. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.failure !== undefined) throw this.failure;
    if (this.deferred.length === 0) return;
    if (this.mustWait()) {
      this.timer = setTimeout(() => this.flushLater(), STORE_EVERY_MS);
      return;
    }
    const { deferred, store } = this;
    this.deferred = [];
    this.rows = 0;
    this.storedAt = performance.now();
    store.together(deferred);
    if (this.live.stream) this.tell();
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

  private defer(rows: number, store: () => void): void {
    this.deferred.push({ rows, store });
    this.rows += rows;
    if (this.rows > MOST_ROWS && this.heldSince === undefined) this.flush();
    else if (this.timer === undefined) {
      const wait = Math.max(this.storedAt + STORE_EVERY_MS - performance.now(), 0);
      this.timer = setTimeout(() => this.flushLater(), wait);
    }
  }

  /** Nobody is there to catch: the next call throws it. */
  private flushLater(): void {
    try {
      this.flush();
    } catch (error) {
      this.failure = error;
    }
  }

  private tell(): void {
    const { store } = this;
    const first = store.takeFirstRow();
    if (first === Number.POSITIVE_INFINITY) return;
    const { known } = this.live;
    const filter: FindingFilter = { runs: [store.runId], afterRow: first - 1, ...(known && { notIds: known }) };
    process.stdout.write([...ndjson(readFindings(store.database, filter))].join(''));
  }
}
