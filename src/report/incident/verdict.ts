/**
 * For each of the worst causes: what failed, why, on whose side, and what to change, in sentences whose numbers have a
 * denominator. Causes of severity `info` get no verdict, those of `notice` only if there is no worse cause.
 */
import { adviceFor } from '../../detect/advice/index.ts';
import { detectors } from '../../detect/index.ts';
import type { FindingRow } from '../../store/rows.ts';
import type { Cause } from '../../store/summary.ts';
import { printable } from '../printable.ts';
import { connection, counted, evidenceText, thousands } from '../words.ts';
import { causeText } from './cause-text.ts';
import { headline } from './headline.ts';

/** A cause with its worst finding, and with what the scan of all findings counted. */
export interface ReportedCause extends Cause {
  worst: FindingRow;
  /** Number of its findings that say that the SYN was never answered. */
  unanswered: number;
  /** Number of its findings that say whether the SYN was answered. */
  answerable: number;
}

export interface Verdict {
  severity: string;
  /** For example `proved by its packets`; with several findings it is about the worst one. */
  confidence: string;
  /** What happened, how often, and out of how many. */
  text: string;
  /** Whether the worst finding is the only one, and its title. */
  isOnly: boolean;
  worst: string;
  id: string;
  why: string;
  change: string;
  ask: string;
}

const MAX_VERDICTS = 4;

/** For failed connections without a change that is known to help. */
const UNCHANGED_YET = 'Change nothing until the checks show more.';

/** Number of findings of a rule: stored, and in all. */
export interface RuleCount {
  stored: number;
  all: number;
}

export function verdicts(
  causes: readonly ReportedCause[],
  flows: number,
  byRule: ReadonlyMap<string, RuleCount>,
): Verdict[] {
  // Next to a fault, a notice is mostly one of its effects.
  const isFault = ({ severity }: ReportedCause): boolean => severity !== 'info' && severity !== 'notice';
  const faults = causes.some(isFault) ? causes.filter(isFault) : causes.filter(({ severity }) => severity === 'notice');
  return faults.slice(0, MAX_VERDICTS).map(cause => {
    const advice = adviceFor(cause.worst);
    return {
      severity: cause.severity,
      confidence: evidenceText(cause.worst),
      text: sentence(`${headline(cause, flows, byRule.get(cause.rule))} ${whoText(cause)}`),
      isOnly: cause.count === 1,
      worst: printable(cause.worst.title),
      id: cause.worst.id,
      why: advice.meaning,
      change: advice.change[0]?.what ?? (isFault(cause) ? UNCHANGED_YET : 'Nothing has to be changed for it.'),
      ask: advice.askNext,
    };
  });
}

const sentence = (text: string): string => (text[0].toUpperCase() + text.slice(1)).trim();

function whoText({ rule, pairs, pairCount, count }: ReportedCause): string {
  if (rule === 'recycle-signature') return '';
  const [first] = pairs;
  if (pairCount === 1) return `From ${first.client} to ${first.server}.`;
  return `Between ${counted(pairCount, 'pair')} of hosts; most, ${thousands(first.count)} of ${thousands(count)}, from ${first.client} to ${first.server}.`;
}

/** The words of a cause, such as `in-time-wait accepted`, separated by commas. */
export const causeWords = ({ cause }: Pick<Cause, 'cause'>): string => printable(cause).replaceAll(' ', ', ');

/** For example `Source port used again within 2 MSL: in-time-wait, accepted`. */
export const causeTitle = (cause: Pick<Cause, 'rule' | 'cause'>): string =>
  `${ruleTitle(cause.rule)}${cause.cause === '' ? '' : `: ${causeWords(cause)}`}`;

/** For example `Connection closed by RST: connection refused`, with the connection if the finding is the only one. */
export function causeHeading({ worst, count }: ReportedCause): string {
  const words = causeText(worst);
  return `${ruleTitle(worst.rule)}${words === '' ? '' : `: ${words}`}${count === 1 ? ` (${connection(worst)})` : ''}`;
}

export const ruleTitle = (rule: string): string =>
  detectors.find(({ meta }) => meta.id === rule)?.meta.title ?? printable(rule);
