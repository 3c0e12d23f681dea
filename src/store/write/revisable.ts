/**
 * Rows of one table that may be replaced or removed after they were written, by rowid. Retention may have removed a row
 * meanwhile, and another row may have its number: the `mark` shows whether the row is still the one meant.
 */
import type { Statement } from 'better-sqlite3';
import type { Database } from '../database.ts';
import { type Bind, Insert, tuples } from './insert.ts';

interface RevisableTable<T> {
  name: string;
  columns: string;
  /** SQL of the values of one row, with `width` parameters, whose values `bind` writes. */
  tuple: string;
  width: number;
  bind: Bind<T>;
  /** Rows inserted by one statement. */
  portion: number;
  /** SQL condition that is false for any other row that may get the same number; the mark is bound to its one `?`. */
  isMarked: string;
}

export class Revisable<T, Mark extends string | number> {
  private readonly insert: Insert<T>;
  private readonly update: Statement<unknown[]>;
  private readonly delete: Statement<[number: number, mark: Mark]>;
  private readonly bind: Bind<T>;

  constructor(db: Database, { name, columns, tuple, width, bind, portion, isMarked }: RevisableTable<T>) {
    const into = `INSERT INTO ${name} (${columns}) VALUES`;
    this.insert = new Insert(db, width, portion, rows => `${into} ${tuples(tuple, rows)}`, bind);
    this.update = db.prepare(`UPDATE ${name} SET (${columns}) = ${tuple} WHERE rowid = ? AND ${isMarked}`);
    this.delete = db.prepare(`DELETE FROM ${name} WHERE rowid = ? AND ${isMarked}`);
    this.bind = bind;
  }

  /**
   * Appends rows and returns the rowid of the first; the others follow it. Call it in a transaction, so that nobody
   * else writes in between.
   */
  append(rows: readonly T[]): number {
    return this.insert.run(rows.length, i => rows[i]) - rows.length + 1;
  }

  /** Replaces a row. False if it is no longer there. */
  replace(number: number, mark: Mark, row: T): boolean {
    const values: unknown[] = [];
    this.bind(values, 0, row);
    return this.update.run(...values, number, mark).changes > 0;
  }

  remove(number: number, mark: Mark): void {
    this.delete.run(number, mark);
  }
}
