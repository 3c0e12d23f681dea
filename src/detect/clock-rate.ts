/**
 * Tick rates of TSval clocks (docs/rules.md B7) and how far a clock may be off: the tolerances of docs/rules.md D1.4.
 * All distances are in ticks, modulo 2^32: a clock of 1 MHz comes round in 71 minutes.
 */
import { type Nanos, SECOND } from '../base/time.ts';
import type { ClockSample } from './clock-sample.ts';

/** How often a clock runs at this rate, as a guess to weigh findings with where no connection shows its own rate. */
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
/** What a quartz may be off, both ends together. */
const SKEW = 500e-6;
/** Packets of one clock that were on their way for about as long. */
const STEADY_PATH = 0.05;
/** A path may delay a packet by this much (seconds) before it counts as another clock. */
export const PATH_DELAY = 1;
/** Above this a tolerance says nothing: a quarter of the circle. */
const VAGUE = 2 ** 28;

/** Ticks by which a TSval at `at` is ahead of a clock that showed `fromTsval` at `fromAt`. */
export function ahead(hz: number, fromAt: Nanos, fromTsval: number, at: Nanos, tsval: number): number {
  return (tsval - fromTsval - Math.round((hz * (at - fromAt)) / SECOND)) | 0;
}

/** Within this many ticks two TSvals `apart` from each other are of one clock. */
export const steadyTicks = (hz: number, apart: Nanos): number => Math.max(TICKS, STEADY_PATH * hz) + drift(hz, apart);

/** Within this many they may be, given how much the path delays packets (seconds). */
export const looseTicks = (hz: number, apart: Nanos, delay: number): number => hz * delay + drift(hz, apart);

const drift = (hz: number, apart: Nanos): number => (SKEW * hz * Math.abs(apart)) / SECOND;

/**
 * The rates that are worth a try. In a second a clock of 1 MHz gets as far as slower ones may lie apart, so it would
 * take them for one: it counts only where a connection has moved further than any of them could.
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

/** Whether a connection's two TSvals can be of a clock of this rate, at the worst delay of the path. */
export function fitsRate(sample: ClockSample, hz: number): boolean {
  const span = sample.lastAt - sample.at;
  return ownDeviation(sample, hz) <= looseTicks(hz, span, PATH_DELAY) + TICKS;
}

/** Seconds by which two lines must differ to be two: more than what the path was seen to delay packets. */
export function leastDistance(samples: readonly ClockSample[], hz: number): number {
  let worst = 0;
  for (const sample of samples) {
    if (!fitsRate(sample, hz)) continue;
    const beyond = ownDeviation(sample, hz) - drift(hz, sample.lastAt - sample.at) - TICKS;
    if (beyond / hz > worst) worst = beyond / hz;
  }
  return Math.max(PATH_DELAY, 2 * worst);
}
