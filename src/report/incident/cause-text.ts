/**
 * Causes in words. A cause is made of a few values of the evidence (store/summary.ts), which are those of its worst
 * finding as well. A rule, class, cause or setting without words here does not compile.
 */
import type { CauseName } from '../../detect/attempts/cause.ts';
import type { Regime } from '../../detect/clocks/clock-verdict.ts';
import type { PawsDropEvidence } from '../../detect/paws-drop.ts';
import type { PortReuseEvidence } from '../../detect/port-reuse.ts';
import { outcomeWords } from '../../detect/reuse/outcome.ts';
import type { RevealedSettingEvidence } from '../../detect/revealed-setting.ts';
import type { UnansweredSynEvidence } from '../../detect/unanswered-syn.ts';
import type { ResetClass } from '../../flow/resets.ts';
import type { UnackedClass } from '../../flow/stories/unacknowledged.ts';
import type { FindingOf, FindingRow } from '../../store/rows.ts';
import { type ByRule, ofRule } from '../by-rule.ts';

/** What a SYN did not get an answer for, or got it late. */
const REASONS: Readonly<Record<CauseName | NonNullable<UnansweredSynEvidence['seen']>, string>> = {
  'time-wait': 'an older connection of the same ports was in the way',
  'per-host-paws': 'the rule of tcp_tw_recycle',
  'accept-queue': 'a full accept queue, or a path that drops what clients send',
  'path-loss': 'packets were lost on the path',
  'one-way-capture': 'only one direction was captured, so perhaps they were answered',
  'old-connection': 'the server still had an older connection of the same ports open',
  'old-attempt': 'the server still waited for the handshake of an older attempt from the same ports',
  refused: 'nothing listened, after an older connection of the same ports had answered',
  'foreign-ack': 'an older connection of the same ports answered, though with numbers of none that was captured',
  'foreign-syn-ack': 'a SYN-ACK that acknowledges another number came back, as devices send that test clients',
  'held-back': 'something on the way held SYNs back, and lost none',
  'late-answer': 'the server had the first SYN, and its answer came late',
  'syn-cookie': 'the queues of the server were full, so that it answered with SYN cookies',
  icmp: 'not delivered, as ICMP errors say that quote them',
  'syn-differs': 'something that drops SYNs like these, or the rule of tcp_tw_recycle, which drops just them as well',
  'syn-changed': 'something on the way that drops SYNs for what they carry',
  'first-syn': 'something on the way that drops the first SYN of each connection',
  'first-or-changed': 'something on the way that drops SYNs for what they carry, or the first one of each connection',
  'tuple-held': 'a balancer or firewall that still held the old connection of the same ports',
  'no-ack': 'packets were lost or dropped between here and the client, as no ACK came back to the first SYN-ACKs',
  'not-heard': 'the answer did not come through to the client on its own host',
  'not-captured': 'the answer is missing from this capture, as the clients went on',
  'syn-not-captured': 'the SYN that was answered is missing from this capture',
  unknown: 'why is not known',
};

const REFUTED = 'the rule of tcp_tw_recycle fits, but the context of the server rules it out';

/** Says `likely` unless the worst finding is proved: if it is not, no other finding of the cause is. */
function reasonText({ evidence, confidence }: FindingOf<'unanswered-syn'>): string {
  const { cause, seen, context } = evidence;
  if (cause === 'per-host-paws' && context?.says === 'cannot') return REFUTED;
  const name = seen ?? cause;
  const isKnown = name !== 'unknown' && name !== 'one-way-capture';
  return `${isKnown && confidence !== 'proof' ? 'likely ' : ''}${REASONS[name]}`;
}

