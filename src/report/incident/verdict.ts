/**
 * What failed, why, whose side it is and what to change, for each of the worst causes: sentences whose numbers have a
 * denominator. A cause that is only worth knowing (`info`) gets none.
 */
import { adviceFor } from '../../detect/advice/index.ts';
import { detectors } from '../../detect/index.ts';
import type { FindingRow } from '../../store/rows.ts';
import type { Cause } from '../../store/summary.ts';
import { printable } from '../printable.ts';
import { counted, EVIDENCE, endpoint, thousands } from '../words.ts';

/** A cause, its worst finding, and what the scan of all findings counted of it. */
export interface CauseTold extends Cause {
  worst: FindingRow;
  /** How many of its findings say that the SYN was never answered. */
  unanswered: number;
  /** Of those that say whether. */
  answerable: number;
}

export interface Verdict {
  severity: string;
  /** `proved by its packets`. */
  confidence: string;
  /** What happened how often, out of how many. */
  text: string;
  /** The worst of them, in its own words. */
  worst: string;
  id: string;
  why: string;
  change: string;
  ask: string;
}

const MOST = 4;

export function verdicts(causes: readonly CauseTold[], flows: number, byRule: ReadonlyMap<string, number>): Verdict[] {
  return causes
    .filter(({ severity }) => severity !== 'info')
    .slice(0, MOST)
    .map(cause => {
      const advice = adviceFor(cause.worst);
      return {
        severity: cause.severity,
        confidence: EVIDENCE[cause.confidence],
        text: `${countText(cause, flows, byRule)} ${whoText(cause)}`,
        worst: printable(cause.worst.title),
        id: cause.worst.id,
        why: advice.meaning,
        change: advice.change[0]?.what ?? 'Nothing has to be changed for it.',
        ask: advice.askNext,
      };
    });
}

function countText(cause: CauseTold, flows: number, byRule: ReadonlyMap<string, number>): string {
  const { rule, count, worst } = cause;
  const seen = counted(flows, 'connection');
  const words = causeWords(cause);
  const ofRule = byRule.get(rule) ?? count;
  switch (rule) {
    case 'recycle-signature':
      return signatureText(worst, count);
    case 'timestamp-regress':
      return `${counted(count, 'SYN')} in ${seen} carried a timestamp behind one of the same address${fateText(cause)}.`;
    case 'recycle-hazard':
      return `${counted(count, 'SYN')} in ${seen} would be dropped by a server with tcp_tw_recycle${fateText(cause)}.`;
    case 'port-reuse':
      return `${thousands(count)} of ${counted(ofRule, 'reuse')} of a port within 2 MSL, in ${seen}: ${words}.`;
    case 'reset-close':
      return `${thousands(count)} of ${thousands(ofRule)} RSTs told, in ${seen}: ${words}.`;
    default:
      return `${counted(count, 'finding')} in ${seen}: ${ruleTitle(rule)}${words === '' ? '' : ` (${words})`}.`;
  }
}

/** Its evidence counts the attempts themselves. */
function signatureText({ evidence, client, server, server_port }: FindingRow, count: number): string {
  const figure = (key: string): number => (typeof evidence[key] === 'number' ? evidence[key] : 0);
  const behind = figure('bad_unanswered') + figure('bad_answered');
  const others = figure('good_answered') + figure('good_unanswered');
  const failed = figure('bad_unanswered') + figure('good_unanswered');
  const more = count > 1 ? ` The same holds for ${counted(count - 1, 'more pair')} of hosts.` : '';
  return (
    `${thousands(failed)} of ${counted(behind + others, 'connection attempt')} from ${client} to ` +
    `${endpoint(server, server_port)} went unanswered: ${thousands(figure('bad_unanswered'))} of the ` +
    `${thousands(behind)} whose timestamp is behind, ${thousands(figure('good_unanswered'))} of the ` +
    `${thousands(others)} others.${more}`
  );
}

const fateText = ({ unanswered, answerable }: CauseTold): string =>
  answerable === 0 ? '' : `; ${thousands(unanswered)} of ${thousands(answerable)} were never answered`;

function whoText({ rule, pairs, pairCount, count }: CauseTold): string {
  if (rule === 'recycle-signature') return '';
  const [first] = pairs;
  if (pairCount === 1) return `From ${first.client} to ${first.server}.`;
  return `Between ${counted(pairCount, 'pair')} of hosts; most, ${thousands(first.count)} of ${thousands(count)}, from ${first.client} to ${first.server}.`;
}

/** `in-time-wait accepted`: words of the evidence, told apart by commas. */
export const causeWords = ({ cause }: Pick<Cause, 'cause'>): string => printable(cause).replaceAll(' ', ', ');

export const ruleTitle = (rule: string): string =>
  detectors.find(({ meta }) => meta.id === rule)?.meta.title ?? printable(rule);
