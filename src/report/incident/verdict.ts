/**
 * For each of the worst causes: what failed, why, on whose side, and what to change, in sentences whose numbers have a
 * denominator. Causes of severity `info` get no verdict, those of `notice` only if there is no worse cause.
 */
import { adviceFor } from '../../detect/advice/index.ts';
import { detectors } from '../../detect/index.ts';
import type { FindingOf, FindingRow } from '../../store/rows.ts';
import type { Cause } from '../../store/summary.ts';
import { printable } from '../printable.ts';
import { counted, EVIDENCE, endpoint, thousands } from '../words.ts';

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
  /** Title of the worst finding. */
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
      confidence: `${cause.count > 1 ? 'the worst: ' : ''}${EVIDENCE[cause.confidence]}`,
      text: sentence(`${countText(cause, flows, byRule.get(cause.rule))} ${whoText(cause)}`),
      worst: printable(cause.worst.title),
      id: cause.worst.id,
      why: advice.meaning,
      change: advice.change[0]?.what ?? (isFault(cause) ? UNCHANGED_YET : 'Nothing has to be changed for it.'),
      ask: advice.askNext,
    };
  });
}

/** The values of `cause` or `seen` of unanswered-syn, in words. */
const REASONS: Readonly<Record<string, string>> = {
  'time-wait': 'an older connection of the same ports was in the way',
  'per-host-paws': 'the rule of tcp_tw_recycle',
  'accept-queue': 'a full accept queue, or a path that drops what clients send',
  'path-loss': 'packets were lost on the path',
  'one-way-capture': 'only one direction was captured, so perhaps they were answered',
  'old-connection': 'the server still had an older connection of the same ports open',
  'old-attempt': 'the server still waited for the handshake of an older attempt from the same ports',
  refused: 'nothing listened, most likely, after an older connection of the same ports had answered',
  'foreign-syn-ack': 'a SYN-ACK that acknowledges another number came back, as devices send that test clients',
  'held-back': 'something on the way held SYNs back, and lost none',
  'late-answer': 'the server had the first SYN, and its answer came late',
  icmp: 'not delivered, as ICMP errors say that quote them',
  'syn-differs': 'something that drops SYNs like these, or the rule of tcp_tw_recycle, which drops just them as well',
  'syn-changed': 'something on the way that drops SYNs for what they carry',
  'first-syn': 'something on the way that drops the first SYN of each connection',
  'first-or-changed': 'something on the way that drops SYNs for what they carry, or the first one of each connection',
  'tuple-held': 'a balancer or firewall that still held the old connection of the same ports',
  'no-ack': 'packets were lost or dropped between here and the client, as nothing came back to the SYN-ACK',
  'not-heard': 'the answer did not come through to the client on its own host',
  unknown: 'why is not known',
};

const REFUTED = 'the rule of tcp_tw_recycle fits, but the context of the server rules it out';

/** Says `likely` unless the worst finding is proved: if it is not, no other finding of the cause is. */
function reasonText(cause: ReportedCause): string {
  if (cause.cause === 'per-host-paws' && cause.worst.evidence.context?.says === 'cannot') return REFUTED;
  const isKnown = cause.cause !== 'unknown' && cause.cause !== 'one-way-capture';
  return `${isKnown && cause.confidence !== 'proof' ? 'likely ' : ''}${REASONS[cause.cause] ?? causeWords(cause)}`;
}

const sentence = (text: string): string => (text[0].toUpperCase() + text.slice(1)).trim();

function countText(cause: ReportedCause, flows: number, ofRule: RuleCount | undefined): string {
  const { rule, count, worst } = cause;
  const all = ofRule?.all ?? count;
  // Findings beyond the limit on stored ones are counted by rule only, not by cause.
  const least = all > (ofRule?.stored ?? count) ? 'at least ' : '';
  const seen = counted(flows, 'connection');
  const words = causeWords(cause);
  if (worst.rule === 'recycle-signature') return signatureText(worst, count);
  switch (rule) {
    case 'timestamp-regress':
      return `${least}${counted(count, 'SYN')} in ${seen} carried a timestamp behind one of the same address${fateText(cause)}.`;
    case 'recycle-hazard':
      return `${least}${counted(count, 'SYN')} in ${seen} would be dropped by a server with tcp_tw_recycle${fateText(cause)}.`;
    case 'port-reuse':
      return `${least}${thousands(count)} of ${counted(all, 'reuse')} of a port within 2 MSL, in ${seen}: ${words}.`;
    case 'reset-close':
      return `${least}${thousands(count)} of the ${counted(all, 'RST')} found, in ${seen}: ${words}.`;
    case 'unanswered-syn':
      return `${least}${thousands(count)} of ${seen} had a SYN that was answered late or never: ${reasonText(cause)}.`;
    default:
      return `${least}${counted(count, 'finding')} of ${rule}${words === '' ? '' : ` (${words})`} in ${seen}.`;
  }
}

/** The evidence of recycle-signature counts the attempts itself. */
function signatureText(
  { evidence, client, server, server_port }: FindingOf<'recycle-signature'>,
  count: number,
): string {
  const behind = evidence.bad_unanswered + evidence.bad_answered;
  const others = evidence.good_answered + evidence.good_unanswered;
  const failed = evidence.bad_unanswered + evidence.good_unanswered;
  const more = count > 1 ? ` The same holds for ${counted(count - 1, 'more pair')} of hosts.` : '';
  return (
    `${thousands(failed)} of ${counted(behind + others, 'connection attempt')} from ${client} to ` +
    `${endpoint(server, server_port)} went unanswered: ${thousands(evidence.bad_unanswered)} of the ` +
    `${thousands(behind)} whose timestamp is behind, ${thousands(evidence.good_unanswered)} of the ` +
    `${thousands(others)} others.${more}`
  );
}

const fateText = ({ unanswered, answerable }: ReportedCause): string =>
  answerable === 0 ? '' : `; ${thousands(unanswered)} of ${thousands(answerable)} were never answered`;

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

export const ruleTitle = (rule: string): string =>
  detectors.find(({ meta }) => meta.id === rule)?.meta.title ?? printable(rule);