/** What the RSTs meant. Only causes of aborts are also told apart by whose address they carry. */
const RESETS: Readonly<Record<ResetClass, string>> = {
  refused: 'connection refused',
  'answer-to-old-ack': 'the client resets, as an ACK of an older connection answered its SYN',
  'client-abort-syn': 'the client resets after its SYN, before any answer in this capture',
  'unsolicited-synack': 'a SYN-ACK is reset for which this capture has no SYN',
  'handshake-abort': 'a reset before the connection is in use',
  'tw-assassination': "an RST at its expected number meets the other end's TIME_WAIT",
  'tw-ignored': "an RST that the other end's TIME_WAIT should ignore",
  'tw-missing': 'an end that should be in TIME_WAIT answers a repeated FIN with RST',
  'after-close': 'an RST after the connection was closed',
  repeat: 'further RSTs of a connection already reset',
  challenged: 'an RST inside the window but not at the expected number',
  ineffective: 'an RST outside the window',
  'after-own-fin': 'an end resets after its own FIN',
  'abort-after-peer-fin': "an end resets after the other end's FIN",
  abort: 'an abort of an open connection',
  'no-state': 'an end likely has no such connection, or no longer',
  'no-flow': 'an RST of a connection of which this capture shows nothing else',
};

const REUSES: Readonly<Record<PortReuseEvidence['class'], string>> = {
  'in-time-wait': 'in TIME_WAIT',
  grace: 'at the very end of TIME_WAIT',
  'after-time-wait': 'when the TIME_WAIT should be over',
  closed: 'after a close that left no TIME_WAIT',
  'half-closed': 'with the old connection half closed',
  'after-rst': 'after a reset',
  open: 'with the old connection still open',
  'unknown-close': 'after a connection whose close this capture does not show',
  'syn-sent': 'after a handshake that was never completed',
};

function reuseText({ evidence, confidence }: FindingOf<'port-reuse'>): string {
  const { class: kind, outcome } = evidence;
  const isAssumed = confidence !== 'proof' && (kind === 'in-time-wait' || kind === 'grace');
  return `${isAssumed ? 'likely ' : ''}${REUSES[kind]}, ${outcomeWords(outcome)}`;
}

const CLOCKS: Readonly<Record<Regime, string>> = {
  single: 'one clock',
  interleaved: 'several clocks at a time',
  'per-connection': 'a clock for each connection',
  restart: 'a clock that began anew',
  none: 'no clock that its packets show',
};

const UNACKNOWLEDGED: Readonly<Record<UnackedClass, string>> = {
  silent: 'never answered',
  recovered: 'answered late',
  'not-acknowledged': 'not acknowledged, although other packets arrive',
  'answers-lost': 'acknowledged, and sent again all the same',
};

const OLD_SEGMENTS: Readonly<Record<PawsDropEvidence['class'], string>> = {
  duplicate: 'copies of data that had arrived',
  'old-duplicate': 'old copies, and nothing is lost',
  reordered: 'overtaken by what was sent later',
  'clock-back': 'a clock that went back, or another clock',
};

function settingText({ setting, value }: RevealedSettingEvidence): string {
  if (setting === 'time-wait') return `a TIME_WAIT of more than ${value} s`;
  return typeof value === 'number' ? `${setting} = ${value}` : setting;
}

const CAUSES: ByRule<string> = {
  'timestamp-regress': ({ evidence }) => (evidence.regime === undefined ? '' : CLOCKS[evidence.regime]),
  'recycle-hazard': () => '',
  'recycle-signature': () => '',
  'shared-address': ({ evidence }) => CLOCKS[evidence.regime],
  'unanswered-syn': reasonText,
  'port-reuse': reuseText,
  'reset-close': ({ evidence: { class: kind, from } }) =>
    kind === 'abort' ? `${RESETS.abort} from the ${from}'s address` : RESETS[kind],
  'idle-timer': () => '',
  'unanswered-data': ({ evidence }) => UNACKNOWLEDGED[evidence.class],
  'paws-drop': ({ evidence }) => OLD_SEGMENTS[evidence.class],
  'revealed-setting': ({ evidence }) => settingText(evidence),
  'port-exhaustion': () => '',
  'time-wait-overflow': () => '',
};

/** For example `in TIME_WAIT, answered with an ACK of the old connection`; empty if its rule says it all. */
export const causeText = (worst: FindingRow): string => ofRule(CAUSES, worst) ?? '';
