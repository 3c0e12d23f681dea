/**
 * Writes tables `time_wait_curve` and `time_wait_hidden`: at the end of a run, and of a live one now and then before. What
 * has been written stays as long as it is so; a curve changes at its end, so that little is written each time.
 */
import type { Statement } from 'better-sqlite3';
import type { CurveSeries } from '../flow/output.ts';
import type { Database } from './database.ts';
import { Insert, tuples } from './insert.ts';

const ROWS = 50;
const BOUND = 5;

type Name = Pick<CurveSeries, 'owner' | 'peer' | 'peerPort'>;

interface Step {
  name: Name;
  second: number;
  count: number;
}

const stepsOf = (name: Name, seconds: readonly number[], counts: readonly number[], from = 0): Step[] =>
  seconds.slice(from).map((second, i) => ({ name, second, count: counts[from + i]! }));

/** In the database, a step each; `rows` are its numbers there. */
interface Written {
  seconds: number[];
  counts: number[];
  rows: number[];
}

const keyOf = ({ owner, peer, peerPort }: Name): string => `${owner} ${peer} ${peerPort}`;

export class CurveRows {
  private readonly open: Steps;
  private readonly hidden: Steps;

  constructor(db: Database, run: number, origin: number) {
    this.open = new Steps(db, run, origin, 'time_wait_curve', 'open');
    this.hidden = new Steps(db, run, origin, 'time_wait_hidden', 'hidden');
  }

  /** Nothing has been written. */
  get isEmpty(): boolean {
    return this.open.isEmpty && this.hidden.isEmpty;
  }

  /** In a transaction, like all of these: for good, in many rows a statement, since most series have a few steps. */
  writeAll(all: readonly CurveSeries[]): void {
    this.open.writeAll(all.flatMap(series => stepsOf(series, series.seconds, series.open)));
    this.hidden.writeAll(all.flatMap(series => stepsOf(series, series.hidden.seconds, series.hidden.count)));
  }

  /** No series is left but those that will be written. */
  keepOnly(series: readonly CurveSeries[]): void {
    const keys = new Set(series.map(keyOf));
    this.open.keepOnly(keys);
    this.hidden.keepOnly(keys);
  }

  /**
   * Without what lies before second `since`, which retention sweeps: a curve that is told more coarsely is written anew,
   * and would bring it back. At most so many rows in each table; false when that was not all of them.
   */
  write(series: CurveSeries, since: number, most: number): boolean {
    const openDone = this.open.write(series, series.seconds, series.open, since, most);
    return this.hidden.write(series, series.hidden.seconds, series.hidden.count, since, most) && openDone;
  }
}

class Steps {
  private readonly written = new Map<string, Written>();
  private readonly insert: Insert<Step>;
  private readonly delete: Statement<[row: number, second: number]>;
  private readonly last: Statement<[], number>;

  constructor(db: Database, run: number, origin: number, table: string, column: string) {
    const sql = (rows: number): string => `
      WITH bound (second, owner, peer, port, count) AS (VALUES ${tuples('(?, ?, ?, ?, ?)', rows)})
      INSERT INTO ${table} (run_id, bucket_ns, owner, peer, peer_port, ${column})
      SELECT ${run}, (${origin} + CAST(second AS INTEGER)) * 1000000000, owner, peer, port, count FROM bound`;
    this.insert = new Insert<Step>(db, BOUND, ROWS, sql, (values, from, { name, second, count }) => {
      values[from] = second;
      values[from + 1] = name.owner;
      values[from + 2] = name.peer;
      values[from + 3] = name.peerPort;
      values[from + 4] = count;
    });
    // A row that retention has removed may have left its number to another.
    this.delete = db.prepare(`
      DELETE FROM ${table} WHERE rowid = ? AND run_id = ${run}
        AND bucket_ns = (${origin} + CAST(? AS INTEGER)) * 1000000000`);
    this.last = db.prepare<[], number>('SELECT last_insert_rowid()').pluck();
  }

  get isEmpty(): boolean {
    return this.written.size === 0;
  }

  writeAll(steps: readonly Step[]): void {
    this.insert.run(steps.length, i => steps[i]!);
  }

  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, written] of this.written) {
      if (keys.has(key)) continue;
      this.cut(written, 0);
      this.written.delete(key);
    }
  }

  write(name: Name, seconds: readonly number[], counts: readonly number[], since: number, most: number): boolean {
    const key = keyOf(name);
    const written = this.written.get(key) ?? { seconds: [], counts: [], rows: [] };
    this.written.set(key, written);
    forget(written, stepsBefore(written.seconds, since));
    const expired = stepsBefore(seconds, since);
    const stands = (i: number): boolean =>
      written.seconds[i - expired] === seconds[i] && written.counts[i - expired] === counts[i];
    let from = expired;
    while (from < seconds.length && stands(from)) from++;
    this.cut(written, from - expired);
    const count = Math.min(seconds.length - from, most);
    if (count > 0) {
      const steps = stepsOf(name, seconds, counts, from);
      this.insert.run(count, i => steps[i]!);
      // Nobody else writes within a transaction, so the rows follow each other.
      const first = this.last.get()! - count + 1;
      for (let i = 0; i < count; i++) {
        written.seconds.push(seconds[from + i]!);
        written.counts.push(counts[from + i]!);
        written.rows.push(first + i);
      }
    }
    return from + count === seconds.length;
  }

  private cut(written: Written, length: number): void {
    for (let i = length; i < written.rows.length; i++) this.delete.run(written.rows[i]!, written.seconds[i]!);
    for (const column of [written.seconds, written.counts, written.rows]) column.length = length;
  }
}

const stepsBefore = (seconds: readonly number[], second: number): number => {
  const first = seconds.findIndex(each => each >= second);
  return first < 0 ? seconds.length : first;
};

/** The first `steps` are no longer ours to change. */
function forget(written: Written, steps: number): void {
  for (const column of [written.seconds, written.counts, written.rows]) column.splice(0, steps);
}
