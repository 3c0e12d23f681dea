/**
 * Finds which connections share a clock. At the right tick rate the connections of one clock lie on one line through
 * (time, TSval), however short they are. At a wrong rate, or if the stack adds an offset to each connection, they meet
 * on a line only by chance. A line is *proved* if connections at random offsets would put so many of themselves on one
 * line in less than one of a million captures. Connections of one tuple count once, because a host with an offset for
 * each tuple returns to the same line there (docs/rules.md B7, D1.4).
 */
import type { Nanos } from '../../base/time.ts';
import { mergeNear } from './clock-merge.ts';
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

/** A connection may join only so many lines: those that were used last. */
const MAX_OPEN = 64;
/** Logarithm of the probability below which a line is not explained by chance. */
const PROOF = Math.log(1e-6);
/** Logarithms of the assumed probabilities that the path did not delay a connection of the line, and that it did. */
const STEADY_SHARE = Math.log(0.9);
const LOOSE_SHARE = Math.log(0.1);
const CIRCLE = 2 ** 32;
/** With fewer connections than these, all of them are compared with each other directly. */
const FEW = 16;
/** Another rate rivals the best one if it explains at least this share of the connections without a delay. */
const RIVAL = 0.75;

export interface Line {
  hz: number;
  members: ClockSample[];
  /** The different tuples of the members. */
  tuples: Set<number>;
  proved: boolean;
  /** Members that lie on it although no delay of the path is assumed for them. */
  steady: number;
  /** Another rate explains the same connections about as well. */
  rivalled: boolean;
}

/**
 * A line that connections may still join. `at` and `tsval` are its newest first TSval of a connection; `lateAt` and
 * `lateTsval` are its newest TSval of all.
 */
interface OpenLine extends Line {
  at: Nanos;
  tsval: number;
  lateAt: Nanos;
  lateTsval: number;
  /** Logarithm of the probability that all members but the first are on it by chance. */
  chance: number;
}

interface Lines {
  /** The rate of most connections; undefined if no connection shows its rate and several rates are possible. */
  hz: number | undefined;
  lines: Line[];
}

export interface Fit extends Lines {
  /** Connections whose own two TSvals fit none of the known rates. */
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
  // If two rates explain equally much, the one that connections show by themselves is taken.
  const rates = ratesOf(samples).toSorted((a, b) => (votes.get(b) ?? 0) - (votes.get(a) ?? 0));
  const fitting = samples.filter(sample => rates.some(hz => fitsRate(sample, hz)));
  const strange = samples.length - fitting.length;
  const { hz, lines } = oneLine(fitting, rates, votes) ?? severalLines(fitting, rates, votes);
  return { hz, lines, strange };
}

type Votes = ReadonlyMap<number, number>;

/** All samples on one line: the usual case, and the quickest to check. Shorter lines need not be compared with it. */
function oneLine(samples: readonly ClockSample[], rates: readonly number[], votes: Votes): Lines | undefined {
  const own = votes.size > 0 ? rates[0] : undefined;
  if (own !== undefined) {
    const line = wholeLine(samples, own, 1);
    return line && { hz: own, lines: [line] };
  }
  const line = steadiest(rates.flatMap(hz => wholeLine(samples, hz, shareOf(hz)) ?? []));
  return line && { hz: line.proved && !line.rivalled ? line.hz : undefined, lines: [line] };
}

/** Of lines through the same connections at several rates, the one that needs the fewest delays. */
function steadiest(lines: readonly Line[]): Line | undefined {
  let [best] = lines;
  for (const line of lines) if (line.steady > best!.steady) best = line;
  if (best !== undefined) best.rivalled = lines.some(line => line !== best && line.steady >= RIVAL * best.steady);
  return best;
}

function severalLines(samples: readonly ClockSample[], rates: readonly number[], votes: Votes): Lines {
  let rest = samples;
  const lines: Line[] = [];
  for (;;) {
    const found = longestLines(rest, rates, votes);
    if (found.length === 0) break;
    lines.push(...found);
    const taken = new Set(found.flatMap(({ members }) => members));
    rest = rest.filter(sample => !taken.has(sample));
  }
  const byLength = lines.toSorted((a, b) => b.members.length - a.members.length);
  const hz = votes.size > 0 ? rates[0] : byLength.find(({ proved, rivalled }) => proved && !rivalled)?.hz;
  for (const sample of rest) lines.push(newLine(sample, hz ?? LIKELIEST));
  return { hz, lines: mergeNear(lines).sort((a, b) => a.members[0].at - b.members[0].at) };
}

