/** Histograms of time spans on a logarithmic scale, by category. The number of bins is fixed. */

/** Bins per decade: timers of 60 s and of 120 s are two bins apart. */
const PER_DECADE = 8;

export interface Histogram {
  /** Range in seconds; spans outside it are counted in the outermost bins. */
  low: number;
  high: number;
  /** Bins by category, in order of first occurrence. */
  bins: Map<string, number[]>;
  count: number;
}

/** `low` and `high`: powers of ten, in seconds. */
export const histogram = (low: number, high: number): Histogram => ({ low, high, bins: new Map(), count: 0 });

export const binCount = ({ low, high }: Histogram): number => Math.round(Math.log10(high / low) * PER_DECADE);

/** Lower edge of bin `i`, in seconds. */
export const binEdge = ({ low }: Histogram, i: number): number => low * 10 ** (i / PER_DECADE);

/** Bounds memory for a database that another program has made; ours have far fewer classes and outcomes. */
const MAX_CATEGORIES = 64;
const OTHER = 'other';

export function addSpan(to: Histogram, seconds: number, category: string): void {
  const bins = binsOf(to.bins, category, binCount(to));
  const place = Math.floor(Math.log10(Math.max(seconds, to.low) / to.low) * PER_DECADE);
  bins[Math.min(place, bins.length - 1)]++;
  to.count++;
}

function binsOf(all: Map<string, number[]>, category: string, n: number): number[] {
  const name = all.has(category) || all.size < MAX_CATEGORIES ? category : OTHER;
  const bins = all.get(name) ?? new Array<number>(n).fill(0);
  all.set(name, bins);
  return bins;
}

/** The largest categories, largest first, with the rest as one, `most` in all: as many as colours can distinguish. */
export function topCategories(bins: ReadonlyMap<string, number[]>, most: number): Map<string, number[]> {
  const size = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const sorted = [...bins].sort((a, b) => size(b[1]) - size(a[1]) || (a[0] < b[0] ? -1 : 1));
  if (sorted.length <= most) return new Map(sorted);
  const rest = sorted.slice(most - 1).map(([, counts]) => counts);
  const sum = rest[0].map((_, i) => rest.reduce((total, counts) => total + counts[i], 0));
  return new Map([...sorted.slice(0, most - 1), [`${rest.length} others`, sum]]);
}

/** Counts over time, in equal intervals. */
export interface Timeline {
  /** Seconds since the epoch. */
  from: number;
  to: number;
  bins: Map<string, number[]>;
  count: number;
}

const STRETCHES = 120;

export const timeline = (from: number, to: number): Timeline => ({
  from,
  to: Math.max(to, from + 1e-3),
  bins: new Map(),
  count: 0,
});

export function addInstant(to: Timeline, at: number, category: string): void {
  const bins = binsOf(to.bins, category, STRETCHES);
  const place = Math.floor(((at - to.from) / (to.to - to.from)) * STRETCHES);
  bins[Math.max(0, Math.min(place, STRETCHES - 1))]++;
  to.count++;
}
