/**
 * What the findings of one run amount to: sums by rule and by cause, and the worst of each cause. A cause is a rule
 * with what its evidence calls class, cause, regime or outcome, so that ten thousand refused connections are one line.
 */
import { type Confidence, SEVERITIES, type Severity } from '../detect/finding.ts';
import type { Database } from './database.ts';
import { findingRow } from './reader.ts';
import type { FindingRow } from './rows.ts';

export interface RuleCount {
  rule: string;
  severity: Severity;
  count: number;
}

export interface HostPairCount {
  client: string;
  server: string;
  count: number;
}

export interface Cause {
  rule: string;
  /** `in-time-wait accepted`; empty where the rule's evidence has no such word. */
  cause: string;
  /** The worst of its findings. */
  severity: Severity;
  confidence: Confidence;
  count: number;
  /** How many host pairs it met, and the first of them by count. */
  pairCount: number;
  pairs: HostPairCount[];
}

const PAIRS_PER_CAUSE = 3;

const rank = (column: string, words: readonly string[]): string =>
  `CASE ${column} ${words.map((word, i) => `WHEN '${word}' THEN ${i}`).join(' ')} END`;

const CONFIDENCES: readonly Confidence[] = ['weak', 'strong', 'proof'];
const SEVERITY_RANK = rank('severity', SEVERITIES);
const CONFIDENCE_RANK = rank('confidence', CONFIDENCES);

const CAUSE = `ltrim(concat_ws(' ', evidence ->> 'class', evidence ->> 'cause', evidence ->> 'regime',
  CASE evidence ->> 'outcome' WHEN 'unobservable' THEN NULL ELSE evidence ->> 'outcome' END))`;

export function countByRule(db: Database, run: number): RuleCount[] {
  const sql = `SELECT rule, severity, count(*) AS count FROM finding WHERE run_id = ? GROUP BY rule, severity
    ORDER BY rule, ${SEVERITY_RANK} DESC`;
  return db.prepare(sql).all(run) as RuleCount[];
}

/** Worst first: by severity, then by count. */
export function causes(db: Database, run: number): Cause[] {
  const sql = `
    SELECT rule, ${CAUSE} AS cause, client, server, count(*) AS count,
      max(${SEVERITY_RANK}) AS severity, max(${CONFIDENCE_RANK}) AS confidence
    FROM finding WHERE run_id = ? GROUP BY rule, cause, client, server ORDER BY count DESC, client, server`;
  const groups = new Map<string, Cause & { rank: number }>();
  for (const row of db.prepare(sql).iterate(run) as IterableIterator<PairRow>) {
    const key = `${row.rule} ${row.cause}`;
    let group = groups.get(key);
    if (!group) {
      const { rule, cause } = row;
      group = { rule, cause, severity: 'info', confidence: 'weak', count: 0, pairCount: 0, pairs: [], rank: -1 };
      groups.set(key, group);
    }
    // The confidence that is told is that of the worst severity, as far as pairs can tell.
    if (row.severity > group.rank) {
      group.rank = row.severity;
      group.severity = SEVERITIES[row.severity];
      group.confidence = CONFIDENCES[row.confidence];
    }
    group.count += row.count;
    group.pairCount++;
    if (group.pairs.length < PAIRS_PER_CAUSE) {
      group.pairs.push({ client: row.client, server: row.server, count: row.count });
    }
  }
  return [...groups.values()]
    .sort((a, b) => b.rank - a.rank || b.count - a.count)
    .map(({ rank: _, ...cause }) => cause);
}

interface PairRow extends HostPairCount {
  rule: string;
  cause: string;
  severity: number;
  confidence: number;
}

/** The worst finding of each of the worst causes, best proven first within a cause, the earliest among equals. */
export function worstFindings(db: Database, run: number, limit: number): FindingRow[] {
  const sql = `
    SELECT * FROM finding JOIN (
      SELECT rowid AS row, row_number() OVER (
        PARTITION BY rule, ${CAUSE} ORDER BY ${SEVERITY_RANK} DESC, ${CONFIDENCE_RANK} DESC, rowid
      ) AS place FROM finding WHERE run_id = ?
    ) ON finding.rowid = row
    WHERE place = 1 ORDER BY ${SEVERITY_RANK} DESC, ${CONFIDENCE_RANK} DESC, finding.rowid LIMIT ?`;
  return db
    .prepare(sql)
    .safeIntegers()
    .all(run, limit)
    .map(row => findingRow(row as Parameters<typeof findingRow>[0]));
}

/** The worst severity that a run stored, or undefined when it found nothing. */
export function worstSeverity(db: Database, run: number): Severity | undefined {
  const sql = `SELECT max(${SEVERITY_RANK}) FROM finding WHERE run_id = ?`;
  const worst = db.prepare(sql).pluck().get(run) as number | null;
  return worst === null ? undefined : SEVERITIES[worst];
}