/**
 * Lines of more than one connection, of all rates, the longest first, as long as they share no member. At a wrong rate
 * a line breaks into shorter ones, so the line at the right rate is never shorter than those.
 */
function longestLines(samples: readonly ClockSample[], rates: readonly number[], votes: Votes): Line[] {
  if (samples.length < 2) return [];
  return longestFirst(rates.flatMap(hz => linesAt(samples, hz, votes.has(hz) ? 1 : shareOf(hz))));
}

function longestFirst(candidates: Line[]): Line[] {
  candidates.sort((a, b) => b.members.length - a.members.length || b.steady - a.steady);
  const owner = new Map<ClockSample, Line>();
  const found: Line[] = [];
  for (const line of candidates) {
    const { members } = line;
    const first = owner.get(members[0]);
    if (members.every(member => !owner.has(member))) {
      found.push(line);
      for (const member of members) owner.set(member, line);
    } else if (first?.members.length === members.length && members.every(member => owner.get(member) === first)) {
      first.rivalled ||= line.steady >= RIVAL * first.steady;
    }
  }
  return found;
}

/** The line of this rate through all samples, if there is one. */
function wholeLine(samples: readonly ClockSample[], hz: number, odds: number): Line | undefined {
  if (samples.length < 2 || !samples.every(sample => fitsRate(sample, hz))) return undefined;
  const distance = leastDistance(samples, hz);
  const line = newLine(samples[0], hz);
  for (let i = 1; i < samples.length; i++) {
    const sample = samples[i];
    if (Math.abs(offLine(line, sample)) > looseTicks(hz, sinceLine(line, sample), distance)) return undefined;
    join(line, sample, distance);
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
 * Leaves out samples that could not share a line with any other, even if that were the farthest away in time. With an
 * offset for each connection hardly any sample is left, which saves comparing all of them with each other.
 */
function withNeighbours(samples: readonly ClockSample[], hz: number, distance: number): readonly ClockSample[] {
  const count = samples.length;
  if (count < FEW) return samples;
  const { at: from, tsval: origin } = samples[0];
  const until = samples.reduce((latest, { lastAt }) => Math.max(latest, lastAt), from);
  const reach = looseTicks(hz, until - from, 2 * distance);
  // Sorted by place on the circle of TSvals. Each number has the index of its sample in its lower digits, so a plain
  // sort of numbers is enough, without a comparison function.
  const places = Float64Array.from(
    samples,
    ({ at, tsval }, i) => (ahead(hz, from, origin, at, tsval) >>> 0) * count + i,
  );
  places.sort();
  const near = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const here = places[i];
    const next = i + 1 < count ? places[i + 1] : places[0] + CIRCLE * count;
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
  let best: OpenLine | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const line of open) {
    const off = Math.abs(offLine(line, sample));
    if (off >= least || off > looseTicks(hz, sinceLine(line, sample), distance)) continue;
    best = line;
    least = off;
  }
  return best;
}

/** Of the two newest points of a line the one nearer in time is used: the clock has drifted less since then. */
const isNearLate = (line: OpenLine, at: Nanos): boolean => Math.abs(at - line.lateAt) < at - line.at;
const sinceLine = (line: OpenLine, { at }: ClockSample): Nanos =>
  isNearLate(line, at) ? at - line.lateAt : at - line.at;
/** Ticks by which a connection begins ahead of a line. */
const offLine = (line: OpenLine, { at, tsval }: ClockSample): number =>
  isNearLate(line, at)
    ? ahead(line.hz, line.lateAt, line.lateTsval, at, tsval)
    : ahead(line.hz, line.at, line.tsval, at, tsval);

function join(line: OpenLine, sample: ClockSample, distance: number): void {
  const { at, tsval } = sample;
  const { hz } = line;
  const tuple = tupleOf(sample);
  if (!line.tuples.has(tuple)) {
    const since = sinceLine(line, sample);
    const steady = steadyTicks(hz, since);
    const isSteady = Math.abs(offLine(line, sample)) <= steady;
    const ticks = isSteady ? steady : looseTicks(hz, since, distance);
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
  for (let i = 1; i < open.length; i++) if (open[i].at < open[least].at) least = i;
  return least;
}

/**
 * The expected number of sets of s connections, among n at random offsets, that lie together by chance is at most C(n,
 * s) · s^(s-2) · p^(s-1). There are s^(s-2) trees that join s points (Cayley), and each of the s-1 edges of a tree
 * exists with probability p, the window's share of 2^32.
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
