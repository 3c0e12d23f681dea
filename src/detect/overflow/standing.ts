/** How many TIME_WAITs a host has at each second of the run (docs/rules.md D4, F11). */

/** How often a host answered a FIN by an RST where it should have held a TIME_WAIT, and in which seconds of the run. */
export interface AnsweredFins {
  ownerIsClient: boolean;
  count: number;
  seconds: readonly number[];
  /** Its TIME_WAITs that have not been reported yet: by how many their number changes in which seconds. */
  standing: readonly (readonly [second: number, change: number])[];
  /** The same for those that have shown themselves (time-wait.ts, showsBucket). */
  shown: readonly (readonly [second: number, change: number])[];
}

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
