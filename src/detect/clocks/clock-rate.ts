/**
 * Tick rates of TSval clocks (docs/rules.md B7), and the tolerances of docs/rules.md D1.4. All distances are in ticks,
 * modulo 2^32, because a clock of 1 MHz wraps in 71 minutes.
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ClockSample } from './clock-sample.ts';

/** Assumed share of the clocks that run at this rate. It weighs findings where no connection shows its own rate. */
const SHARE: Readonly<Record<number, number>> = { 1000: 0.6, 250: 0.1, 100: 0.1, 300: 0.1, 1000000: 0.1 };
/** The likeliest first. */
const SLOW_RATES = [1000, 250, 100, 300] as const;
export const LIKELIEST = 1000;
const MICROSECONDS = 1_000_000;
const RATES = [...SLOW_RATES, MICROSECONDS] as const;
export const shareOf = (hz: number): number => SHARE[hz];

/** A connection this long shows the rate of its clock. */
export const SHOWS_RATE: Nanos = 0.5 * SECOND;
/** A rate is one of the known ones within 1 % and two ticks. */
const RATE_TOLERANCE = 0.01;
const TICKS = 2;
/** Most that the quartz clocks of the host and of the capture may differ. */
const SKEW = 500e-6;
/** Packets of one clock whose travel times differ by no more than this (seconds) count as not delayed. */
const STEADY_PATH = 0.05;
/** A path may delay a packet by this many seconds before the packet counts as one of another clock. */
export const PATH_DELAY = 1;
/** A tolerance of more than a quarter of the circle would say nothing. */
const VAGUE = 2 ** 28;

/** Ticks by which a TSval at `at` is ahead of a clock that showed `fromTsval` at `fromAt`. */
export function ahead(hz: number, fromAt: Nanos, fromTsval: number, at: Nanos, tsval: number): number {
  return (tsval - fromTsval - Math.round((hz * (at - fromAt)) / SECOND)) | 0;
}

/** TSvals that are this far apart in time belong to one clock if they are within this many ticks of its line. */
export const steadyTicks = (hz: number, apart: Nanos): number => Math.max(TICKS, STEADY_PATH * hz) + drift(hz, apart);

/** They may belong to one clock if they are within this many, where the path delays packets by up to `delay` seconds. */
export const looseTicks = (hz: number, apart: Nanos, delay: number): number => hz * delay + drift(hz, apart);

const drift = (hz: number, apart: Nanos): number => (SKEW * hz * Math.abs(apart)) / SECOND;

/**
 * The rates that are worth trying. A clock of 1 MHz advances in a second by as much as different slower clocks may lie
 * apart, so at that rate they would look like one clock. It counts only if some connection advanced further than any
 * slower clock could have.
 */
export function ratesOf(samples: readonly ClockSample[]): readonly number[] {
  const isFast = (sample: ClockSample): boolean =>
    fitsRate(sample, MICROSECONDS) && !SLOW_RATES.some(hz => fitsRate(sample, hz));
  return samples.some(isFast) ? RATES : SLOW_RATES;
}

const ownDeviation = (sample: ClockSample, hz: number): number =>
  Math.abs(ahead(hz, sample.at, sample.tsval, sample.lastAt, sample.lastTsval));

/** The rate that a connection shows by itself, if it is long enough and the rate is a known one. */
export function ownRate(sample: ClockSample): number | undefined {
  const span = sample.lastAt - sample.at;
  if (span < SHOWS_RATE) return undefined;
  return RATES.find(hz => {
    const tolerance = (RATE_TOLERANCE * hz * span) / SECOND + TICKS;
    return tolerance < VAGUE && ownDeviation(sample, hz) <= tolerance;
  });
}

/**
 * Whether the two TSvals of a connection can come from a clock of this rate, allowing for the longest delay of the
 * path.
 */
export function fitsRate(sample: ClockSample, hz: number): boolean {
  const span = sample.lastAt - sample.at;
  return ownDeviation(sample, hz) <= looseTicks(hz, span, PATH_DELAY) + TICKS;
}

/** Seconds by which two lines must differ to count as two: more than the delays that the connections themselves show. */
export function leastDistance(samples: readonly ClockSample[], hz: number): number {
  let worst = 0;
  for (const sample of samples) {
    if (!fitsRate(sample, hz)) continue;
    const beyond = ownDeviation(sample, hz) - drift(hz, sample.lastAt - sample.at) - TICKS;
    if (beyond / hz > worst) worst = beyond / hz;
  }
  return Math.max(PATH_DELAY, 2 * worst);
}
