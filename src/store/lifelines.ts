/** The connections that followed one another on a tuple, from the findings of `port-reuse`. */
import type { Database } from './database.ts';

/** The reuses of one tuple, in order of time. */
export interface Lifeline {
  client: string;
  client_port: number;
  server: string;
  server_port: number;
  /** Number of reuses; `reuses` has the first of them. */
  count: number;
  reuses: Reuse[];
}

export interface Reuse {
  /** Time of the new SYN, in seconds since the epoch. */
  at: number;
  /** Seconds since the end of the old connection; null if that was not seen. */
  age: number | null;
  class: string;
  outcome: string | null;
}

/** The tuple with the most reuses, and the next ones with the same client, server and server port. */
export function readLifelines(db: Database, run: number, limit: number, reuses: number): Lifeline[] {
  const tops = db
    .prepare(
      `WITH tuple AS MATERIALIZED (
         SELECT client, client_port, server, server_port, count(*) AS count, min(rowid) AS first
         FROM finding NOT INDEXED WHERE run_id = ? AND rule = 'port-reuse'
         GROUP BY client, client_port, server, server_port),
       top AS (SELECT client, server, server_port FROM tuple ORDER BY count DESC, first LIMIT 1)
       SELECT client, client_port, server, server_port, count FROM tuple JOIN top USING (client, server, server_port)
       ORDER BY count DESC, first LIMIT ?`,
    )
    .all(run, limit) as Omit<Lifeline, 'reuses'>[];
  const each = db.prepare(
    `SELECT first_ns / 1e9 AS at, evidence ->> 'age' AS age, evidence ->> 'class' AS class,
       evidence ->> 'outcome' AS outcome
     FROM finding NOT INDEXED WHERE run_id = ? AND rule = 'port-reuse'
       AND client = ? AND client_port = ? AND server = ? AND server_port = ? ORDER BY first_ns, rowid LIMIT ?`,
  );
  return tops.map(top => ({
    ...top,
    reuses: each.all(run, top.client, top.client_port, top.server, top.server_port, reuses) as Reuse[],
  }));
}
