/**
 * 32-bit serial arithmetic for sequence numbers (RFC 9293 §3.4) and TSvals (RFC 7323 §5.2). Values may be held
 * signed or unsigned: every function looks at the low 32 bits only. As in the Linux kernel, two numbers at a distance
 * of exactly 2^31 are each both before and after the other.
 */

/** Signed distance `a - b`, −2^31 … 2^31−1: the kernel's `(s32)(a - b)`. */
export const s32 = (a: number, b: number): number => (a - b) | 0;

export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;

export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;

const WRAP = 2 ** 32;

/** The largest number ≤ `upTo` whose low 32 bits are `low`: the original one if it is less than 2^32 below `upTo`. */
export const lastUpTo = (low: number, upTo: number): number => upTo - ((((upTo - low) % WRAP) + WRAP) % WRAP);
