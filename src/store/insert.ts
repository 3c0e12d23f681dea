/**
 * Many rows a statement. A bound value costs about 100 ns (a string 200) and a statement about 300, so rows go in by
 * the dozen, and values that SQL can derive are not bound.
 */
import type { Statement } from 'better-sqlite3';
import type { Database } from './database.ts';

/** Writes the bound values of one row into `values`, beginning at `from`. */
export type Bind<T> = (values: unknown[], from: number, row: T) => void;

export class Insert<T> {
  private readonly width: number;
  private readonly rows: number;
  private readonly many: Statement<unknown[]>;
  private readonly one: Statement<unknown[]>;
  private readonly bind: Bind<T>;

  /** `sql(n)` is the statement for n rows of `width` bound values each; `rows` of them go into one. */
  constructor(db: Database, width: number, rows: number, sql: (rows: number) => string, bind: Bind<T>) {
    this.width = width;
    this.rows = rows;
    this.many = db.prepare(sql(rows));
    this.one = db.prepare(sql(1));
    this.bind = bind;
  }

  /** Inserts row(0) … row(count − 1) in this order; returns the number of the last one in the table, 0 for none. */
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

/** SQL for an instant that is bound as Nanos (base/time.ts): a double holds it exactly, the epoch would need BigInt. */
export const instant = (origin: number, value = '?'): string => `${origin} * 1000000000 + CAST(${value} AS INTEGER)`;

/** `text` for each of `rows` rows of VALUES. */
export const tuples = (text: string, rows: number): string => new Array(rows).fill(text).join(', ');
