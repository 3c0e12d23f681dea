/** The first sentence of a verdict: what happened, how often, and out of how many. */
import type { FindingOf } from '../../store/rows.ts';
import { type ByRule, ofRule } from '../by-rule.ts';
import { printable } from '../printable.ts';
import { counted, endpoint, thousands } from '../words.ts';
import { causeText } from './cause-text.ts';
import type { ReportedCause, RuleCount } from './verdict.ts';

interface Counts {
  /** Findings of the cause, and of the rule. */
  count: number;
  all: number;
  /** For example `at least 3`. */
  atLeast: string;
  /** The connections of the run, such as `12 connections`. */
  seen: string;
  /** The cause in words. */
  words: string;
  /** How many of the SYNs were never answered, as far as their findings say. */
  fate: string;
}

export function headline(cause: ReportedCause, flows: number, ofAll: RuleCount | undefined): string {
  const { count, worst, unanswered, answerable } = cause;
  const all = ofAll?.all ?? count;
  // Findings beyond the limit on stored ones are counted by rule only, not by cause.
  const least = all > (ofAll?.stored ?? count) ? 'at least ' : '';
  const seen = counted(flows, 'connection');
  const fate = answerable === 0 ? '' : `; ${thousands(unanswered)} of ${thousands(answerable)} were never answered`;
  const counts = { count, all, atLeast: least + thousands(count), seen, words: causeText(worst), fate };
  return (
    ofRule(HEADLINES, worst, counts) ?? `${counts.atLeast} finding${s(count)} of ${printable(worst.rule)} in ${seen}.`
  );
}

const s = (n: number): string => (n === 1 ? '' : 's');

const HEADLINES: ByRule<string, [Counts]> = {
  'timestamp-regress': (_, { atLeast, count, seen, fate }) =>
    `${atLeast} SYN${s(count)} in ${seen} carried a timestamp behind one of the same address${fate}.`,
  'recycle-hazard': (_, { atLeast, count, seen, fate }) =>
    `${atLeast} SYN${s(count)} in ${seen} would be dropped by a server with tcp_tw_recycle${fate}.`,
  'recycle-signature': signature,
  'shared-address': (_, { atLeast, count, seen, words }) =>
    `${atLeast} pair${s(count)} of hosts in ${seen} where the client's address shows ${words}.`,
  'unanswered-syn': (_, { atLeast, seen, words }) =>
    `${atLeast} of ${seen} had a SYN that was answered late or never: ${words}.`,
  'port-reuse': (_, { atLeast, all, seen, words }) =>
    `${atLeast} of ${counted(all, 'reuse')} of a port within 2 MSL, in ${seen}: ${words}.`,
  'reset-close': (_, { atLeast, all, seen, words }) =>
    `${atLeast} of the ${counted(all, 'RST')} found, in ${seen}: ${words}.`,
  'idle-timer': (_, { atLeast, count, seen }) =>
    `${atLeast} time${s(count)}, in ${seen}, several connections were reset after the same silence, as by an idle timer.`,
  'unanswered-data': (_, { atLeast, count, seen, words }) =>
    `${atLeast} time${s(count)} in ${seen} something was sent again and again: ${words}.`,
  'paws-drop': (_, { atLeast, count, seen, words }) =>
    `${atLeast} time${s(count)} in ${seen} segments were too old for PAWS: ${words}.`,
  'revealed-setting': (_, { atLeast, count, seen, words }) =>
    `${atLeast} time${s(count)} in ${seen} the packets reveal a setting: ${words}.`,
  'port-exhaustion': (_, { atLeast, count, seen }) =>
    `${atLeast} time${s(count)}, in ${seen}, a client's ports towards one server port were used up or came close to it.`,
  'time-wait-overflow': (_, { atLeast, count, seen }) =>
    `${atLeast} time${s(count)}, in ${seen}, a table of TIME_WAITs was full, most likely.`,
};

/** The evidence of recycle-signature counts the attempts itself. */
function signature(
  { evidence, client, server, server_port }: FindingOf<'recycle-signature'>,
  { count }: Counts,
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
