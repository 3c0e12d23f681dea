/**
 * What a report draws of a run: the figures of every finding in one scan, the clocks and the curves worth showing.
 * Nothing here grows with the capture: findings pass one at a time, of clocks and curves the first few are read.
 */
import type { Regime } from '../flow/output.ts';
import type { Database } from './database.ts';
import { HAS_HIDDEN } from './migrations.ts';
import { findingRow, type RawRow } from './reader.ts';
import type { FindingRow } from './rows.ts';
import { keep } from './sqlite.ts';
import { CAUSE } from './summary.ts';

/** As much of a finding as pictures and choices need; absent evidence is null. */
export interface Figures {
  rowid: number;
  rule: string;
  cause: string;
  /** Seconds since the epoch: a picture has no use for nanoseconds. */
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

/** Every finding of a run, in stored order. While this is iterated, the connection can do nothing else. */
export function readFigures(db: Database, run: number): IterableIterator<Figures> {
  const evidence = ['class', 'outcome', 'from', 'age', 'idle', 'delay', 'answered'];
  const sql = `SELECT rowid, rule, ${CAUSE} AS cause, first_ns / 1e9 AS at,
      ${evidence.map(key => `evidence ->> '${key}' AS "${key}"`).join(', ')}
    FROM finding NOT INDEXED WHERE run_id = ? ORDER BY rowid`;
  return keep(db.prepare(sql).iterate(run)) as IterableIterator<Figures>;
}

export function readFindingAt(db: Database, rowid: number): FindingRow {
  return findingRow(db.prepare('SELECT * FROM finding WHERE rowid = ?').safeIntegers().get(rowid) as RawRow);
}

/** One line of the column `lines` of table `clock`: the rate it is drawn with, instants in seconds since the epoch, TSvals unsigned. */
export interface ClockLine {
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
  /** Ticks a second; null where the connections do not show their rate, and lines have the likeliest. */
  hz: number | null;
  regime: Regime;
  hosts_low: number | null;
  hosts_high: number | null;
  lines: ClockLine[];
}

/** The rules that look at the clocks behind an address. */
export const CLOCK_RULES = ['timestamp-regress', 'recycle-hazard', 'recycle-signature'] as const;

/** The clocks of the client and server pairs with most findings about them. */
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
  return rows.map(row => ({ ...row, lines: JSON.parse(row.lines) as ClockLine[] }));
}

export interface Curve {
  owner: string;
  /** Empty where the database told the peers apart no more. */
  peer: string;
  /** The server's port where the owner is the client; 0: any port of the peer. */
  peer_port: number;
  /** The most at once; and with all that a NAT may hide. */
  peak: number;
  most: number;
  /** Whole seconds since the epoch, ascending; TIME_WAITs open from then to the next, without and with the hidden. */
  steps: [at: number, open: number, most: number][];
}

/** The highest curves of TIME_WAITs, each with at most `points` steps, which keep its highest value in each stretch. */
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
