/**
 * Sums up the findings of one run, by rule and by cause, with the worst finding of each cause. A cause is a rule with
 * class, cause, regime and outcome of its evidence, so that ten thousand refused connections are one line. The findings
 * are scanned once; memory grows only with the number of causes.
 */
import { type Confidence, SEVERITIES, type Severity } from '../detect/finding.ts';
import type { Database } from './database.ts';
import { conditions, type FindingFilter, readFindingAt } from './reader.ts';
import type { FindingRow } from './rows.ts';
import { keepReachable } from './sqlite.ts';

type SeverityCounts = Record<Severity, number>;

interface HostPairCount {
  client: string;
  server: string;
  count: number;
}

export interface Cause {
  rule: string;
  /** For example `in-time-wait accepted`; empty if the evidence has no such words. */
  cause: string;
  /** Severity, and below it confidence, of the worst finding. */
  severity: Severity;
  confidence: Confidence;
  count: number;
  counts: SeverityCounts;
  /** Number of host pairs, and those with the most findings. */
  pairCount: number;
  pairs: HostPairCount[];
}

export interface FindingSummary {
  byRule: ReadonlyMap<string, SeverityCounts>;
  /** Worst first, by severity, then by count. */
  causes: Cause[];
  /** The worst finding of each of the worst causes. */
  worst: FindingRow[];
}

const PAIRS_PER_CAUSE = 3;

const CONFIDENCES: readonly Confidence[] = ['weak', 'strong', 'proof'];

const rank = (column: string, words: readonly string[]): string =>
  `CASE ${column} ${words.map((word, i) => `WHEN '${word}' THEN ${i}`).join(' ')} END`;

/**
 * Ranks a finding by severity, confidence and how early it is, in one number, from which max() also gives its rowid. Of the
 * 53 bits that a double holds, severity and confidence take four.
 */
const ROWID_BITS = 49;
const WORST = `max(
  (${rank('severity', SEVERITIES)} * ${CONFIDENCES.length} + ${rank('confidence', CONFIDENCES)}) * ${2 ** ROWID_BITS}
  + ${2 ** ROWID_BITS - 1} - rowid)`;

/**
 * SQL for the words of the evidence that name a cause. What was seen (`seen`) is more informative than an unknown
 * `cause`, a setting means nothing without its value, and for an abort it matters most which end it came from.
 */
export const CAUSE = `concat_ws(' ', evidence ->> 'class', iif(evidence ->> 'class' = 'abort', 'by-' || (evidence ->> 'from'), NULL),
  coalesce(evidence ->> 'seen', evidence ->> 'cause'), evidence ->> 'regime',
  (evidence ->> 'setting') || iif(typeof(evidence ->> 'value') IN ('integer', 'real'), '=' || (evidence ->> 'value'), ''), nullif(evidence ->> 'outcome', 'unobservable'))`;

const BY_CAUSE_AND_PAIR = `
  SELECT rule, ${CAUSE} AS cause, client, server, count(*) AS count, ${WORST} AS worst,
    ${SEVERITIES.map(severity => `sum(severity = '${severity}') AS ${severity}`).join(', ')}
  FROM finding WHERE run_id = ? GROUP BY rule, cause, client, server ORDER BY count DESC, client, server`;

interface PairRow extends HostPairCount, SeverityCounts {
  rule: string;
  cause: string;
  worst: number;
}

/** `examples`: most findings in `worst`. */
export function summarise(db: Database, run: number, examples: number): FindingSummary {
  const byRule = new Map<string, SeverityCounts>();
  const causes = new Map<string, Cause & { worst: number }>();
  for (const row of keepReachable(db.prepare(BY_CAUSE_AND_PAIR).iterate(run)) as IterableIterator<PairRow>) {
    addCounts(byRule, row);
    addToCause(causes, row);
  }
  const ranked = [...causes.values()].sort(
    (a, b) => rankOf(b.worst) - rankOf(a.worst) || b.count - a.count || b.worst - a.worst,
  );
  return {
    byRule: new Map([...byRule].sort(([a], [b]) => (a < b ? -1 : 1))),
    causes: ranked.map(({ worst: _, ...cause }) => cause),
    worst: ranked.slice(0, examples).map(({ worst }) => readFindingAt(db, rowidOf(worst))),
  };
}

function addCounts(byRule: Map<string, SeverityCounts>, row: PairRow): void {
  const counts = byRule.get(row.rule) ?? none();
  for (const severity of SEVERITIES) counts[severity] += row[severity];
  byRule.set(row.rule, counts);
}

const none = (): SeverityCounts => ({ info: 0, notice: 0, warning: 0, error: 0, critical: 0 });

function addToCause(causes: Map<string, Cause & { worst: number }>, row: PairRow): void {
  const { rule, cause, client, server, count, worst } = row;
  const key = `${rule} ${cause}`;
  const group = causes.get(key) ?? {
    rule,
    cause,
    severity: 'info',
    confidence: 'weak',
    count: 0,
    counts: none(),
    pairCount: 0,
    pairs: [],
    worst: -1,
  };
  causes.set(key, group);
  if (worst > group.worst) {
    group.worst = worst;
    group.severity = SEVERITIES[Math.floor(rankOf(worst) / CONFIDENCES.length)];
    group.confidence = CONFIDENCES[rankOf(worst) % CONFIDENCES.length];
  }
  group.count += count;
  for (const severity of SEVERITIES) group.counts[severity] += row[severity];
  group.pairCount++;
  // The rows are sorted by count, so the first pairs have the most findings.
  if (group.pairs.length < PAIRS_PER_CAUSE) group.pairs.push({ client, server, count });
}

const rankOf = (worst: number): number => Math.floor(worst / 2 ** ROWID_BITS);
const rowidOf = (worst: number): number => 2 ** ROWID_BITS - 1 - (worst % 2 ** ROWID_BITS);

/** The worst severity among the findings that the filter selects; undefined if there are none. */
export function worstSeverity(db: Database, filter: FindingFilter): Severity | undefined {
  const { where, values } = conditions(filter);
  const sql = `SELECT DISTINCT severity FROM finding WHERE ${where}`;
  const stored = new Set(
    db
      .prepare(sql)
      .pluck()
      .all(...values),
  );
  return [...SEVERITIES].reverse().find(severity => stored.has(severity));
}
