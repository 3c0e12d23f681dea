/** The rules by name: what --rule may choose. */
import { detectors } from '../detect/index.ts';
import { UsageError } from './exit.ts';

export interface RuleName {
  id: string;
  title: string;
}

export const rules = (): RuleName[] => detectors.map(({ meta }) => ({ id: meta.id, title: meta.title }));

/** `also` are rules that a database holds, perhaps from another version. */
export function refuseUnknownRules(chosen: readonly string[], also: readonly string[] = []): void {
  const known = [...new Set([...rules().map(rule => rule.id), ...also])];
  const unknown = chosen.filter(id => !known.includes(id));
  if (unknown.length > 0)
    throw new UsageError(`there is no rule ${unknown.join(', ')}; the rules are ${known.join(', ')}`);
}
