/**
 * The rowids of the findings of a run over files. Its rows are in order of time, although verdicts on the whole run are
 * known last: rows are appended with gaps between their numbers, and a finding that comes late gets a number in the gap
 * where it belongs.
 */
import type { Statement } from 'better-sqlite3';
import { compareEvents, type Event, type Finding } from '../../detect/finding.ts';
import type { Database } from '../database.ts';

/** A summary has 49 bits for a rowid (summary.ts): enough for 2^20 rows in each of 2^29 gaps. */
const GAP = 2 ** 20;

export class TimeOrder {
  /** The rows that were appended: their events as columns, as there may be a million, and their numbers. */
  private readonly epochs: number[] = [];
  private readonly times: number[] = [];
  private readonly captures: number[] = [];
  private readonly frames: number[] = [];
  private readonly rules: string[] = [];
  private readonly rowids: number[] = [];
  /** The one string for each rule: every finding that comes from another thread has its own. */
  private readonly names = new Map<string, string>();
  private readonly highest: Statement<[]>;
  private readonly highestWithin: Statement<[from: number, before: number]>;

  constructor(db: Database) {
    this.highest = db.prepare('SELECT coalesce(max(rowid), 0) FROM finding').pluck();
    this.highestWithin = db.prepare('SELECT max(rowid) FROM finding WHERE rowid >= ? AND rowid < ?').pluck();
  }

  get length(): number {
    return this.rowids.length;
  }

  /** Whether the finding belongs after all rows that were appended. */
  isNext(finding: Finding): boolean {
    return this.length === 0 || compareEvents(this.event(this.length - 1), finding) <= 0;
  }

  /**
   * The numbers for findings that are appended in this order. They are valid within the transaction, since other runs
   * write to the same table.
   */
  append(findings: readonly Finding[]): number[] {
    let last = this.highest.get() as number;
    return findings.map(({ epoch, at, capture, frame, rule }) => {
      last += GAP;
      this.epochs.push(epoch);
      this.times.push(at);
      this.captures.push(capture);
      this.frames.push(frame);
      this.rules.push(this.nameOf(rule));
      this.rowids.push(last);
      return last;
    });
  }

  /**
   * The number for a finding that belongs before a row that was appended: after those that were inserted there before,
   * whatever their time; undefined if no number is free there.
   */
  insert(finding: Finding): number | undefined {
    const at = this.placeOf(finding);
    const before = this.rowids[at];
    const after = at === 0 ? before - GAP : this.rowids[at - 1];
    const highest = this.highestWithin.get(after, before) as number | null;
    const free = (highest ?? after) + 1;
    return free < before ? free : undefined;
  }

  /** Forgets the rows that were appended after the first `length`: the transaction failed. */
  truncate(length: number): void {
    for (const column of [this.epochs, this.times, this.captures, this.frames, this.rules, this.rowids]) {
      column.length = length;
    }
  }

  /** The first row before which the finding belongs. */
  private placeOf(finding: Finding): number {
    let low = 0;
    let high = this.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareEvents(this.event(middle), finding) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private event(row: number): Event {
    return {
      epoch: this.epochs[row],
      at: this.times[row],
      capture: this.captures[row],
      frame: this.frames[row],
      rule: this.rules[row],
    };
  }

  private nameOf(rule: string): string {
    let name = this.names.get(rule);
    if (name === undefined) this.names.set(rule, (name = rule));
    return name;
  }
}
