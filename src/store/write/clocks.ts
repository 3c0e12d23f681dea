/**
 * Writes table `clock`: one row for each client and server, at the end of a run and, of a live run, before its end as
 * well.
 */
import type { ClockRow, ClockSoFar } from '../../detect/clocks/clock-row.ts';
import type { Database } from '../database.ts';
import type { Bind } from './insert.ts';
import { Revisable } from './revisable.ts';
import type { Undo } from './undo.ts';

const PORTION = 20;
const WIDTH = 7;

export class ClockRows {
  private readonly run: number;
  private readonly rows: Revisable<ClockRow, number>;
  /** Rowid of the row stored so far for each `place`. */
  private readonly soFar = new Map<number, number>();

  private readonly undo: Undo;

  constructor(db: Database, run: number, undo: Undo) {
    this.run = run;
    this.undo = undo;
    this.rows = new Revisable(db, {
      name: 'clock',
      columns: 'run_id, client, server, hz, regime, hosts_low, hosts_high, lines',
      tuple: `(${run}, ?, ?, ?, ?, ?, ?, ?)`,
      width: WIDTH,
      bind,
      portion: PORTION,
      isMarked: 'run_id = ?',
    });
  }

  /** Stores what is known of some clocks so far, replacing earlier rows of theirs. Call it in a transaction. */
  addSoFar(clocks: readonly ClockSoFar[]): void {
    for (const { place, row } of clocks) {
      const number = this.soFar.get(place);
      if (number !== undefined && this.rows.replace(number, this.run, row)) continue;
      this.undo.add(() => (number === undefined ? this.soFar.delete(place) : this.soFar.set(place, number)));
      this.soFar.set(place, this.rows.append([row]));
    }
  }

  /** Removes the rows that were stored before the end: the end writes all of them anew. */
  removeSoFar(): void {
    for (const number of this.soFar.values()) this.rows.remove(number, this.run);
    this.soFar.clear();
  }

  add(rows: readonly ClockRow[]): void {
    this.rows.append(rows);
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
