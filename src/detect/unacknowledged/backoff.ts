/** Exponential backoff in the intervals between transmissions (RFC 6298 §5.5). */

/** Lowest and highest ratio of successive intervals that counts as doubled. */
const LEAST = 1.6;
const MOST = 2.5;

export const isDoubled = (wait: number, before: number): boolean => wait / before >= LEAST && wait / before <= MOST;

/** Whether the intervals double, the first one excepted: it may be that of a tail loss probe (RFC 8985 §7). */
export function doubles(intervals: readonly number[]): boolean {
  const waits = intervals.slice(1);
  return waits.length >= 2 && waits.every((wait, i) => i === 0 || isDoubled(wait, waits[i - 1]));
}
