/** How many TIME_WAITs a host has at each second of the run (docs/rules.md D4, F11). */
import type { AnsweredFins } from '../detector.ts';

/** TIME_WAITs of one owner, towards one peer or all: how many there are from each of these seconds on. */
export interface Standing {
  owner: string;
  seconds: readonly number[];
  open: readonly number[];
  /** Those of them that have shown themselves. */
  shown: Counts;
}

interface Counts {
  seconds: readonly number[];
  count: readonly number[];
}

export type Steps = readonly (readonly [second: number, open: number])[];

/** How many TIME_WAITs a host had, including those that still exist: [second, number] for each change, ascending. */
export function stepsOf(ended: readonly Counts[], standing: AnsweredFins['standing']): Steps {
  const changes = new Map<number, number>();
  for (const [second, change] of standing) changes.set(second, (changes.get(second) ?? 0) + change);
  for (const { seconds, count } of ended) {
    for (const [i, second] of seconds.entries()) {
      const change = count[i] - (count[i - 1] ?? 0);
      changes.set(second, (changes.get(second) ?? 0) + change);
    }
  }
  let open = 0;
  return [...changes].sort(([a], [b]) => a - b).map(([second, change]) => [second, (open += change)]);
}

export const openAt = (steps: Steps, second: number): number => steps.findLast(([from]) => from <= second)?.[1] ?? 0;
