/**
 * When packets were lost: not the instants, but the spans between two looks at a counter, one of which it is in.
 * Bounded: beyond so many the two that are nearest to each other become one, so that no loss is ever forgotten.
 */
import type { Nanos } from '../base/time.ts';

/** Both ends in nanoseconds, of the epoch or of the run. */
export interface Span<Time> {
  readonly from: Time;
  readonly to: Time;
}

/** Of an input, as its run counts time. */
export interface Missing {
  readonly incomplete: boolean;
  readonly losses: readonly Span<Nanos>[];
}

export const NOTHING_MISSING: Missing = { incomplete: false, losses: [] };

/** `origin`: nanoseconds since the epoch from which the run counts. */
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
  /** In order of time. Another array when it has changed. */
  spans: readonly Span<bigint>[] = [];
  private total = 0;
  private seenAt: bigint;

  /** `beganAt`: nothing was lost before. */
  constructor(beganAt: bigint) {
    this.seenAt = beganAt;
  }

  /** So many had been lost in all at `at`; a total that falls is that of a counter that begins anew. */
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
  const gap = (i: number): bigint => spans[i + 1]!.from - spans[i]!.to;
  let nearest = 0;
  for (let i = 1; i + 1 < spans.length; i++) if (gap(i) < gap(nearest)) nearest = i;
  spans.splice(nearest, 2, { from: spans[nearest]!.from, to: spans[nearest + 1]!.to });
}
