/** The sink of a live run: findings are counted and, as NDJSON, go to stdout the moment they are stored. */
import type { Standing } from '../analyse.ts';
import type { Finding } from '../detect/finding.ts';
import type { ClockSoFar, CurveSeries } from '../flow/output.ts';
import { ndjson } from '../report/json.ts';
import { type FindingFilter, lastRow, readFindings } from '../store/reader.ts';
import type { FindingCount } from './live-metrics.ts';
import { Recording, type RecordingOptions } from './recording.ts';

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
    this.stored -= this.store.revise(changed, gone);
  }

  settled(ids: readonly string[]): void {
    this.store.settled(ids);
  }

  clocksSoFar(rows: readonly ClockSoFar[]): void {
    this.store.clocksSoFar(rows);
  }

  curveSoFar(series: readonly CurveSeries[]): void {
    this.store.curveSoFar(series);
  }

  override findings(batch: readonly Finding[], revisable = false): void {
    const { store } = this;
    const before = this.live.stream ? lastRow(store.database) : 0;
    super.findings(batch, revisable);
    for (const { rule, severity } of batch) {
      const kind = this.kinds.get(`${rule} ${severity}`);
      if (kind === undefined) this.kinds.set(`${rule} ${severity}`, { rule, severity, count: 1 });
      else kind.count++;
    }
    if (!this.live.stream) return;
    const { known } = this.live;
    const filter: FindingFilter = { runs: [store.runId], afterRow: before, ...(known && { notIds: known }) };
    process.stdout.write([...ndjson(readFindings(store.database, filter))].join(''));
  }
}
