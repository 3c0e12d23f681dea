/**
 * An incident: everything that a report says about one run, read from its database in two scans. Its size does not
 * depend on the number of findings: all are counted, but only a bounded selection is kept.
 */
import { DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT } from '../../base/limits.ts';
import type { Tally } from '../../shard/tally.ts';
import type { Database } from '../../store/database.ts';
import { CLOCK_RULES, type Curve, readClocks, readCurves, readFigures } from '../../store/incident.ts';
import { type Lifeline, readLifelines } from '../../store/lifelines.ts';
import { readCaptures, readFindingAt, readFindings, readTally } from '../../store/reader.ts';
import type { CaptureRow, FindingRow, RunRow } from '../../store/rows.ts';
import { type FindingSummary, summarise } from '../../store/summary.ts';
import { counted } from '../words.ts';
import { type ClockPlot, clockPlot } from './clock-plot.ts';
import type { Comparison } from './compare.ts';
import { addInstant, addSpan, type Histogram, histogram, type Timeline, timeline } from './histogram.ts';
import { outcomeClass } from './outcome.ts';
import { qualityRemarks, type Remark } from './quality.ts';
import { quotas } from './quota.ts';
import { type ReportedCause, type Verdict, verdicts } from './verdict.ts';

export interface Incident {
  run: RunRow;
  database: string;
  captures: CaptureRow[];
  tally: Tally;
  /** What was read, such as `1,000 frames, 12 connections`. */
  read: string;
  /** Times of the first and last frame, in nanoseconds since the epoch; undefined if there are none. */
  span: { first: bigint; last: bigint } | undefined;
  byRule: FindingSummary['byRule'];
  /** Number of findings in the database, and of all findings including those that were only counted. */
  stored: number;
  counted: number;
  causes: ReportedCause[];
  /** Number of causes beyond `causes`. */
  moreCauses: number;
  verdicts: Verdict[];
  quality: Remark[];
  /**
   * A selection of findings in stored order, each with the index of its cause; it includes the worst one of every
   * cause.
   */
  listed: { finding: FindingRow; cause: number }[];
  pictures: Pictures;
  /** Comparison with an earlier run, if requested. */
  comparison?: Comparison;
}

export interface Pictures {
  clocks: ClockPlot[];
  curves: Curve[];
  /** Tuples that were reused. */
  lifelines: Lifeline[];
  /** Ephemeral ports of a client, as given to the run. */
  portRange: readonly [low: number, high: number];
  /** How long a TIME_WAIT lasts, in seconds, as given to the run. */
  timeWait: number;
  reuse: Histogram;
  idle: Histogram;
  delay: Histogram;
  resets: Timeline;
}

interface Limits {
  causes: number;
  listed: number;
}

const LIMITS: Limits = { causes: 60, listed: 6_000 };

const CLOCK_PLOTS = 4;
const POINTS_PER_CLOCK = 400;
const CURVES = 5;
const LIFELINES = 5;
const REUSES_PER_LIFELINE = 60;
const POINTS_PER_CURVE = 400;

export function readIncident(db: Database, database: string, run: RunRow, limits: Limits = LIMITS): Incident {
  const captures = readCaptures(db, [run.id]);
  const tally = readTally(db, [run.id]);
  const summary = summarise(db, run.id, limits.causes);
  const causes = summary.worst.map(
    (worst, i): ReportedCause => ({ ...summary.causes[i], worst, unanswered: 0, answerable: 0 }),
  );
  const span = spanOf(captures);
  const scanned = scan(db, run.id, causes, span, limits.listed);
  const ofRule = new Map(
    [...summary.byRule].map(([rule, counts]) => {
      const kept = sum(Object.values(counts));
      return [rule, { stored: kept, all: Math.max(kept, tally[`findings.${rule}`] ?? 0) }];
    }),
  );
  const stored = sum([...ofRule.values()].map(each => each.stored));
  const tallied = sum(Object.keys(tally).map(name => (isFindings(name) ? tally[name] : 0)));
  return {
    run,
    database,
    captures,
    tally,
    read: readText(captures, tally),
    span,
    byRule: summary.byRule,
    stored,
    counted: Math.max(tallied, stored),
    causes,
    moreCauses: summary.causes.length - causes.length,
    verdicts: verdicts(causes, tally.flows ?? 0, ofRule),
    quality: qualityRemarks(run, captures, tally, scanned.oneWay),
    listed: listed(db, scanned.rowids, causes),
    pictures: {
      clocks: readClocks(db, run.id, CLOCK_PLOTS).flatMap(series => {
        const { client, server } = series;
        const filter = { runs: [run.id], rules: CLOCK_RULES, client, server, limit: POINTS_PER_CLOCK };
        return clockPlot(series, [...readFindings(db, filter)]) ?? [];
      }),
      curves: readCurves(db, run.id, CURVES, POINTS_PER_CURVE),
      lifelines: readLifelines(db, run.id, LIFELINES, REUSES_PER_LIFELINE),
      portRange: portRange(run.options.port_range),
      timeWait: Number(run.options.time_wait ?? DEFAULT_TIME_WAIT),
      ...scanned.pictures,
    },
  };
}

