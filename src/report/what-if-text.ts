/** What the machine of --profile and --sysctl would have done with the SYNs of a run, in numbers. */
import { wrap } from './columns.ts';
import { printable } from './printable.ts';
import type { Summary } from './summary.ts';
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
  const told = Object.entries(FATES).map(([fate, words]) => ({ words, n: tally[`what-if.${fate}`] ?? 0 }));
  const syns = told.reduce((sum, { n }) => sum + n, 0);
  const others = told.slice(1).filter(({ n }) => n > 0);
  const first = `${thousands(told[0].n)} of ${counted(syns, 'SYN')} would be dropped`;
  const text = [`With ${printable(machine)}: ${first}`, ...others.map(({ words, n }) => `${thousands(n)} ${words}`)];
  return wrap(`${text.join(', ')}.`, width, '  ');
}
