/**
 * Whether a connection may change what its client's clocks were judged to be. Judging looks at hundreds of connections
 * (clock-lines.ts), and nearly every one that comes lies where the next had to: on the clock that was used last.
 */
import type { Nanos } from '../base/time.ts';
import type { ClockVerdict, Regime } from './clock-lines.ts';
import { ahead, LIKELIEST, looseTicks, PATH_DELAY } from './clock-rate.ts';

interface Clock {
  hz: number;
  /** A point on it. */
  at: Nanos;
  tsval: number;
  connections: number;
}

export class ExpectedClocks {
  private readonly regime: Regime;
  /** That which was used last is the last. */
  private readonly clocks: readonly Clock[];

  private constructor(regime: Regime, clocks: readonly Clock[]) {
    this.regime = regime;
    this.clocks = clocks;
  }

  /** The first connection of a client is the clock of all others until one says otherwise. */
  static afterFirst(at: Nanos, tsval: number): ExpectedClocks {
    return new ExpectedClocks('single', [{ hz: LIKELIEST, at, tsval, connections: 1 }]);
  }

  static after({ regime, lines }: ClockVerdict): ExpectedClocks {
    const clocks = lines.map(({ hz, t0, v0, flows }) => ({ hz, at: t0, tsval: v0, connections: flows }));
    return new ExpectedClocks(regime, clocks);
  }

  /**
   * `no`: it is on the clock that was used last. `soon`: it may decide something. `in-time`: some more like it may.
   */
  changes(at: Nanos, tsval: number): 'no' | 'in-time' | 'soon' {
    const { regime, clocks } = this;
    const clock = clocks.findLast(known => isOn(known, at, tsval));
    if (clock !== undefined && (clock === clocks.at(-1) || regime === 'interleaved')) {
      clock.at = at;
      clock.tsval = tsval;
      return 'no';
    }
    if (regime === 'single') return 'soon';
    // Left and returned to: of a host with a clock for each connection that means nothing.
    if (regime === 'restart' && clock !== undefined && clock.connections > 1) return 'soon';
    return 'in-time';
  }
}

const isOn = ({ hz, at, tsval }: Clock, now: Nanos, shown: number): boolean =>
  Math.abs(ahead(hz, at, tsval, now, shown)) <= looseTicks(hz, now - at, PATH_DELAY);
