/** `adviceFor` takes the table of the finding's rule, chooses a row, and fills in its texts. */
import type { HostWord } from '../context/context.ts';
import type { Rule } from '../evidence.ts';
import { isRule } from '../index.ts';
import { type Advice, type EvidenceIn, hostWord, type RuleAdvice, refuted, rowOf, type Subject } from './advice.ts';
import { filler } from './fill.ts';
import { idleTimerAdvice } from './idle-timer.ts';
import { portExhaustionAdvice, timeWaitOverflowAdvice } from './occupancy.ts';
import { pawsDropAdvice } from './paws-drop.ts';
import { portReuseAdvice } from './port-reuse.ts';
import { recycleSignatureAdvice } from './recycle-signature.ts';
import { resetCloseAdvice } from './reset-close.ts';
import { revealedSettingAdvice } from './revealed-setting.ts';
import { recycleHazardAdvice, sharedAddressAdvice, timestampRegressAdvice } from './timestamps.ts';
import { unansweredDataAdvice } from './unanswered-data.ts';
import { unansweredSynAdvice } from './unanswered-syn.ts';

export const ADVICE: { readonly [R in Rule]: RuleAdvice<R> } = {
  'timestamp-regress': timestampRegressAdvice,
  'recycle-hazard': recycleHazardAdvice,
  'recycle-signature': recycleSignatureAdvice,
  'shared-address': sharedAddressAdvice,
  'port-reuse': portReuseAdvice,
  'reset-close': resetCloseAdvice,
  'idle-timer': idleTimerAdvice,
  'unanswered-syn': unansweredSynAdvice,
  'port-exhaustion': portExhaustionAdvice,
  'time-wait-overflow': timeWaitOverflowAdvice,
  'unanswered-data': unansweredDataAdvice,
  'paws-drop': pawsDropAdvice,
  'revealed-setting': revealedSettingAdvice,
};

/** Added if a finding does not prove its point. */
const WEAK = ' The evidence is weak.';
const WEAK_CHANGE = ' The evidence is weak: change nothing before one of the checks has confirmed it.';

/** What to do about a finding. */
export function adviceFor(subject: Subject): Advice {
  const { rule, confidence, evidence } = subject;
  if (!isRule(rule)) return unknownRule(rule);
  const table = ADVICE[rule] as RuleAdvice<Rule>;
  const row = rowOf(table, evidence as EvidenceIn<Rule>);
  const fill = filler(subject);
  const doNot = row.doNot === undefined ? table.doNot : `${row.doNot} ${table.doNot}`;
  const host = hostWord(evidence);
  const decided = host?.says === 'confirmed' || host?.says === 'cannot';
  const changes = refuted(evidence) ? [] : (row.change ?? []);
  const change = changes.map(({ what, risk }) => ({ what: fill(what), risk: fill(risk) }));
  const weak = confidence !== 'weak' ? '' : change.length === 0 ? WEAK : WEAK_CHANGE;
  return {
    meaning: fill(row.meaning) + weak + (decided ? sentenceOf(host) : ''),
    checks: row.checks
      .filter(({ collected }) => !(decided && collected === true))
      .map(({ where, command, expect }) => ({ where: fill(where), command: fill(command), expect: fill(expect) })),
    change,
    doNot: fill(doNot),
    askNext: fill(row.askNext),
  };
}

const sentenceOf = ({ host, end, says, why }: HostWord): string =>
  ` The ${end} itself (${host}) ${says === 'cannot' ? 'rules this out' : 'bears it out'}: ${why}.`;

/** For a finding that another version wrote into the database. */
const unknownRule = (rule: string): Advice => ({
  meaning: `A finding of the rule ${rule}, which this version does not know.`,
  checks: [],
  change: [],
  doNot: 'Never enable tcp_tw_recycle, and do not set tcp_timestamps to 0 as a cure.',
  askNext: 'The owner of the server.',
});

export type { Advice, Subject };
