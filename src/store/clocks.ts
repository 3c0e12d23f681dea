/** Writes table `clock`: one row for each client and server, at the end of a run. */
import type { ClockRow } from '../flow/output.ts';
import type { Database } from './database.ts';
import { Insert, tuples } from './insert.ts';

const ROWS = 20;
const BOUND = 7;

export function clockInsert(db: Database, run: number): Insert<ClockRow> {
  const sql = (rows: number) => `
    INSERT INTO clock (run_id, client, server, hz, regime, hosts_low, hosts_high, lines)
    VALUES ${tuples(`(${run}, ?, ?, ?, ?, ?, ?, ?)`, rows)}`;
  return new Insert<ClockRow>(db, BOUND, ROWS, sql, (values, from, row) => {
    values[from] = row.client;
    values[from + 1] = row.server;
    values[from + 2] = row.hz;
    values[from + 3] = row.regime;
    values[from + 4] = row.hostsLow;
    values[from + 5] = row.hostsHigh;
    values[from + 6] = JSON.stringify(row.lines);
  });
}
