/**
 * When packets were lost. The exact instants are not known, only the spans between two readings of a drop counter. The
 * number of spans is bounded: when there are more, the two nearest to each other are joined, so no loss is forgotten.
 */
import type { Nanos } from '../base/time.ts';

/** Both ends in nanoseconds, since the epoch or since the run's origin. */
export interface Span<Time> {
  readonly from: Time;
  readonly to: Time;
}

/** What is missing from an input, with times relative to the run's origin. */
export interface Missing {
  readonly incomplete: boolean;
  readonly losses: readonly Span<Nanos>[];
}

export const NOTHING_MISSING: Missing = { incomplete: false, losses: [] };

/** `origin` is the run's origin in nanoseconds since the epoch. */
export function missingFrom(
  { incomplete, losses }: { incomplete: boolean; losses: readonly Span<bigint>[] },
  origin: bigint,
): Missing {
  if (!incomplete) return NOTHING_MISSING;
  const inRun = losses.map(({ from, to }) => ({ from: Number(from - origin), to: Number(to - origin) }));
  return { incomplete, losses: inRun };
}

const MAX_SPANS = 8;

export class Losses {
  /** In order of time. Replaced by a new array whenever it changes. */
  spans: readonly Span<bigint>[] = [];
  private total = 0;
  private seenAt: bigint;

  /** `beganAt` is when capturing began: nothing was lost before. */
  constructor(beganAt: bigint) {
    this.seenAt = beganAt;
  }

  /** Takes a reading of the counter: `total` packets lost up to `at`. A total that falls means that it was reset. */
  counted(total: number, at: bigint): void {
    if (at <= this.seenAt) return;
    if (total > this.total) this.add({ from: this.seenAt, to: at });
    this.total = total;
    this.seenAt = at;
  }

  add(span: Span<bigint>): void {
    const spans = [...this.spans];
    const last = spans.at(-1);
    // The wall clock may have been set back.
    if (last !== undefined && span.from <= last.to) {
      const from = span.from < last.from ? span.from : last.from;
      spans[spans.length - 1] = { from, to: span.to > last.to ? span.to : last.to };
    } else spans.push(span);
    if (spans.length > MAX_SPANS) joinNearest(spans);
    this.spans = spans;
  }
}

function joinNearest(spans: Span<bigint>[]): void {
  const gap = (i: number): bigint => spans[i + 1].from - spans[i].to;
  let nearest = 0;
  for (let i = 1; i + 1 < spans.length; i++) if (gap(i) < gap(nearest)) nearest = i;
  spans.splice(nearest, 2, { from: spans[nearest].from, to: spans[nearest + 1].to });
}
