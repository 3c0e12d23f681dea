/**
 * Walks of source ports (docs/rules.md F2). Linux tries the ports towards one destination upwards in small even steps,
 * so the connections of one host form one walk at a time. Every ten seconds 6.18 starts at another place, and after the
 * even ports it continues with the odd ones: then one walk ends where another begins. Two walks that continue side by
 * side for longer than any path delays packets belong to two hosts, or to two network namespaces with addresses of
 * their own.
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ClockSample } from './clock-sample.ts';

/** Longest step of a walk. Measured on 6.18: 1998 of 1999 steps were even and from 2 to 32. */
const LONGEST_STEP = 32;
/** A walk is over if it has not continued for this long. */
const REST: Nanos = 10 * SECOND;
/** Two walks are side by side if each has this many steps, and they alternate this often over this time. */
const STEPS = 12;
const TURNS = 12;
const LONG: Nanos = 5 * SECOND;
/** Most walks that may still continue. Random ports begin a new one each. */
const MAX_OPEN = 64;

/**
 * Four connections of two walks that continue side by side, in alternation; undefined if there are none. `samples` are
 * in time order, to one server port.
 */
export function walksSideBySide(samples: readonly ClockSample[]): ClockSample[] | undefined {
  const walks = walksOf(samples).filter(walk => walk.length > STEPS);
  for (let i = 0; i < walks.length; i++) {
    for (let j = i + 1; j < walks.length; j++) {
      const proof = sideBySide(walks[i], walks[j]);
      if (proof !== undefined) return proof;
    }
  }
  return undefined;
}

function walksOf(samples: readonly ClockSample[]): ClockSample[][] {
  const walks: ClockSample[][] = [];
  const open: ClockSample[][] = [];
  for (const sample of samples) {
    const walk = open
      .filter(steps => goesOn(steps.at(-1)!, sample))
      .reduce<ClockSample[] | undefined>((a, b) => (a === undefined || portOf(b) > portOf(a) ? b : a), undefined);
    if (walk !== undefined) {
      walk.push(sample);
      continue;
    }
    const fresh = [sample];
    walks.push(fresh);
    open.push(fresh);
    if (open.length > MAX_OPEN) open.splice(longestResting(open), 1);
  }
  return walks;
}

const portOf = (walk: readonly ClockSample[]): number => walk.at(-1)!.clientPort;

function goesOn(last: ClockSample, sample: ClockSample): boolean {
  const step = sample.clientPort - last.clientPort;
  return step > 0 && step <= LONGEST_STEP && step % 2 === 0 && sample.at - last.at < REST;
}

function longestResting(open: readonly ClockSample[][]): number {
  let longest = 0;
  for (let i = 1; i < open.length; i++) if (open[i].at(-1)!.at < open[longest].at(-1)!.at) longest = i;
  return longest;
}

/** The part in which both walks continue, if it is long enough and they alternate in it. */
function sideBySide(a: readonly ClockSample[], b: readonly ClockSample[]): ClockSample[] | undefined {
  const from = Math.max(a[0].at, b[0].at);
  const to = Math.min(a.at(-1)!.at, b.at(-1)!.at);
  if (to - from < LONG) return undefined;
  const within = (walk: readonly ClockSample[]): ClockSample[] => walk.filter(({ at }) => at >= from && at <= to);
  const [mine, theirs] = [within(a), within(b)];
  if (Math.min(mine.length, theirs.length) <= STEPS) return undefined;
  // SYNs of one walk that were captured in the wrong order may look like two walks close behind each other. These use
  // the same ports, so two walks must use different ones.
  const apart = mine[0].clientPort > theirs.at(-1)!.clientPort || theirs[0].clientPort > mine.at(-1)!.clientPort;
  if (!apart || mine[0].clientPort % 2 !== theirs[0].clientPort % 2) return undefined;
  const own = new Set(mine);
  const both = [...mine, ...theirs].sort((x, y) => x.at - y.at);
  const turns = both.filter((sample, i) => i === 0 || own.has(sample) !== own.has(both[i - 1]));
  return turns.length > TURNS ? turns.slice(0, 4) : undefined;
}
