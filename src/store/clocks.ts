/** Writes table `clock`: one row for each client and server, at the end of a run, and of a live one also before. */
import type { Statement } from 'better-sqlite3';
import type { ClockRow, ClockSoFar } from '../flow/output.ts';
import type { Database } from './database.ts';
import { type Bind, Insert, tuples } from './insert.ts';

const ROWS = 20;
const BOUND = 7;
const COLUMNS = 'client, server, hz, regime, hosts_low, hosts_high, lines';

export class ClockRows {
  private readonly insert: Insert<ClockRow>;
  private readonly update: Statement<unknown[]>;
  private readonly delete: Statement<[row: number]>;
  private readonly last: Statement<[], number>;
  /** Rows in the table, by place. */
  private readonly soFar = new Map<number, number>();

  constructor(db: Database, run: number) {
    const sql = (rows: number): string =>
      `INSERT INTO clock (run_id, ${COLUMNS}) VALUES ${tuples(`(${run}, ?, ?, ?, ?, ?, ?, ?)`, rows)}`;
    this.insert = new Insert<ClockRow>(db, BOUND, ROWS, sql, bind);
    // A row that retention has removed may have left its number to another run's.
    this.update = db.prepare(
      `UPDATE clock SET (${COLUMNS}) = (?, ?, ?, ?, ?, ?, ?) WHERE rowid = ? AND run_id = ${run}`,
    );
    this.delete = db.prepare(`DELETE FROM clock WHERE rowid = ? AND run_id = ${run}`);
    this.last = db.prepare<[], number>('SELECT last_insert_rowid()').pluck();
  }

  /** In a transaction. */
  addSoFar(clocks: readonly ClockSoFar[]): void {
    for (const { place, row } of clocks) {
      const known = this.soFar.get(place);
      const values: unknown[] = [];
      bind(values, 0, row);
      if (known !== undefined && this.update.run(...values, known).changes > 0) continue;
      this.insert.run(1, () => row);
      this.soFar.set(place, this.last.get()!);
    }
  }

  /** What was known so far, since the end says it all anew. */
  removeSoFar(): void {
    for (const row of this.soFar.values()) this.delete.run(row);
    this.soFar.clear();
  }

  add(rows: readonly ClockRow[]): void {
    this.insert.run(rows.length, i => rows[i]!);
  }
}

const bind: Bind<ClockRow> = (values, from, row) => {
  values[from] = row.client;
  values[from + 1] = row.server;
  values[from + 2] = row.hz;
  values[from + 3] = row.regime;
  values[from + 4] = row.hostsLow;
  values[from + 5] = row.hostsHigh;
  values[from + 6] = JSON.stringify(row.lines);
};
