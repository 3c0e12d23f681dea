/**
 * Capture time. Inside the core an instant is a `Nanos`: a double that counts nanoseconds from the run's origin
 * (the whole second of the first frame). Doubles hold nanoseconds exactly for 104 days on both sides of the origin;
 * nanoseconds since the epoch need 61 bits, so they appear only at the edges, as BigInt.
 */
export type Nanos = number;

export const MICROSECOND = 1e3;
export const MILLISECOND = 1e6;
export const SECOND = 1e9;

/** A span in seconds, rounded to whole nanoseconds, for evidence that people and tests read. */
export const seconds = (span: Nanos): number => Math.round(span) / SECOND;

/** Formats a span for people: `24 µs`, `1.3 ms`, `0.204 s`, `31.0 s`. */
export function duration(span: Nanos): string {
  // Each unit is used up to the value whose rounded figure would need one more digit.
  if (span < 999.5 * MICROSECOND) return `${(span / MICROSECOND).toFixed(0)} µs`;
  if (span < 99.95 * MILLISECOND) return `${(span / MILLISECOND).toFixed(1)} ms`;
  return span < 9.9995 * SECOND ? `${(span / SECOND).toFixed(3)} s` : `${(span / SECOND).toFixed(1)} s`;
}

/** Nanoseconds since 1970-01-01T00:00:00Z. `origin` is in whole seconds since the epoch. */
export const epochNanos = (origin: number, at: Nanos): bigint =>
  BigInt(origin) * 1_000_000_000n + BigInt(Math.round(at));

/** RFC 3339 in UTC with nanoseconds: `2026-11-21T07:02:07.000000001Z`. */
export function rfc3339(nanos: bigint): string {
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const whole = (nanos - fraction) / 1_000_000_000n;
  const date = new Date(Number(whole) * 1000).toISOString().slice(0, 19);
  return `${date}.${fraction.toString().padStart(9, '0')}Z`;
}
