/** How the clocks of a client and a server were judged, as a row of table `clock`. */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ClockLine, ClockVerdict, Regime } from './clock-verdict.ts';

/** Times are stored with this resolution. */
const MICROSECONDS = 1e6;

/** One row of table `clock`. */
export interface ClockRow {
  client: string;
  server: string;
  /** Ticks per second; null if no rate fits. */
  hz: number | null;
  regime: Regime;
  /** Bounds on the number of hosts; null if the packets give none. */
  hostsLow: number | null;
  hostsHigh: number | null;
  lines: readonly Readonly<Record<string, unknown>>[];
}

/** The state of a clock during a live run. It replaces what was reported before for the same place. */
export interface ClockSoFar {
  place: number;
  row: ClockRow;
}

/**
 * `origin`: seconds since the epoch from which the run counts. `isStepped`: the capture clock was stepped, so nothing
 * is known about the number of hosts.
 */
export function clockRow(
  ends: { client: string; server: string },
  { hz, regime, hostsLow, hostsHigh, lines }: ClockVerdict,
  isStepped: boolean,
  origin: number,
): ClockRow {
  return {
    client: ends.client,
    server: ends.server,
    hz: hz ?? null,
    regime,
    hostsLow: isStepped ? null : hostsLow,
    hostsHigh: isStepped ? null : hostsHigh,
    lines: lines.map(line => lineOf(line, origin)),
  };
}

function lineOf(line: ClockLine, origin: number): ClockRow['lines'][number] {
  const { hz, t0, v0, flows, firstAt, lastAt, ttl, mss, windowScale } = line;
  const time = (at: Nanos): number => origin + Math.round((at / SECOND) * MICROSECONDS) / MICROSECONDS;
  return {
    hz,
    t0: time(t0),
    v0,
    flows,
    first_at: time(firstAt),
    last_at: time(lastAt),
    ttl,
    mss,
    window_scale: windowScale,
  };
}