/** An unfinished run has no tally, so its number of connections is unknown. */
function readText(captures: readonly CaptureRow[], { frames, flows }: Tally): string {
  const read = counted(frames ?? sum(captures.map(capture => capture.frames)), 'frame');
  return frames === undefined ? read : `${read}, ${counted(flows ?? 0, 'connection')}`;
}

const isFindings = (name: string): boolean => name.startsWith('findings.') && name !== 'findings.suppressed';

function listed(db: Database, rowids: Scanned['rowids'], causes: readonly ReportedCause[]): Incident['listed'] {
  const chosen = rowids.map(([rowid, cause]) => ({ finding: readFindingAt(db, rowid), cause }));
  const ids = new Set(chosen.map(({ finding }) => finding.id));
  const missing = causes.flatMap(({ worst }, cause) => (ids.has(worst.id) ? [] : [{ finding: worst, cause }]));
  return [...missing, ...chosen];
}

interface Scanned {
  rowids: [rowid: number, cause: number][];
  /** Number of findings for which the other direction was never captured. */
  oneWay: number;
  pictures: Pick<Pictures, 'reuse' | 'idle' | 'delay' | 'resets'>;
}

function scan(db: Database, run: number, causes: ReportedCause[], span: Incident['span'], room: number): Scanned {
  const left = quotas(
    causes.map(({ count }) => count),
    room,
  );
  const index = new Map(causes.map(({ rule, cause }, i) => [`${rule} ${cause}`, i]));
  const pictures = {
    reuse: histogram(1e-3, 1e3),
    idle: histogram(1e-3, 1e4),
    delay: histogram(1e-4, 1e2),
    resets: timeline(Number(span?.first ?? 0n) / 1e9, Number(span?.last ?? 0n) / 1e9),
  };
  const rowids: Scanned['rowids'] = [];
  let oneWay = 0;
  for (const row of readFigures(db, run)) {
    const place = index.get(`${row.rule} ${row.cause}`);
    if (place !== undefined) {
      if (left[place]-- > 0) rowids.push([row.rowid, place]);
      if (row.answered !== null) causes[place].answerable++;
      if (row.answered === 0) causes[place].unanswered++;
    }
    if (row.outcome === 'unobservable') oneWay++;
    if (row.rule === 'port-reuse') {
      if (row.age !== null) addSpan(pictures.reuse, row.age, outcomeClass(row.outcome));
      if (row.delay !== null) addSpan(pictures.delay, row.delay, outcomeClass(row.outcome));
    } else if (row.delay !== null) addSpan(pictures.delay, row.delay, row.rule);
    if (row.rule === 'reset-close') {
      if (row.idle !== null) addSpan(pictures.idle, row.idle, `reset by the ${row.from ?? 'client'}`);
      addInstant(pictures.resets, row.at, row.class ?? 'rst');
    }
  }
  return { rowids, oneWay, pictures };
}

function spanOf(captures: readonly CaptureRow[]): Incident['span'] {
  let span: Incident['span'];
  for (const { first_ns: first, last_ns: last } of captures) {
    if (first === null || last === null) continue;
    if (span === undefined) span = { first, last };
    else span = { first: first < span.first ? first : span.first, last: last > span.last ? last : span.last };
  }
  return span;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** The port range of the run; Linux's default if the run does not say. */
const portRange = (option: unknown): readonly [low: number, high: number] =>
  Array.isArray(option) && option.length === 2 ? [Number(option[0]), Number(option[1])] : DEFAULT_PORT_RANGE;
