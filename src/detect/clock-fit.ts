/**
 * Which connections share a clock. At the right rate the connections of a clock fall on one line through (time, TSval)
 * however short they are; at a wrong one, or with an offset of its own for each connection, they meet only by chance.
 * A line is *proved* when n connections at random offsets would put so many of themselves together less than once in
 * a million captures. Connections of one tuple count once: a host that offsets by tuple comes back to the same line
 * there (docs/rules.md B7).
 */
import type { Nanos } from '../base/time.ts';
import { mergeNear } from './clock-near.ts';
import {
  ahead,
  fitsRate,
  LIKELIEST,
  leastDistance,
  looseTicks,
  ownRate,
  ratesOf,
  shareOf,
  steadyTicks,
} from './clock-rate.ts';
import { type ClockSample, tupleOf } from './clock-sample.ts';

/** Lines that a connection may join: the last used. */
const MAX_OPEN = 64;
/** Odds against chance. */
const PROOF = Math.log(1e-6);
/** What it costs to explain a connection near its line by a steady path, or by a delay. */
const STEADY_SHARE = Math.log(0.9);
const LOOSE_SHARE = Math.log(0.1);
const CIRCLE = 2 ** 32;
/** Fewer than these are compared with each other at once. */
const FEW = 16;
/** A rate is beyond doubt when another needs delays for a quarter more of the connections. */
const RIVAL = 0.75;

export interface Line {
  hz: number;
  members: ClockSample[];
  /** Different tuples among them. */
  tuples: Set<number>;
  proved: boolean;
  /** Connections that need no delay of the path to be on it. */
  steady: number;
  /** Another rate explains it about as well. */
  rivalled: boolean;
}

/** A line that connections may still join, with its newest points: of a first TSval, and of any. */
interface OpenLine extends Line {
  at: Nanos;
  tsval: number;
  lateAt: Nanos;
  lateTsval: number;
  /** Logarithm of the chance that all members but the first are there by chance. */
  chance: number;
}

export interface Fit {
  /** Of most connections; undefined when none shows it and several rates would do. */
  hz: number | undefined;
  lines: Line[];
  /** Connections too long for their clock to be any of the known ones. */
  strange: number;
}

/** `samples` in time order. */
export function fitLines(samples: readonly ClockSample[]): Fit {
  const [only] = samples;
  // Half the pairs of a busy capture have a single connection.
  if (only !== undefined && samples.length === 1) {
    const own = ownRate(only);
    return { hz: own, lines: [newLine(only, own ?? LIKELIEST)], strange: 0 };
  }
  const votes = new Map<number, number>();
  for (const sample of samples) {
    const own = ownRate(sample);
    if (own !== undefined) votes.set(own, (votes.get(own) ?? 0) + 1);
  }
  // Of two rates that explain as much, the one that connections show by themselves is taken.
  const rates = ratesOf(samples).toSorted((a, b) => (votes.get(b) ?? 0) - (votes.get(a) ?? 0));
  let rest = samples.filter(sample => rates.some(hz => fitsRate(sample, hz)));
  const strange = samples.length - rest.length;
  const lines: Line[] = [];
  const take = (found: readonly Line[]): boolean => {
    lines.push(...found);
    const taken = new Set(found.flatMap(({ members }) => members));
    rest = rest.filter(sample => !taken.has(sample));
    return found.length > 0;
  };
  if (votes.size > 0) {
    // The usual case, and the quickest to see: one clock, at the rate that it shows.
    const usual = wholeLine(rest, rates[0]!, 1);
    if (usual !== undefined) take([usual]);
  } else {
    const whole = rates.flatMap(hz => wholeLine(rest, hz, shareOf(hz)) ?? []);
    // Between these no shorter line is in the running.
    if (whole.length > 0) take(longestFirst(whole));
  }
  while (take(longestLines(rest, rates, votes)));
  const byLength = lines.toSorted((a, b) => b.members.length - a.members.length);
  const hz = votes.size > 0 ? rates[0] : byLength.find(({ proved, rivalled }) => proved && !rivalled)?.hz;
  for (const sample of rest) lines.push(newLine(sample, hz ?? LIKELIEST));
  const clocks = mergeNear(lines).sort((a, b) => a.members[0]!.at - b.members[0]!.at);
  return { hz, lines: clocks, strange };
}

/**
 * Lines of more than one connection, of all rates, the longest first, as far as they share no member: at a wrong rate
 * a line falls to pieces, so the right one is never shorter.
 */
function longestLines(
  samples: readonly ClockSample[],
  rates: readonly number[],
  votes: ReadonlyMap<number, number>,
): Line[] {
  if (samples.length < 2) return [];
  return longestFirst(rates.flatMap(hz => linesAt(samples, hz, votes.has(hz) ? 1 : shareOf(hz))));
}

function longestFirst(candidates: Line[]): Line[] {
  candidates.sort((a, b) => b.members.length - a.members.length || b.steady - a.steady);
  const owner = new Map<ClockSample, Line>();
  const found: Line[] = [];
  for (const line of candidates) {
    const { members } = line;
    const first = owner.get(members[0]!);
    if (members.every(member => !owner.has(member))) {
      found.push(line);
      for (const member of members) owner.set(member, line);
    } else if (first?.members.length === members.length && members.every(member => owner.get(member) === first)) {
      first.rivalled ||= line.steady >= RIVAL * first.steady;
    }
  }
  return found;
}

