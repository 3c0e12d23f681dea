/** Scales and ticks of charts: where to draw a value, and which values to label. */

export interface Scale {
  low: number;
  high: number;
  /** Position of a value. */
  at: (value: number) => number;
  ticks: { value: number; text: string }[];
}

/** A linear scale with `low` at position `a` and `high` at `b`. */
export function linear(low: number, high: number, a: number, b: number, name = numberText): Scale {
  const step = niceStep((high - low) / 5);
  const ticks: Scale['ticks'] = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) {
    ticks.push({ value, text: name(value, step) });
  }
  return { low, high, at: value => a + ((value - low) / (high - low || 1)) * (b - a), ticks };
}

/** A linear scale for counts: whole numbers from zero. */
export function counting(high: number, a: number, b: number): Scale {
  const scale = linear(0, high, a, b);
  const whole = scale.ticks.filter(({ value }) => Number.isInteger(value));
  return { ...scale, ticks: whole.map(({ value }) => ({ value, text: numberText(value, 1) })) };
}

/** A logarithmic scale for seconds, with ticks at powers of ten. Values outside are drawn at its ends. */
export function logarithmic(low: number, high: number, a: number, b: number): Scale {
  const ticks: Scale['ticks'] = [];
  for (let value = low; value <= high * 1.001; value *= 10) {
    const end = value === low ? '≤ ' : value >= high * 0.999 ? '≥ ' : '';
    ticks.push({ value, text: `${end}${spanText(value)}` });
  }
  const whole = Math.log10(high / low);
  const at = (value: number): number => a + (Math.log10(Math.min(Math.max(value, low), high) / low) / whole) * (b - a);
  return { low, high, at, ticks };
}

/** The step of the ticks: 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  if (!(rough > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = rough / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

function numberText(value: number, step: number): string {
  if (Math.abs(value) >= 1e6) return `${trim(value / 1e6)} M`;
  if (Math.abs(value) >= 1e4) return `${trim(value / 1e3)} k`;
  return step >= 1 ? String(Math.round(value)) : value.toFixed(Math.min(6, Math.ceil(-Math.log10(step))));
}

const trim = (value: number): string => String(Math.round(value * 100) / 100);

/** For example `1 ms`, `10 s`, `1000 s`. */
export function spanText(seconds: number): string {
  if (seconds < 0.9e-3) return `${trim(seconds * 1e6)} µs`;
  return seconds < 0.9 ? `${trim(seconds * 1e3)} ms` : `${trim(seconds)} s`;
}

/** Steps, in seconds, that people know from clocks. */
const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
const TICKS = 6;

/**
 * A scale for seconds since the epoch, labelled with the time of day in UTC; spans below a second are labelled relative
 * to the first value.
 */
export function clock(from: number, to: number, a: number, b: number): Scale {
  const rough = (to - from) / TICKS;
  if (rough < 0.5) {
    const relative = linear(0, to - from, a, b, (value, step) => `+${numberText(value, step)} s`);
    return {
      low: from,
      high: to,
      at: value => relative.at(value - from),
      ticks: relative.ticks.map(({ value, text }) => ({ value: value + from, text })),
    };
  }
  const step = CLOCK_STEPS.find(each => each >= rough) ?? Math.ceil(rough / 86_400) * 86_400;
  const ticks: Scale['ticks'] = [];
  for (let value = Math.ceil(from / step) * step; value <= to; value += step) {
    ticks.push({ value, text: timeText(value, step) });
  }
  return { low: from, high: to, at: value => a + ((value - from) / (to - from || 1)) * (b - a), ticks };
}

const timeText = (at: number, step: number): string => {
  const iso = new Date(at * 1000).toISOString();
  return step >= 86_400 ? iso.slice(5, 10) : step >= 60 ? iso.slice(11, 16) : iso.slice(11, 19);
};
