/** Compares two runs by cause: what is gone, what is new, and how often each cause occurred before and after. */
import type { Severity } from '../../detect/finding.ts';
import type { Tally } from '../../shard/tally.ts';
import type { Cause } from '../../store/summary.ts';
import { counted, thousands } from '../words.ts';
import { causeTitle } from './verdict.ts';

/** The part of a run that is compared. */
export interface Side {
  /** Name of its database. */
  name: string;
  run: number;
  causes: readonly Pick<Cause, 'rule' | 'cause' | 'severity' | 'count'>[];
  tally: Readonly<Tally>;
}

export interface Comparison {
  before: { name: string; run: number; flows: number };
  after: { name: string; run: number; flows: number };
  /** Causes that are gone, then new ones, then those in both; each group worst first. */
  rows: ComparedCause[];
}

interface ComparedCause {
  rule: string;
  cause: string;
  severity: Severity;
  before: number;
  after: number;
  /** `more` and `less` compare rates; `same` is a difference of at most a tenth. */
  change: 'gone' | 'new' | 'more' | 'less' | 'same';
}

const ORDER = ['gone', 'new', 'more', 'less', 'same'] as const;
/** Rates that differ by no more than this fraction count as the same. */
const TOLERANCE = 0.1;

export function compare(before: Side, after: Side): Comparison {
  const flows = { before: before.tally.flows ?? 0, after: after.tally.flows ?? 0 };
  const rows = new Map<string, ComparedCause>();
  for (const { rule, cause, severity, count } of after.causes) {
    rows.set(`${rule} ${cause}`, { rule, cause, severity, before: 0, after: count, change: 'new' });
  }
  for (const { rule, cause, severity, count } of before.causes) {
    const key = `${rule} ${cause}`;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { rule, cause, severity, before: count, after: 0, change: 'gone' });
    else
      Object.assign(row, { before: count, change: changeOf(rate(count, flows.before), rate(row.after, flows.after)) });
  }
  // The causes of both sides are sorted worst first, and sort() is stable.
  const sorted = [...rows.values()].sort((a, b) => ORDER.indexOf(a.change) - ORDER.indexOf(b.change));
  const side = ({ name, run }: Side, n: number) => ({ name, run, flows: n });
  return { before: side(before, flows.before), after: side(after, flows.after), rows: sorted };
}

function changeOf(before: number, after: number): ComparedCause['change'] {
  if (Math.abs(after - before) <= TOLERANCE * before) return 'same';
  return after > before ? 'more' : 'less';
}

/** Occurrences in 1,000 connections. */
const rate = (count: number, flows: number): number => (flows === 0 ? 0 : (1000 * count) / flows);

export const rateText = (count: number, flows: number): string =>
  flows === 0 ? '-' : rate(count, flows).toFixed(rate(count, flows) < 10 ? 2 : 0);

/** Text about what the table means and what it does not. */
export function comparedText({ before, after, rows }: Comparison): string {
  const count = (change: ComparedCause['change']): string =>
    thousands(rows.filter(row => row.change === change).length);
  return (
    `${counted(rows.length, 'cause')}; gone: ${count('gone')}, new: ${count('new')}, more often: ${count('more')}, less ` +
    `often: ${count('less')}. Before: ${counted(before.flows, 'connection')} (run ${before.run} of ${before.name}); ` +
    `after: ${thousands(after.flows)} (run ${after.run} of ${after.name}). That a cause is gone does not prove that it is ` +
    'cured: the capture must have met the same traffic for as long.'
  );
}

/** Header and cells of the table, for all formats. */
export const COMPARED_HEAD = ['', 'severity', 'cause', 'before', 'in 1,000', 'after', 'in 1,000'] as const;

export const comparedCells = ({ before, after, rows }: Comparison): string[][] =>
  rows.map(row => [
    row.change,
    row.severity,
    causeTitle(row),
    thousands(row.before),
    rateText(row.before, before.flows),
    thousands(row.after),
    rateText(row.after, after.flows),
  ]);
