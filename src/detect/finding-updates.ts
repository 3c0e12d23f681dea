/**
 * Changes to findings that may be revised, collected until somebody takes them: findings of stories (story-findings.ts)
 * and verdicts on the whole run (verdicts.ts). Also: which change is worth telling.
 */
import type { Finding } from './finding.ts';

export interface FindingUpdates {
  /** Told for the first time, or anew because it weighs otherwise: it takes the place of what was told under its id. */
  fresh: Finding[];
  /** To be changed in place: only figures are others. */
  changed: Finding[];
  /** Ids of what does not hold any more. They were told before, except with what has just come and gone. */
  gone: string[];
  /** Ids of what stays as it is: it will not be named again. */
  settled: string[];
}

/** Of a finding that is revised again and again before the news are taken, the last word counts. */
export class PendingUpdates {
  private readonly fresh = new Map<string, Finding>();
  private readonly changed = new Map<string, Finding>();
  private gone: string[] = [];
  private settled: string[] = [];

  tell(finding: Finding): void {
    this.changed.delete(finding.id);
    this.fresh.set(finding.id, finding);
  }

  change(finding: Finding): void {
    (this.fresh.has(finding.id) ? this.fresh : this.changed).set(finding.id, finding);
  }

  takeBack(id: string): void {
    this.changed.delete(id);
    // Nobody has heard of what has just been told: but it may have been told before that as well.
    this.fresh.delete(id);
    this.gone.push(id);
  }

  settle(id: string): void {
    this.settled.push(id);
  }

  isFresh(id: string): boolean {
    return this.fresh.has(id);
  }

  take(): FindingUpdates {
    const news = {
      fresh: [...this.fresh.values()],
      changed: [...this.changed.values()],
      gone: this.gone,
      settled: this.settled,
    };
    this.fresh.clear();
    this.changed.clear();
    this.gone = [];
    this.settled = [];
    return news;
  }
}

export const isNothing = ({ fresh, changed, gone, settled }: FindingUpdates): boolean =>
  fresh.length + changed.length + gone.length + settled.length === 0;

/** With another weight it is another finding, not only one with other figures. Evidence that a rule has not is empty. */
export function weightOf({
  severity,
  confidence,
  evidence,
}: Pick<Finding, 'severity' | 'confidence' | 'evidence'>): string {
  const { class: kind, cause, outcome, effect, hints, regime, signs } = evidence;
  return [severity, confidence, kind, cause, outcome, effect, hints, regime, signs].join(' ');
}

/** The title says something else, not only of other figures: in other words, in which a list of figures counts as one. */
export const saysOtherwise = (title: string, before: string): boolean =>
  title !== before && wordsOf(title) !== wordsOf(before);

const FIGURE = String.raw`\d[\d.,:]*(?: ?(?:ns|µs|ms|s|min|h|d|%)(?![a-z]))?`;
const FIGURES = new RegExp(`${FIGURE}(?:(?:,| and| of| to) ?${FIGURE})*`, 'g');

const wordsOf = (title: string): string => title.replace(FIGURES, '#');
