/**
 * Rows of one table that may be replaced or removed after they were written, by their numbers. Retention may have taken a
 * row meanwhile and left its number to another: `mark` is what tells whether the row of that number is still the one meant.
 */
import type { Statement } from 'better-sqlite3';
import type { Database } from './database.ts';
import { type Bind, Insert, tuples } from './insert.ts';

export interface RevisableTable<T> {
  name: string;
  columns: string;
  /** SQL of one row's values, with `width` bound ones, which `bind` writes. */
  tuple: string;
  width: number;
  bind: Bind<T>;
  /** Rows a statement. */
  portion: number;
  /** SQL that holds of no other row that may come under the number; the mark is bound to its one `?`. */
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

  /** In a transaction, in which nobody else writes: returns the number of the first, and the others follow it. */
  append(rows: readonly T[]): number {
    return this.insert.run(rows.length, i => rows[i]!) - rows.length + 1;
  }

  /** False where it is not there any more. */
  replace(number: number, mark: Mark, row: T): boolean {
    const values: unknown[] = [];
    this.bind(values, 0, row);
    return this.update.run(...values, number, mark).changes > 0;
  }

  remove(number: number, mark: Mark): void {
    this.delete.run(number, mark);
  }
}
