/**
 * What a report draws of a run: the figures of all findings in one scan, and the clocks and curves worth showing.
 * Memory does not grow with the capture: findings pass one at a time, and only the first few clocks and curves are
 * read.
 */
import type { Regime } from '../detect/clocks/clock-verdict.ts';
import type { Database } from './database.ts';
import { parsed } from './json.ts';
import { HAS_HIDDEN } from './migrations.ts';
import { keepReachable } from './sqlite.ts';
import { CAUSE } from './summary.ts';

/** The part of a finding that charts and selections need; null where the evidence has no such key. */
interface Figures {
  rowid: number;
  rule: string;
  cause: string;
  /** Seconds since the epoch, as a chart needs no nanoseconds. */
  at: number;
  class: string | null;
  outcome: string | null;
  from: string | null;
  /** Seconds. */
  age: number | null;
  idle: number | null;
  delay: number | null;
  answered: 0 | 1 | null;
}

/** Every finding of a run, in stored order. During the iteration the connection can do nothing else. */
export function readFigures(db: Database, run: number): IterableIterator<Figures> {
  const evidence = ['class', 'outcome', 'from', 'age', 'idle', 'delay', 'answered'];
  const sql = `SELECT rowid, rule, ${CAUSE} AS cause, first_ns / 1e9 AS at,
      ${evidence.map(key => `evidence ->> '${key}' AS "${key}"`).join(', ')}
    FROM finding NOT INDEXED WHERE run_id = ? ORDER BY rowid`;
  return keepReachable(db.prepare(sql).iterate(run)) as IterableIterator<Figures>;
}

/**
 * One line of column `lines` of table `clock`: its rate as drawn, instants in seconds since the epoch, unsigned TSvals.
 */
interface ClockLine {
  hz: number;
  t0: number;
  v0: number;
  flows: number;
  first_at: number;
  last_at: number;
}

export interface ClockSeries {
  client: string;
  server: string;
  /** Ticks per second; null if the connections do not show the rate, in which case the lines have the likeliest one. */
  hz: number | null;
  regime: Regime;
  hosts_low: number | null;
  hosts_high: number | null;
  lines: ClockLine[];
}

/** The rules about the clocks behind an address. */
export const CLOCK_RULES = ['timestamp-regress', 'recycle-hazard', 'recycle-signature'] as const;

/** The clocks of the pairs of client and server with the most findings of CLOCK_RULES. */
export function readClocks(db: Database, run: number, limit: number): ClockSeries[] {
  const sql = `
    WITH hit AS MATERIALIZED (
      SELECT client, server, sum(rule = 'recycle-signature') AS proved, count(*) AS count FROM finding
      WHERE run_id = ? AND rule IN (SELECT value FROM json_each(?))
      GROUP BY client, server ORDER BY proved DESC, count DESC, client, server LIMIT ?)
    SELECT clock.client, clock.server, hz, regime, hosts_low, hosts_high, lines
    FROM hit CROSS JOIN clock ON clock.run_id = ? AND clock.client = hit.client AND clock.server = hit.server
    ORDER BY proved DESC, count DESC, clock.client, clock.server`;
  const rows = db.prepare(sql).all(run, JSON.stringify(CLOCK_RULES), limit, run) as (Omit<ClockSeries, 'lines'> & {
    lines: string;
  })[];
  return rows.map(row => ({ ...row, lines: parsed<ClockLine[]>(row.lines) }));
}

export interface Curve {
  owner: string;
  /** Empty if the database did not distinguish the peers any more. */
  peer: string;
  /** The server's port if the owner is the client; 0 for any port of the peer. */
  peer_port: number;
  /** The highest number at a time; `most` includes those that hosts behind a NAT may hold unseen. */
  peak: number;
  most: number;
  /**
   * From `at`, in whole seconds since the epoch and ascending, until the next step: the number of open TIME_WAITs, and
   * that number with the hidden ones.
   */
  steps: [at: number, open: number, most: number][];
}

/**
 * The curves with the highest peaks. Each is reduced to at most `points` steps, which are the maxima of equal parts.
 */
export function readCurves(db: Database, run: number, limit: number, points: number): Curve[] {
  const hidden = `UNION ALL
    SELECT owner, peer, peer_port, bucket_ns, 0, hidden - lag(hidden, 1, 0) OVER series FROM time_wait_hidden
    WHERE run_id = :run WINDOW series AS (PARTITION BY owner, peer, peer_port ORDER BY bucket_ns)`;
  const step = `
    change AS (
      SELECT owner, peer, peer_port, bucket_ns, open - lag(open, 1, 0) OVER series AS delta, 0 AS more
      FROM time_wait_curve WHERE run_id = :run
      WINDOW series AS (PARTITION BY owner, peer, peer_port ORDER BY bucket_ns)
      ${Number(db.pragma('user_version')) < HAS_HIDDEN ? '' : hidden}),
    step AS (
      SELECT owner, peer, peer_port, bucket_ns, sum(sum(delta)) OVER until AS open,
        sum(sum(delta + more)) OVER until AS most
      FROM change GROUP BY owner, peer, peer_port, bucket_ns
      WINDOW until AS (PARTITION BY owner, peer, peer_port ORDER BY bucket_ns))`;
  const tops = db
    .prepare(
      `WITH ${step}
       SELECT owner, peer, peer_port, max(open) AS peak, max(most) AS most FROM step
       GROUP BY owner, peer, peer_port ORDER BY most DESC, owner, peer, peer_port LIMIT :limit`,
    )
    .all({ run, limit }) as Omit<Curve, 'steps'>[];
  const steps = db
    .prepare(
      `WITH ${step},
       part AS (
         SELECT bucket_ns, open, most, ntile(:points) OVER (ORDER BY bucket_ns) AS stretch FROM step
         WHERE owner = :owner AND peer = :peer AND peer_port = :port)
       SELECT min(bucket_ns) / 1000000000 AS at, max(open), max(most) FROM part GROUP BY stretch ORDER BY at`,
    )
    .raw();
  return tops.map(top => ({
    ...top,
    steps: steps.all({ run, points, owner: top.owner, peer: top.peer, port: top.peer_port }) as Curve['steps'],
  }));
}
