/** Counters by name that can be added: the sums do not depend on the number or order of shards, slabs and captures. */
export type Tally = Record<string, number>;

export function count(tally: Tally, name: string, n = 1): void {
  tally[name] = (tally[name] ?? 0) + n;
}

/** The same for what few runs have: a counter that is 0 is left out. */
export function countAny(tally: Tally, name: string, n: number): void {
  if (n > 0) count(tally, name, n);
}

export function merge(into: Tally, from: Readonly<Tally>): Tally {
  for (const [name, n] of Object.entries(from)) count(into, name, n);
  return into;
}

/** The counters whose names begin with `prefix`, as [rest of name, count], largest first. */
export const named = (tally: Readonly<Tally>, prefix: string): [string, number][] =>
  Object.entries(tally)
    .filter(([name, n]) => name.startsWith(prefix) && n > 0)
    .map(([name, n]): [string, number] => [name.slice(prefix.length), n])
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));

/** Whether something was evicted for lack of memory. */
export const hasEvictions = (tally: Readonly<Tally>): boolean =>
  Object.entries(tally).some(([name, n]) => n > 0 && name.startsWith('evicted.'));
