/**
 * The sink of a live run. What comes is stored at once after a silence, and otherwise a few times a second, all in one
 * transaction: each one writes whole pages, and shards tell something a hundred times a second. Findings are counted and,
 * as NDJSON, go to stdout the moment they are stored.
 */
import type { AnalyseResult, Standing } from '../analyse.ts';
import type { Finding } from '../detect/finding.ts';
import type { ClockRow, ClockSoFar, CurveSeries, FlowRow, TimeWaitRows } from '../flow/output.ts';
import { waitNoMore } from '../store/database.ts';
import { isInUse } from '../store/failures.ts';
import { type Deferred, PORTION } from '../store/store.ts';
import type { FindingCount } from './live-metrics.ts';
import { FindingStream } from './live-stream.ts';
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
  private readonly deferred: Deferred[] = [];
  /** In all that is deferred. */
  private rows = 0;
  private storedAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private stream: FindingStream | undefined;
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
    // It is no row, so nothing of it is undone.
    this.defer({ rows: 0, store: () => {}, stored: () => this.store.settled(ids) });
  }

  clocksSoFar(rows: readonly ClockSoFar[]): void {
    for (const part of portions(rows)) this.defer({ rows: part.length, store: () => this.store.clocksSoFar(part) });
  }

  /** For so many milliseconds another program has kept from the database what there is to store; 0: it does not. */
  get heldFor(): number {
    return this.heldSince === undefined ? 0 : performance.now() - this.heldSince;
  }

  /** For so many milliseconds nobody has taken the findings that are streamed. */
  get stuckFor(): number {
    return this.stream?.stuckFor ?? 0;
  }

  /** How many findings nobody has taken when `deadline` resolves, or all that could be have been. */
  async untaken(deadline: Promise<unknown>): Promise<number> {
    return (await this.stream?.finish(deadline)) ?? 0;
  }

  curveSoFar(series: readonly CurveSeries[]): void {
    // Much at once, in portions of its own.
    this.flush();
    // The whole curve comes again in ten seconds.
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

  /** Rows that are not stored yet. */
  get unstored(): number {
    return this.rows;
  }

  override fail(): void {
    // What failed may be the disk, and there may be room by now.
    this.failure = undefined;
    try {
      this.flushAll();
    } catch (error) {
      // It is said already.
      if (isInUse(error)) waitNoMore(this.store.database);
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
    this.storedAt = performance.now();
    try {
      this.store.together(this.deferred);
    } catch (error) {
      // It began between the look at it and the first row.
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

  /** Nobody is there to catch: the next call throws it. */
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

/** So many as one transaction of a bounded database takes. */
function* portions<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += PORTION) yield all.slice(from, from + PORTION);
}
