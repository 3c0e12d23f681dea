/** Writes tables `time_wait_curve` and `time_wait_hidden`, at the end of a run. */
import type { CurveSeries } from '../flow/output.ts';
import type { Database } from './database.ts';
import { Insert, tuples } from './insert.ts';

const ROWS = 50;
const BOUND = 5;

export function curveInsert(db: Database, run: number, origin: number): (series: readonly CurveSeries[]) => void {
  const sql = (table: string, column: string) => (rows: number) =>
    `
    WITH bound (second, owner, peer, port, count) AS (VALUES ${tuples('(?, ?, ?, ?, ?)', rows)})
    INSERT INTO ${table} (run_id, bucket_ns, owner, peer, peer_port, ${column})
    SELECT ${run}, (${origin} + CAST(second AS INTEGER)) * 1000000000, owner, peer, port, count FROM bound`;
  let current: CurveSeries;
  const bind = (values: unknown[], from: number, second: number | undefined, count: number | undefined): void => {
    values[from] = second;
    values[from + 1] = current.owner;
    values[from + 2] = current.peer;
    values[from + 3] = current.peerPort;
    values[from + 4] = count;
  };
  const open = new Insert<number>(db, BOUND, ROWS, sql('time_wait_curve', 'open'), (values, from, row) =>
    bind(values, from, current.seconds[row], current.open[row]),
  );
  const hidden = new Insert<number>(db, BOUND, ROWS, sql('time_wait_hidden', 'hidden'), (values, from, row) =>
    bind(values, from, current.hidden.seconds[row], current.hidden.count[row]),
  );
  return all => {
    for (const series of all) {
      current = series;
      open.run(series.seconds.length, row => row);
      hidden.run(series.hidden.seconds.length, row => row);
    }
  };
}
