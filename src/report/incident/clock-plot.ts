/**
 * Data for a plot of TSval against time for one client and server: the clock lines, the SYNs that were behind them, and
 * what a server with tcp_tw_recycle would remember. TSvals are relative to the first one, so that wrapping at 2^32 is
 * no jump.
 */
import { s32 } from '../../base/serial.ts';
import { SECOND } from '../../base/time.ts';
import { PAWS_MSL } from '../../flow/tables/pairs.ts';
import type { ClockSeries } from '../../store/incident.ts';
import type { FindingRow } from '../../store/rows.ts';
import { raisedBy } from '../explain/eras.ts';

export interface Point {
  /** Seconds since the epoch. */
  at: number;
  /** Ticks since the first TSval of the first line. */
  ticks: number;
}

export interface ClockPlot {
  client: string;
  server: string;
  regime: string;
  /** False if the lines are drawn with the likeliest rate only. */
  isRateKnown: boolean;
  /** Each line ends at its first and its last packet. */
  lines: { hz: number; flows: number; ends: [Point, Point] }[];
  /** Number of lines; `lines` has only the first ones. */
  lineCount: number;
  syns: (Point & { answered: boolean | undefined })[];
  /** The newest TSval of the address in the last 60 s, over time; empty if lines that it could be on are missing. */
  remembered: Point[];
}

/** The per-host check forgets a TSval after this many seconds. */
const REMEMBERED_S = PAWS_MSL / SECOND;
const MAX_LINES = 24;
const SAMPLES = 240;

export function clockPlot(series: ClockSeries, findings: readonly FindingRow[]): ClockPlot | undefined {
  const [first] = series.lines;
  if (first === undefined) return undefined;
  const height = (tsval: number): number => s32(tsval, first.v0);
  const lines = series.lines.slice(0, MAX_LINES).map(line => {
    const at = (time: number): Point => ({ at: time, ticks: height(line.v0) + (time - line.t0) * line.hz });
    return { hz: line.hz, flows: line.flows, ends: [at(line.first_at), at(line.last_at)] as [Point, Point] };
  });
  const syns = findings.flatMap(finding => {
    const syn = raisedBy(finding);
    if (finding.rule === 'recycle-signature' || syn?.tsval == null) return [];
    const answered = 'answered' in finding.evidence ? finding.evidence.answered : undefined;
    return [
      {
        at: Number(syn.ts_ns) / 1e9,
        ticks: height(syn.tsval),
        answered: typeof answered === 'boolean' ? answered : undefined,
      },
    ];
  });
  return {
    client: series.client,
    server: series.server,
    regime: series.regime,
    isRateKnown: series.hz !== null,
    lines,
    lineCount: series.lines.length,
    syns,
    remembered: lines.length < series.lines.length || series.regime === 'per-connection' ? [] : remembered(lines),
  };
}

/** The upper envelope of the lines; after the end of a line its last value counts for another 60 s. */
function remembered(lines: ClockPlot['lines']): Point[] {
  const from = Math.min(...lines.map(({ ends }) => ends[0].at));
  const to = Math.max(...lines.map(({ ends }) => ends[1].at));
  const points: Point[] = [];
  for (let i = 0; i <= SAMPLES; i++) {
    const at = from + ((to - from) * i) / SAMPLES;
    let newest = Number.NEGATIVE_INFINITY;
    for (const { hz, ends } of lines) {
      const [begin, end] = ends;
      if (at < begin.at || at > end.at + REMEMBERED_S) continue;
      newest = Math.max(newest, begin.ticks + (Math.min(at, end.at) - begin.at) * hz);
    }
    if (newest > Number.NEGATIVE_INFINITY) points.push({ at, ticks: newest });
  }
  return points;
}
