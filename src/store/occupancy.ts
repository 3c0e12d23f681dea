/** Finds where a run had the most TIME_WAITs. docs/time-wait-curve.md answers the same questions in SQL to copy. */
import { DEFAULT_PORT_RANGE } from '../base/limits.ts';
import type { Database } from './database.ts';

export interface Peak {
  owner: string;
  /** Empty for all peers of the owner. */
  peer: string;
  /** 0 for any port. */
  peerPort: number;
  /** When the number was highest for the first time: the start of that second, in nanoseconds since the epoch. */
  at: bigint;
  /**
   * The number at the end of that second if each TIME_WAIT lasts exactly its time; and `openHigh` if each lasts 5.12 s
   * longer and, on a host, with all that a NAT may hide. The latter is not added to ports: one that was used again
   * counts once.
   */
  open: number;
  openHigh: number;
  /** The share of the owner's TIME_WAITs whose port is outside the range that the run assumes. */
  outside: number;
}

/** Peaks below this are not worth reporting. */
const WORTH_TELLING = 1000;

/** `busy` selects the hosts that may reach :least: no host's peak exceeds the sum of the peaks of its curves. */
const HOSTS = `
  WITH busy AS (
    SELECT owner FROM (
      SELECT owner, max(open) AS most FROM time_wait_curve
      WHERE run_id = :run AND owner <> '' GROUP BY owner, peer, peer_port
      UNION ALL
      SELECT owner, max(hidden) FROM time_wait_hidden
      WHERE run_id = :run AND owner <> '' GROUP BY owner, peer, peer_port)
    GROUP BY owner HAVING sum(most) >= :least),
  change AS (
    SELECT owner, bucket_ns, 0 AS more,
      open - lag(open, 1, 0) OVER (PARTITION BY owner, peer, peer_port ORDER BY bucket_ns) AS delta
    FROM time_wait_curve WHERE run_id = :run AND owner IN busy
    UNION ALL
    SELECT owner, bucket_ns,
      hidden - lag(hidden, 1, 0) OVER (PARTITION BY owner, peer, peer_port ORDER BY bucket_ns), 0
    FROM time_wait_hidden WHERE run_id = :run AND owner IN busy),
  host AS (
    SELECT owner, '' AS peer, 0 AS peer_port, bucket_ns,
      sum(sum(delta)) OVER until AS open, sum(sum(more)) OVER until AS hidden
    FROM change GROUP BY owner, bucket_ns
    WINDOW until AS (PARTITION BY owner ORDER BY bucket_ns))`;
const TUPLES = `
  WITH host AS (
    SELECT owner, peer, peer_port, bucket_ns, open, 0 AS hidden FROM time_wait_curve WHERE run_id = :run AND peer_port > 0)`;

const BUSIEST = `
  SELECT owner, peer, peer_port, bucket_ns, open, hidden FROM (
    SELECT *, row_number() OVER (PARTITION BY owner, peer, peer_port ORDER BY open + hidden DESC, bucket_ns) AS rank
    FROM host)
  WHERE rank = 1 AND open + hidden >= :least ORDER BY open + hidden DESC, owner, peer, peer_port LIMIT :limit`;

const ROWS = `
  SELECT
    count(*) FILTER (
      WHERE entered_ns < :at AND end_ns + 5120000000 * (ended_by IN ('timer', 'capture-end')) >= :at) AS high,
    coalesce(avg(owner_port NOT BETWEEN :first AND :last), 0.0) AS outside
  FROM time_wait
  WHERE run_id = :run AND owner = :owner AND (:peer = '' OR (peer = :peer AND peer_port = :port))`;

interface OfRows {
  high: number;
  outside: number;
}

const SECOND_NS = 1_000_000_000n;

/**
 * The hosts, and the clients with the server port they connect to, that had the most TIME_WAITs; highest first. `range`:
 * the ports that the run assumes.
 */
export function busiest(
  db: Database,
  run: number,
  limit: number,
  [first, last]: readonly [number, number] = DEFAULT_PORT_RANGE,
): { hosts: Peak[]; tuples: Peak[] } {
  const rowsOf = db.prepare(ROWS);
  const peaks = (from: string): Peak[] => {
    const rows = db
      .prepare(from + BUSIEST)
      .safeIntegers()
      .raw()
      .all({ run, least: WORTH_TELLING, limit }) as [string, string, bigint, bigint, bigint, bigint][];
    return rows.map(([owner, peer, port, at, open, hidden]) => {
      const { high, outside } = rowsOf.get({ run, owner, peer, port, at: at + SECOND_NS, first, last }) as OfRows;
      const openHigh = Math.max(high, Number(open)) + Number(hidden);
      return { owner, peer, peerPort: Number(port), at, open: Number(open), openHigh, outside };
    });
  };
  return { hosts: peaks(HOSTS), tuples: peaks(TUPLES) };
}
