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

  /** In a transaction, like all of these: no series is left but those that will be written. */
  keepOnly(series: readonly CurveSeries[]): void {
    const keys = new Set(series.map(keyOf));
    this.open.keepOnly(keys);
    this.hidden.keepOnly(keys);
  }

  /** At most so many rows in each table; false when that was not all of them. */
  write(series: CurveSeries, most: number): boolean {
    const openDone = this.open.write(series, series.seconds, series.open, most);
    return this.hidden.write(series, series.hidden.seconds, series.hidden.count, most) && openDone;
  }
}

class Steps {
  private readonly written = new Map<string, Written>();
  private readonly insert: Insert<number>;
  private readonly delete: Statement<[row: number, second: number]>;
  private readonly last: Statement<[], number>;
  private name!: Name;
  private seconds: readonly number[] = [];
  private counts: readonly number[] = [];

  constructor(db: Database, run: number, origin: number, table: string, column: string) {
    const sql = (rows: number): string => `
      WITH bound (second, owner, peer, port, count) AS (VALUES ${tuples('(?, ?, ?, ?, ?)', rows)})
      INSERT INTO ${table} (run_id, bucket_ns, owner, peer, peer_port, ${column})
      SELECT ${run}, (${origin} + CAST(second AS INTEGER)) * 1000000000, owner, peer, port, count FROM bound`;
    this.insert = new Insert<number>(db, BOUND, ROWS, sql, (values, from, step) => {
      values[from] = this.seconds[step];
      values[from + 1] = this.name.owner;
      values[from + 2] = this.name.peer;
      values[from + 3] = this.name.peerPort;
      values[from + 4] = this.counts[step];
    });
    // A row that retention has removed may have left its number to another.
    this.delete = db.prepare(`
      DELETE FROM ${table} WHERE rowid = ? AND run_id = ${run}
        AND bucket_ns = (${origin} + CAST(? AS INTEGER)) * 1000000000`);
    this.last = db.prepare<[], number>('SELECT last_insert_rowid()').pluck();
  }

  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, written] of this.written) {
      if (keys.has(key)) continue;
      this.cut(written, 0);
      this.written.delete(key);
    }
  }

  write(name: Name, seconds: readonly number[], counts: readonly number[], most: number): boolean {
    const key = keyOf(name);
    const written = this.written.get(key) ?? { seconds: [], counts: [], rows: [] };
    this.written.set(key, written);
    const stands = (i: number): boolean => written.seconds[i] === seconds[i] && written.counts[i] === counts[i];
    let from = 0;
    while (from < seconds.length && stands(from)) from++;
    this.cut(written, from);
    const count = Math.min(seconds.length - from, most);
    if (count > 0) {
      Object.assign(this, { name, seconds, counts });
      this.insert.run(count, i => from + i);
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
