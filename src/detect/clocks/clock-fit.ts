/**
 * Finds which connections share a clock. At the right tick rate the connections of one clock lie on one line through
 * (time, TSval), however short they are. At a wrong rate, or if the stack adds an offset to each connection, they meet
 * on a line only by chance (fitted-line.ts).
 */
import { mergeNear } from './clock-merge.ts';
import { ahead, fitsRate, LIKELIEST, leastDistance, looseTicks, ownRate, ratesOf, shareOf } from './clock-rate.ts';
import type { ClockSample } from './clock-sample.ts';
import { CIRCLE, Line } from './fitted-line.ts';

/** A connection may join only so many lines: those that were used last. */
const MAX_OPEN = 64;
/** With fewer connections than these, all of them are compared with each other directly. */
const FEW = 16;
/** Another rate rivals the best one if it explains at least this share of the connections without a delay. */
const RIVAL = 0.75;

interface Lines {
  /** The rate of most connections; undefined if no connection shows its rate and several rates are possible. */
  hz: number | undefined;
  lines: Line[];
}

interface Fit extends Lines {
  /** Connections whose own two TSvals fit none of the known rates. */
  strange: number;
}

/** `samples` in time order. */
export function fitLines(samples: readonly ClockSample[]): Fit {
  const [only] = samples;
  // Half the pairs of a busy capture have a single connection.
  if (only !== undefined && samples.length === 1) {
    const own = ownRate(only);
    return { hz: own, lines: [new Line(only, own ?? LIKELIEST)], strange: 0 };
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
  for (const sample of rest) lines.push(new Line(sample, hz ?? LIKELIEST));
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
  const line = new Line(samples[0], hz);
  for (let i = 1; i < samples.length; i++) {
    const sample = samples[i];
    if (Math.abs(line.off(sample)) > line.reach(sample, distance)) return undefined;
    line.join(sample, distance);
  }
  line.prove(samples.length, odds);
  return line;
}

/** Lines of this rate with more than one member. */
function linesAt(samples: readonly ClockSample[], hz: number, odds: number): Line[] {
  const fitting = samples.filter(sample => fitsRate(sample, hz));
  const distance = leastDistance(fitting, hz);
  const lines: Line[] = [];
  const open: Line[] = [];
  for (const sample of withNeighbours(fitting, hz, distance)) {
    const line = nearest(open, sample, distance);
    if (line !== undefined) {
      line.join(sample, distance);
      continue;
    }
    const fresh = new Line(sample, hz);
    lines.push(fresh);
    open.push(fresh);
    if (open.length > MAX_OPEN) open.splice(leastRecent(open), 1);
  }
  const shared = lines.filter(({ members }) => members.length > 1);
  for (const line of shared) line.prove(samples.length, odds);
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

/** The line nearest to the beginning of a connection, if that is within its reach. */
function nearest(open: readonly Line[], sample: ClockSample, distance: number): Line | undefined {
  let best: Line | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const line of open) {
    const off = Math.abs(line.off(sample));
    if (off >= least || off > line.reach(sample, distance)) continue;
    best = line;
    least = off;
  }
  return best;
}

function leastRecent(open: readonly Line[]): number {
  let least = 0;
  for (let i = 1; i < open.length; i++) if (open[i].at < open[least].at) least = i;
  return least;
}
