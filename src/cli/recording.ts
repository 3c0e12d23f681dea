/** The sink of a run: stores everything in a database, which it opens when the run begins. */
import type { AnalyseResult, Sink } from '../analyse.ts';
import type { Finding } from '../detect/finding.ts';
import type { Numbering } from '../detect/findings/written-finding.ts';
import type { DatabaseFile } from '../store/database-file.ts';
import type { Bounds } from '../store/retention.ts';
import { Store } from '../store/store.ts';
import type { Progress } from './progress.ts';
import { packageVersion } from './version.ts';

export interface RecordingOptions {
  command: 'analyze' | 'live';
  /** Path of the database, or :memory:. */
  path: string;
  /** Stored in column `options` of the run. */
  stored: Record<string, unknown>;
  progress: Progress;
  /** Limits on the age and size of the database. */
  bounds?: Bounds;
}

export class Recording implements Sink {
  private readonly options: RecordingOptions;
  private readonly started = Date.now();
  private opened: Store | undefined;
  /** Number of findings in the database. */
  protected stored = 0;

  constructor(options: RecordingOptions) {
    this.options = options;
  }

  get store(): Store {
    if (!this.opened) throw new Error('the run has not begun');
    return this.opened;
  }

  /** Where the database file is; undefined before the run begins, and in memory. */
  get place(): DatabaseFile | undefined {
    return this.opened?.place;
  }

  begin: Sink['begin'] = (origin, captures) => {
    const { path, command, stored, bounds } = this.options;
    this.opened = new Store(path, {
      startedNs: nanos(this.started),
      version: packageVersion(),
      command,
      options: stored,
      origin,
      captures,
      ...(bounds && { bounds }),
    });
  };

  numbering = (): Numbering => this.store.numbering;

  findings(batch: readonly Finding[], revisable = false): void {
    this.stored += this.store.findings(batch, revisable);
  }

  timeWaits: Sink['timeWaits'] = rows => this.store.timeWaits(rows);
  flows: Sink['flows'] = rows => this.store.flows(rows);
  clocks: Sink['clocks'] = rows => this.store.clocks(rows);
  curve: Sink['curve'] = series => this.store.curve(series);

  progress(consumed: number, total: number, frames: number): void {
    this.options.progress.update(consumed, total, frames);
    this.store.refresh(Date.now());
  }

  finish(result: AnalyseResult): void {
    this.store.finish(result.status, nanos(Date.now()), result.tally);
  }

  fail(): void {
    this.opened?.fail(nanos(Date.now()));
    this.opened?.close();
  }

  pace({ tally }: AnalyseResult): string {
    const s = (Date.now() - this.started) / 1e3;
    const rss = process.resourceUsage().maxRSS / 1024;
    return `${tally.frames ?? 0} frames in ${s.toFixed(2)} s, ${rss.toFixed(0)} MiB of memory at most`;
  }
}

const nanos = (ms: number): bigint => BigInt(ms) * 1_000_000n;
