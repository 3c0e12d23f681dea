/** Writes table `time_wait_curve`, at the end of a run. */
import type { CurveSeries } from '../flow/output.ts';
import type { Database } from './database.ts';
import { Insert, tuples } from './insert.ts';

const ROWS = 50;
const BOUND = 5;

export function curveInsert(db: Database, run: number, origin: number): (series: readonly CurveSeries[]) => void {
  const sql = (rows: number) => `
    WITH bound (second, owner, peer, port, open) AS (VALUES ${tuples('(?, ?, ?, ?, ?)', rows)})
    INSERT INTO time_wait_curve (run_id, bucket_ns, owner, peer, peer_port, open)
    SELECT ${run}, (${origin} + CAST(second AS INTEGER)) * 1000000000, owner, peer, port, open FROM bound`;
  let current: CurveSeries;
  const insert = new Insert<number>(db, BOUND, ROWS, sql, (values, from, row) => {
    values[from] = current.seconds[row];
    values[from + 1] = current.owner;
    values[from + 2] = current.peer;
    values[from + 3] = current.peerPort;
    values[from + 4] = current.open[row];
  });
  return all => {
    for (const series of all) {
      current = series;
      insert.run(series.seconds.length, row => row);
    }
  };
}
