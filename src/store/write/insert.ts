/**
 * Inserts many rows with one statement. Binding a value costs about 100 ns (a string 200) and running a statement about
 * 300, so one statement takes dozens of rows, and values that SQL can compute are not bound.
 */
import type { Statement } from 'better-sqlite3';
import type { Database } from '../database.ts';

/** Writes the values to bind for one row into `values`, from index `from` on. */
export type Bind<T> = (values: unknown[], from: number, row: T) => void;

export class Insert<T> {
  private readonly width: number;
  private readonly rows: number;
  private readonly many: Statement<unknown[]>;
  private readonly one: Statement<unknown[]>;
  private readonly bind: Bind<T>;

  /** `sql(n)` returns the statement for n rows of `width` values each; a full statement takes `rows` rows. */
  constructor(db: Database, width: number, rows: number, sql: (rows: number) => string, bind: Bind<T>) {
    this.width = width;
    this.rows = rows;
    this.many = db.prepare(sql(rows));
    this.one = db.prepare(sql(1));
    this.bind = bind;
  }

  /** Inserts row(0) to row(count − 1) in this order. Returns the rowid of the last one, or 0 if there is none. */
  run(count: number, row: (index: number) => T): number {
    const values = new Array<unknown>(this.width * this.rows);
    let next = 0;
    let last: number | bigint = 0;
    for (; next + this.rows <= count; next += this.rows) {
      for (let i = 0; i < this.rows; i++) this.bind(values, i * this.width, row(next + i));
      last = this.many.run(...values).lastInsertRowid;
    }
    values.length = this.width;
    for (; next < count; next++) {
      this.bind(values, 0, row(next));
      last = this.one.run(...values).lastInsertRowid;
    }
    return Number(last);
  }
}

/**
 * SQL for an instant that is bound as Nanos (base/time.ts), which a double holds exactly. Nanoseconds since the epoch
 * would need a BigInt.
 */
export const instant = (origin: number, value = '?'): string => `${origin} * 1000000000 + CAST(${value} AS INTEGER)`;

/** `text` once for each row, for VALUES. */
export const tuples = (text: string, rows: number): string => new Array(rows).fill(text).join(', ');
