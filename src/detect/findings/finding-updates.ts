/**
 * Changes to findings that may be revised, collected until somebody takes them. They come from the findings of stories
 * (story-findings.ts) and from verdicts on the whole run (verdicts.ts). This file also decides which changes are worth
 * reporting.
 */
import type { Finding } from '../finding.ts';

export interface FindingUpdates {
  /** Reported for the first time, or again because its weight has changed. It replaces what was reported under its id. */
  fresh: Finding[];
  /** To be changed in place: only figures have changed. */
  changed: Finding[];
  /** Ids of findings that no longer hold. They were reported before, unless they came and went since the last `take`. */
  gone: string[];
  /** Ids of findings that are final: they will not be named again. */
  settled: string[];
}

/** If a finding is revised several times before the updates are taken, only the last revision counts. */
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
    // A fresh finding that nobody has taken yet can simply be dropped. But its id may have been reported earlier as
    // well, so it is listed in any case.
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

/**
 * With another weight it is a different finding, not only one with other figures. Keys that a rule does not have are
 * empty.
 */
export function weightOf({
  severity,
  confidence,
  evidence,
}: Pick<Finding, 'severity' | 'confidence' | 'evidence'>): string {
  const { class: kind, cause, outcome, effect, hints, regime, signs } = evidence;
  return [severity, confidence, kind, cause, outcome, effect, hints, regime, signs].join(' ');
}

/**
 * Whether the title says something else, beyond other figures. Only the words are compared, and a list of figures
 * counts as one.
 */
export const saysOtherwise = (title: string, before: string): boolean =>
  title !== before && wordsOf(title) !== wordsOf(before);

const FIGURE = String.raw`\d[\d.,:]*(?: ?(?:ns|µs|ms|s|min|h|d|%)(?![a-z]))?`;
const FIGURES = new RegExp(`${FIGURE}(?:(?:,| and| of| to) ?${FIGURE})*`, 'g');

const wordsOf = (title: string): string => title.replace(FIGURES, '#');
