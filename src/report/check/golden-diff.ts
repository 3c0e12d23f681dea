/**
 * Compares a golden with the findings of now. Findings are paired by id, and the remaining ones by their event: the id
 * of an event changes with its class, and "changed" is easier to read than "gone" and "added".
 */
import type { GoldenFinding } from './golden.ts';

/**
 * `key` is a path as jq writes it, such as `evidence.age` or `packets[2].tsval`; a value is undefined if the key is
 * absent.
 */
export interface KeyChange {
  key: string;
  was: unknown;
  is: unknown;
}

export type Change =
  | { kind: 'added' | 'gone'; finding: GoldenFinding }
  /** Its place in the order of the findings has changed. */
  | { kind: 'moved'; finding: GoldenFinding }
  /** `finding` is the new version. */
  | { kind: 'changed'; finding: GoldenFinding; keys: KeyChange[] };

/**
 * The changes in the order of the findings, with those that are gone where they were. Both arguments are as parsed from
 * JSON.
 */
export function goldenChanges(golden: readonly GoldenFinding[], found: readonly GoldenFinding[]): Change[] {
  const partners = pairs(golden, found);
  const kept = new Set(partners);
  const inOrder = longestRise(partners);
  const changes: Change[] = [];
  let next = 0;
  const passUntil = (end: number): void => {
    for (; next < end; next++) if (!kept.has(next)) changes.push({ kind: 'gone', finding: golden[next] });
  };
  for (const [i, finding] of found.entries()) {
    const partner = partners[i];
    if (partner === undefined) {
      changes.push({ kind: 'added', finding });
      continue;
    }
    if (inOrder.has(i)) passUntil(partner);
    const keys = [...keyChanges(golden[partner], finding, '')];
    if (keys.length > 0) changes.push({ kind: 'changed', finding, keys });
    if (!inOrder.has(i)) changes.push({ kind: 'moved', finding });
  }
  passUntil(golden.length);
  return changes;
}

/** For each finding the index of its partner in the golden; undefined without one. */
function pairs(golden: readonly GoldenFinding[], found: readonly GoldenFinding[]): (number | undefined)[] {
  const partners: (number | undefined)[] = found.map(() => undefined);
  const taken = new Set<number>();
  for (const keyOf of [idOf, eventOf]) {
    const waiting = new Map<string, number[]>();
    for (const [i, finding] of golden.entries()) {
      if (taken.has(i)) continue;
      const key = keyOf(finding);
      const places = waiting.get(key);
      if (places) places.push(i);
      else waiting.set(key, [i]);
    }
    for (const [i, finding] of found.entries()) {
      if (partners[i] !== undefined) continue;
      const place = waiting.get(keyOf(finding))?.shift();
      if (place === undefined) continue;
      partners[i] = place;
      taken.add(place);
    }
  }
  return partners;
}

/**
 * The indexes of a longest increasing subsequence (by patience sorting): of as many findings as can stay where they
 * are.
 */
function longestRise(numbers: readonly (number | undefined)[]): Set<number> {
  /**
   * `ends[k]`: index of the smallest number that ends an increasing subsequence of length k + 1. `before[i]`: index of
   * the number that precedes number i in such a subsequence.
   */
  const ends: number[] = [];
  const before: (number | undefined)[] = [];
  for (const [i, n] of numbers.entries()) {
    if (n === undefined) continue;
    let low = 0;
    for (let high = ends.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (numbers[ends[middle]]! < n) low = middle + 1;
      else high = middle;
    }
    before[i] = ends[low - 1];
    ends[low] = i;
  }
  const places = new Set<number>();
  for (let i = ends.at(-1); i !== undefined; i = before[i]) places.add(i);
  return places;
}

const idOf = ({ id }: GoldenFinding): string => JSON.stringify(id ?? null);
const eventOf = ({ rule, first_ns, client, client_port, server, server_port }: GoldenFinding): string =>
  JSON.stringify([rule, first_ns, client, client_port, server, server_port]);

function* keyChanges(was: unknown, is: unknown, key: string): Generator<KeyChange> {
  if (Array.isArray(was) && Array.isArray(is)) {
    for (let i = 0; i < Math.max(was.length, is.length); i++) yield* keyChanges(was[i], is[i], `${key}[${i}]`);
  } else if (isObject(was) && isObject(is)) {
    for (const name of new Set([...Object.keys(is), ...Object.keys(was)])) {
      yield* keyChanges(own(was, name), own(is, name), path(key, name));
    }
  } else if (was !== is) yield { key, was, is };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (object: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined;

const path = (key: string, name: string): string => {
  if (!/^[A-Za-z_]\w*$/.test(name)) return `${key}[${JSON.stringify(name)}]`;
  return key === '' ? name : `${key}.${name}`;
};
