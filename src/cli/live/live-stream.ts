/**
 * Writes the findings of a live run to stdout as NDJSON, at the pace of the reader. Stored findings are read back from
 * the database when they are written, so a slow reader costs no memory and the stream resumes where it stopped. The
 * reader has until a moment after the signal that ends the run; how many findings it has not taken by then is reported.
 */
import type { Writable } from 'node:stream';
import { ndjson } from '../../report/list/json.ts';
import { countFindings, type FindingFilter, findingReader } from '../../store/reader.ts';
import type { Store } from '../../store/store.ts';

/** Findings read from the database and written in one piece. */
const PORTION = 500;

export class FindingStream {
  private readonly store: Store;
  private readonly filter: FindingFilter;
  private readonly output: Writable;
  private readonly read: ReturnType<typeof findingReader>;
  /** The first row that has not been written to the stream; +∞ when all have. */
  private next = Number.POSITIVE_INFINITY;
  /** Findings written to the stream and not taken by the reader yet, and the time since when it has taken none. */
  private underWay = 0;
  private stuckSince = 0;
  private waits = false;
  /** The reader has gone, or the stream cannot be written. Kept here because Node does not remember it for stdout. */
  private isGone = false;
  private drained: () => void = () => {};

  /** `known`: ids of findings to leave out. */
  constructor(store: Store, known: readonly string[] | undefined, output: Writable = process.stdout) {
    this.store = store;
    this.filter = { runs: [store.runId], ...(known && { notIds: known }) };
    this.output = output;
    this.read = findingReader(store.database, this.filter);
  }

  /** Call this when rows from `first` on have been stored. */
  tell(first: number): void {
    this.next = Math.min(this.next, first);
    this.goOn();
  }

  /** Milliseconds for which nobody has taken what there is to read; 0 while the stream accepts more. */
  get stuckFor(): number {
    return this.waits ? performance.now() - this.stuckSince : 0;
  }

  /**
   * Waits until all findings have been taken, none can be taken any more, or `deadline` resolves. Returns how many were
   * not.
   */
  async finish(deadline: Promise<unknown>): Promise<number> {
    const taken = new Promise<void>(resolve => {
      this.drained = resolve;
    });
    if (this.isDone) return 0;
    await Promise.race([taken, deadline]);
    return this.isDone ? 0 : this.underWay + this.left;
  }

  private get isDone(): boolean {
    return this.isGone || (this.underWay === 0 && this.next === Number.POSITIVE_INFINITY);
  }

  private get left(): number {
    if (this.next === Number.POSITIVE_INFINITY) return 0;
    return countFindings(this.store.database, { ...this.filter, afterRow: this.next - 1 });
  }

  private goOn(): void {
    while (!this.waits && this.next < Number.POSITIVE_INFINITY && !this.isGone) {
      const { findings, last } = this.read(this.next - 1, PORTION);
      this.next = last === undefined ? Number.POSITIVE_INFINITY : last + 1;
      if (last !== undefined) this.write([...ndjson(findings)]);
    }
    if (!this.waits && this.isDone) this.drained();
  }

  private write(lines: readonly string[]): void {
    this.underWay += lines.length;
    const hasRoom = this.output.write(lines.join(''), error => {
      this.isGone ||= error != null;
      this.underWay -= lines.length;
      this.stuckSince = performance.now();
      if (this.isDone) this.drained();
    });
    if (hasRoom || this.waits) return;
    this.waits = true;
    this.stuckSince = performance.now();
    this.output.once('drain', () => {
      this.waits = false;
      this.goOn();
    });
  }
}
