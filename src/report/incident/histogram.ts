/** Counts of spans by their size, on a logarithmic scale, told apart by what became of them. A fixed number of bins. */

/** Bins a decade: a timer of 60 s and one of 120 s are two bins apart. */
const PER_DECADE = 8;

export interface Histogram {
  /** Seconds; smaller and larger spans are counted in the outermost bins. */
  low: number;
  high: number;
  /** By category, in the order in which they came first. */
  bins: Map<string, number[]>;
  count: number;
}

/** `low` and `high` are powers of ten, in seconds. */
export const histogram = (low: number, high: number): Histogram => ({ low, high, bins: new Map(), count: 0 });

export const binCount = ({ low, high }: Histogram): number => Math.round(Math.log10(high / low) * PER_DECADE);

/** Where bin `i` begins, in seconds. */
export const binEdge = ({ low }: Histogram, i: number): number => low * 10 ** (i / PER_DECADE);

/** Categories beyond this are told together. */
const MAX_CATEGORIES = 6;
export const OTHER = 'other';

export function addSpan(to: Histogram, seconds: number, category: string): void {
  const bins = to.bins.get(category) ?? newBins(to, category);
  const place = Math.floor(Math.log10(Math.max(seconds, to.low) / to.low) * PER_DECADE);
  bins[Math.min(place, bins.length - 1)]++;
  to.count++;
}

function newBins(to: Histogram, category: string): number[] {
  const name = to.bins.size < MAX_CATEGORIES - 1 ? category : OTHER;
  const bins = to.bins.get(name) ?? new Array<number>(binCount(to)).fill(0);
  to.bins.set(name, bins);
  return bins;
}

/** Counts over time in equal stretches. */
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
  let bins = to.bins.get(category);
  if (bins === undefined) {
    const name = to.bins.size < MAX_CATEGORIES - 1 ? category : OTHER;
    bins = to.bins.get(name) ?? new Array<number>(STRETCHES).fill(0);
    to.bins.set(name, bins);
  }
  const place = Math.floor(((at - to.from) / (to.to - to.from)) * STRETCHES);
  bins[Math.max(0, Math.min(place, STRETCHES - 1))]++;
  to.count++;
}
