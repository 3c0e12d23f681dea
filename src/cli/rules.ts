/** The names of the rules, which --rule selects from. */
import { didYouMean } from '../base/did-you-mean.ts';
import { detectors } from '../detect/index.ts';
import { UsageError } from './exit.ts';

export interface RuleName {
  id: string;
  title: string;
}

export const rules = (): RuleName[] => detectors.map(({ meta }) => ({ id: meta.id, title: meta.title }));

/** `also`: rules that a database has, perhaps written by another version. */
export function refuseUnknownRules(chosen: readonly string[], also: readonly string[] = []): void {
  const known = [...new Set([...rules().map(rule => rule.id), ...also])];
  const unknown = chosen.filter(id => !known.includes(id));
  const [first] = unknown;
  if (first === undefined) return;
  const meant = unknown.length === 1 ? didYouMean(first, known) : undefined;
  const hint = meant ?? `the rules are ${known.join(', ')}`;
  throw new UsageError(`there is no rule ${unknown.join(', ')}; ${hint}`);
}
