/**
 * Findings of a live run as NDJSON, at the pace of whoever reads it. What is stored is read back from the database when
 * it is told, so a reader who is slow costs no memory: where he stopped, the stream goes on. He has until a moment after
 * the run was told to end; what he has not taken by then is said.
 */
import type { Writable } from 'node:stream';
import { ndjson } from '../report/json.ts';
import { countFindings, type FindingFilter, findingReader } from '../store/reader.ts';
import type { Store } from '../store/store.ts';

/** Findings that are read and written at once. */
const PORTION = 500;

export class FindingStream {
  private readonly store: Store;
  private readonly filter: FindingFilter;
  private readonly output: Writable;
  private readonly read: ReturnType<typeof findingReader>;
  /** The first row that has not been handed on; +∞: all have. */
  private next = Number.POSITIVE_INFINITY;
  /** Findings that were handed on and not taken yet; and since when none was. */
  private underWay = 0;
  private stuckSince = 0;
  private waits = false;
  /** Whoever read it has gone, or it cannot be written. Of stdout Node forgets that. */
  private isGone = false;
  private drained: () => void = () => {};

  /** `known`: ids of findings that are not told. */
  constructor(store: Store, known: readonly string[] | undefined, output: Writable = process.stdout) {
    this.store = store;
    this.filter = { runs: [store.runId], ...(known && { notIds: known }) };
    this.output = output;
    this.read = findingReader(store.database, this.filter);
  }

  /** Rows from `first` on have been stored. */
  tell(first: number): void {
    this.next = Math.min(this.next, first);
    this.goOn();
  }

  /** For so many milliseconds nobody has taken what there is to read. */
  get stuckFor(): number {
    return this.waits ? performance.now() - this.stuckSince : 0;
  }

  /** Resolves when all has been taken, or cannot be any more, or `deadline` does; with how many findings were not. */
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
