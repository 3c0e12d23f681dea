/**
 * Says what the machine of --profile and --sysctl would have done: with the SYNs of a run in numbers, and with one
 * packet.
 */
import { wrap } from './columns.ts';
import { printable } from './printable.ts';
import type { Summary } from './summary/summary.ts';
import { counted, thousands } from './words.ts';

const FATES: Readonly<Record<string, string>> = {
  drop: 'dropped',
  'challenge-ack': 'answered with an ACK of an older connection',
  refuse: 'refused',
  reset: 'taken for a reset of an older connection',
  accept: 'accepted',
  undecided: 'accepted or not: the packets do not show what it depends on',
};

export function whatIfLines({ run, tally }: Summary, width: number): string[] {
  const machine = run.options.what_if;
  if (typeof machine !== 'string') return [];
  const counts = Object.entries(FATES).map(([fate, words]) => ({ words, n: tally[`what-if.${fate}`] ?? 0 }));
  const syns = counts.reduce((sum, { n }) => sum + n, 0);
  const others = counts.slice(1).filter(({ n }) => n > 0);
  const first = `${thousands(counts[0].n)} of ${counted(syns, 'SYN')} would be dropped`;
  const text = [`With ${printable(machine)}: ${first}`, ...others.map(({ words, n }) => `${thousands(n)} ${words}`)];
  return wrap(`${text.join(', ')}.`, width, '  ');
}

/** Verdicts on an RST, a full accept queue or an old segment; FATES has those on a SYN. */
const LATER: Readonly<Record<string, string>> = {
  drop: 'the segment would be dropped',
  accept: 'the segment would be taken',
  reset: 'the connection would be reset',
  ignored: 'the RST would be ignored',
  'challenge-ack': 'the RST would be answered with a challenge ACK, and the connection would live on',
  'ends-time-wait': 'the RST would end the TIME_WAIT',
  answered: 'the TIME_WAIT would be there, and answer the repeated FIN with an ACK',
  'syn-ack-again': 'no RST would be sent: the SYN-ACK would be sent again',
  undecided: 'the packets do not show what the answer depends on',
};

const RULES: Readonly<Record<string, string>> = {
  listener: 'by the listener',
  'per-host-paws': 'by the per-host check of tcp_tw_recycle',
  'time-wait': 'by the TIME_WAIT of its tuple',
  'half-closed': 'by the old connection, which is half closed',
  open: 'by the old connection, which is still open',
  handshake: 'by the older attempt on its tuple',
  'unknown-close': 'by what the old connection left behind, which is not known',
};

const REUSE: Readonly<Record<string, string>> = {
  yes: 'tcp_tw_reuse would let the client take its own TIME_WAIT over.',
  no: 'The client could not take its own TIME_WAIT over.',
  phase: 'Whether the client could take its own TIME_WAIT over depends on the phase of a one-second clock.',
};

/** The evidence `what_if` of a finding (docs/rules.md D5), in a sentence or two. */
export function whatIfSentence({ verdict, rule, tw_reuse: reuse }: Readonly<Record<string, unknown>>): string {
  const sentence = rule === undefined ? laterSentence(String(verdict)) : synSentence(String(verdict), String(rule));
  return printable([sentence, ...(reuse === undefined ? [] : [REUSE[String(reuse)] ?? String(reuse)])].join(' '));
}

function synSentence(verdict: string, rule: string): string {
  const by = RULES[rule] ?? rule;
  if (verdict === 'undecided')
    return `Whether the SYN would be accepted is decided ${by}; the packets do not show how.`;
  return `The SYN would be ${FATES[verdict] ?? verdict}, ${by}.`;
}

function laterSentence(verdict: string): string {
  const fate = LATER[verdict] ?? verdict;
  return `${fate[0].toUpperCase()}${fate.slice(1)}.`;
}