/** All of them on one line of this rate, if they are. */
function wholeLine(samples: readonly ClockSample[], hz: number, odds: number): Line | undefined {
  const [first] = samples;
  if (first === undefined || samples.length === 1 || !samples.every(sample => fitsRate(sample, hz))) return undefined;
  const distance = leastDistance(samples, hz);
  const line = newLine(first, hz);
  for (let i = 1; i < samples.length; i++) {
    if (nearest([line], samples[i]!, hz, distance) === undefined) return undefined;
    join(line, samples[i]!, distance);
  }
  line.proved = isProved(line, samples.length, odds);
  return line;
}

/** Lines of this rate with more than one member. */
function linesAt(samples: readonly ClockSample[], hz: number, odds: number): Line[] {
  const fitting = samples.filter(sample => fitsRate(sample, hz));
  const distance = leastDistance(fitting, hz);
  const lines: OpenLine[] = [];
  const open: OpenLine[] = [];
  for (const sample of withNeighbours(fitting, hz, distance)) {
    const line = nearest(open, sample, hz, distance);
    if (line !== undefined) {
      join(line, sample, distance);
      continue;
    }
    const fresh = newLine(sample, hz);
    lines.push(fresh);
    open.push(fresh);
    if (open.length > MAX_OPEN) open.splice(leastRecent(open), 1);
  }
  const shared = lines.filter(({ members }) => members.length > 1);
  for (const line of shared) line.proved = isProved(line, samples.length, odds);
  return shared;
}

/**
 * Those that any other could share a line with, were it the farthest in time: with an offset for each connection there
 * are hardly any, and the rest need not be compared with each other.
 */
function withNeighbours(samples: readonly ClockSample[], hz: number, distance: number): readonly ClockSample[] {
  const count = samples.length;
  if (count < FEW) return samples;
  const { at: from, tsval: origin } = samples[0]!;
  const until = samples.reduce((latest, { lastAt }) => Math.max(latest, lastAt), from);
  const reach = looseTicks(hz, until - from, 2 * distance);
  // Sorted by place on the circle, each with its index in the lower digits: a sort of numbers needs no comparisons of ours.
  const places = Float64Array.from(
    samples,
    ({ at, tsval }, i) => (ahead(hz, from, origin, at, tsval) >>> 0) * count + i,
  );
  places.sort();
  const near = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const here = places[i]!;
    const next = i + 1 < count ? places[i + 1]! : places[0]! + CIRCLE * count;
    if (Math.floor(next / count) - Math.floor(here / count) > reach) continue;
    near[here % count] = 1;
    near[next % count] = 1;
  }
  return samples.filter((_, i) => near[i] === 1);
}

const newLine = (sample: ClockSample, hz: number): OpenLine => ({
  hz,
  members: [sample],
  tuples: new Set([tupleOf(sample)]),
  proved: false,
  steady: 0,
  rivalled: false,
  at: sample.at,
  tsval: sample.tsval,
  lateAt: sample.lastAt,
  lateTsval: sample.lastTsval,
  chance: 0,
});

function nearest(open: readonly OpenLine[], sample: ClockSample, hz: number, distance: number): OpenLine | undefined {
  const { at, tsval } = sample;
  let best: OpenLine | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const line of open) {
    // Of its two points the nearer in time has drifted less.
    const late = Math.abs(at - line.lateAt) < at - line.at;
    const apart = late ? at - line.lateAt : at - line.at;
    const off = Math.abs(
      late ? ahead(hz, line.lateAt, line.lateTsval, at, tsval) : ahead(hz, line.at, line.tsval, at, tsval),
    );
    if (off >= least || off > looseTicks(hz, apart, distance)) continue;
    best = line;
    least = off;
  }
  return best;
}

function join(line: OpenLine, sample: ClockSample, distance: number): void {
  const { at, tsval } = sample;
  const { hz } = line;
  const tuple = tupleOf(sample);
  if (!line.tuples.has(tuple)) {
    const late = Math.abs(at - line.lateAt) < at - line.at;
    const apart = late ? at - line.lateAt : at - line.at;
    const off = late ? ahead(hz, line.lateAt, line.lateTsval, at, tsval) : ahead(hz, line.at, line.tsval, at, tsval);
    const steady = steadyTicks(hz, apart);
    const isSteady = Math.abs(off) <= steady;
    const ticks = isSteady ? steady : looseTicks(hz, apart, distance);
    const window = Math.min(1, (2 * ticks + 1) / CIRCLE);
    line.chance += Math.log(window) - (isSteady ? STEADY_SHARE : LOOSE_SHARE);
    if (isSteady) line.steady++;
    line.tuples.add(tuple);
  }
  line.members.push(sample);
  line.at = at;
  line.tsval = tsval;
  if (sample.lastAt <= line.lateAt) return;
  line.lateAt = sample.lastAt;
  line.lateTsval = sample.lastTsval;
}

function leastRecent(open: readonly OpenLine[]): number {
  let least = 0;
  for (let i = 1; i < open.length; i++) if (open[i]!.at < open[least]!.at) least = i;
  return least;
}

/**
 * The expected number of sets of s among n connections with random offsets that hang together by chance is at most
 * C(n, s) · s^(s-2) · p^(s-1): s^(s-2) trees join s points (Cayley), and each branch costs a window's share of 2^32.
 */
function isProved({ tuples, chance }: OpenLine, n: number, odds: number): boolean {
  const s = tuples.size;
  if (s < 2) return false;
  return logChoose(n, s) + (s - 2) * Math.log(s) + chance - Math.log(odds) < PROOF;
}

function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}
