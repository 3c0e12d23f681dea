/** Which retransmission timer the SYNs of an attempt follow (docs/rules.md F8). */
import { s32 } from '../../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';

/**
 * `classic`: intervals of 1, 2, 4, 8 s. `linear`: first five of 1 s (Linux 6.5 and newer, the BSDs). `fast`: at once
 * after the RST that answers an old ACK (Linux 5.15 and newer, docs/rules.md B3).
 */
export type Schedule = 'classic' | 'linear' | 'fast' | 'other';

/** After this many SYNs without an answer the client gives up, or soon will. */
export const MANY_SYNS = 3;

/** tcp_syn_linear_timeouts: this many intervals of a second come before the last one that is not doubled. */
const LINEAR = 4;
const FAST: Nanos = 20 * MILLISECOND;
/** Timers fire late, and more so the longer they run: by up to an eighth, and a little for the path. */
const EARLY = 0.95;
const LATE = 1.15;
const SLACK: Nanos = 50 * MILLISECOND;

/** No timer repeats a SYN this soon: the path held back the first one and let both through together. */
const TOGETHER: Nanos = 50 * MILLISECOND;
/** Their timestamps must be further apart than their arrival by this many ticks: half a second of the slowest clock. */
const APART = 50;
/**
 * Ticks per second of the fastest usual clock; and of one that advances as far during the gap as others in a second
 * (B7).
 */
const USUAL_HZ = 1000;
const FAST_HZ = 1_000_000;
const FAST_TOLERANCE = 0.05;

/** Whether the first two SYNs came together, though by their timestamps they were sent apart. */
export function heldBack({ syn, sentAt, followed }: Attempt): boolean {
  const next = followed[0]?.packet;
  if (sentAt.length < 2 || next?.at !== sentAt[1] || next.tsval === null || syn.tsval === null) return false;
  const gap = sentAt[1] - sentAt[0];
  const ticks = s32(next.tsval, syn.tsval);
  if (gap > TOGETHER || ticks - (USUAL_HZ * gap) / SECOND < APART) return false;
  const fast = (FAST_HZ * gap) / SECOND;
  return Math.abs(ticks - fast) > APART + FAST_TOLERANCE * fast;
}

/** Undefined for one SYN, and for two SYNs a second apart: every schedule begins like that. */
export function scheduleOf(attempt: Attempt): Schedule | undefined {
  const { sentAt, rst } = attempt;
  if (heldBack(attempt)) return undefined;
  if (rst !== undefined) {
    const next = sentAt.find(at => at > rst.packet.at);
    if (next !== undefined && next - rst.packet.at <= FAST) return 'fast';
  }
  return timerOf(sentAt);
}

/** The timer that SYNs at these times follow. */
export function timerOf(sentAt: readonly Nanos[]): Exclude<Schedule, 'fast'> | undefined {
  if (sentAt.length < 2) return undefined;
  const gaps = sentAt.slice(1).map((at, i) => (at - sentAt[i]) / SECOND);
  if (!isGap(gaps[0], 1)) return 'other';
  if (gaps.length === 1) return undefined;
  if (gaps.every((gap, i) => isGap(gap, 2 ** i))) return 'classic';
  return gaps.every((gap, i) => isGap(gap, 2 ** Math.max(0, i - LINEAR))) ? 'linear' : 'other';
}

/**
 * Seconds of the first wait, if there are two or more and each is twice the one before; else undefined. Linux 2.6.32
 * begins with 3 s (docs/rules.md F8).
 */
export function doublesFrom(sentAt: readonly Nanos[]): number | undefined {
  const gaps = sentAt.slice(1).map((at, i) => (at - sentAt[i]) / SECOND);
  const [first] = gaps;
  return first !== undefined && gaps.length > 1 && gaps.every((gap, i) => isGap(gap, first * 2 ** i))
    ? first
    : undefined;
}

const isGap = (gap: number, expected: number): boolean =>
  gap >= expected * EARLY && gap <= expected * LATE + SLACK / SECOND;
