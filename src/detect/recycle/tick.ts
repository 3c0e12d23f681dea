/**
 * A TSval and when it was captured, and what two of them show of the clocks that they come from (docs/rules.md B7). How
 * far they may be off is up to what is asked: two clocks are told apart only where no delay explains the difference, and
 * two hosts are taken for one only where hardly anything else does.
 */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';

export interface Tick {
  at: Nanos;
  tsval: number;
}

/** Ticks per second of Linux clocks; the last is that of every Linux since 4.13. */
const RATES = [100, 250, 300, 1000] as const;
const [SLOWEST, FASTEST] = [RATES[0], RATES[3]];
/** The fastest clock, including the error of its crystal. */
const FASTEST_CRYSTAL = 1100;
/** Ticks that delay, rounding and SYN cookies, which replace the low six bits, may cost. */
const TOLERANCE = 100;
/** What a path may delay a packet that shows one host (seconds), and how far its clock may drift. */
const DELAY = 0.1;
const DRIFT = 500e-6;

const ticksBetween = (earlier: Tick, later: Tick): number => s32(later.tsval, earlier.tsval);
const secondsBetween = (earlier: Tick, later: Tick): number => (later.at - earlier.at) / SECOND;

/** Whether both may come from one clock that ticks at a rate of Linux. */
export function onOneLine(earlier: Tick, later: Tick): boolean {
  const ticks = ticksBetween(earlier, later);
  const apart = secondsBetween(earlier, later);
  return RATES.some(hz => Math.abs(ticks - hz * apart) <= TOLERANCE);
}

/** Whether both may come from one clock of whatever rate. */
export function mayBeOneClock(earlier: Tick, later: Tick): boolean {
  const ticks = ticksBetween(earlier, later);
  const most = (FASTEST_CRYSTAL * (later.at - earlier.at)) / SECOND;
  return ticks >= Math.min(0, most) - TOLERANCE && ticks <= Math.max(0, most) + TOLERANCE;
}

/**
 * Whether two packets from a server's address show the clock of one host. By chance two hosts agree so in one of a
 * million cases if their clocks start anywhere. Hosts without random offsets that were booted together, such as clones,
 * agree as well. If each connection has its own offset, this says nothing.
 */
export function isOneClock(earlier: Tick, later: Tick): boolean {
  const ticks = ticksBetween(earlier, later);
  const apart = secondsBetween(earlier, later);
  return RATES.some(rate => Math.abs(ticks - rate * apart) <= rate * (DELAY + DRIFT * Math.abs(apart)));
}

/** Whether the later one shows a clock further behind, even if it ticks as fast as any clock does. */
export const isLower = (later: Tick, lowest: Tick): boolean =>
  ticksBetween(lowest, later) < secondsBetween(lowest, later) * FASTEST;

/** Whether the later one's clock is not behind the earlier one's, even if it ticks as fast as any clock does. */
export const notBehind = (earlier: Tick, later: Tick): boolean =>
  ticksBetween(earlier, later) >= secondsBetween(earlier, later) * FASTEST - TOLERANCE;

/** Whether the later one's clock is not ahead of the earlier one's, even if it ticks as slowly as any clock does. */
export const notAhead = (earlier: Tick, later: Tick): boolean =>
  ticksBetween(earlier, later) <= secondsBetween(earlier, later) * SLOWEST + TOLERANCE;
