/**
 * Tells whether a connection may change the verdict on its client's clocks. Judging them looks at hundreds of
 * connections (clock-verdict.ts), but nearly every new connection lies where it is expected: on the clock that was used
 * last.
 */
import type { Nanos } from '../../base/time.ts';
import { ahead, LIKELIEST, looseTicks, PATH_DELAY } from './clock-rate.ts';
import type { ClockVerdict, Regime } from './clock-verdict.ts';

interface Clock {
  hz: number;
  /** A point on the line of the clock. */
  at: Nanos;
  tsval: number;
  connections: number;
}

export class ExpectedClocks {
  private readonly regime: Regime;
  /** The clock that was used last comes last. */
  private readonly clocks: readonly Clock[];

  private constructor(regime: Regime, clocks: readonly Clock[]) {
    this.regime = regime;
    this.clocks = clocks;
  }

  /** A client's first connection defines its only clock, until another connection shows a second one. */
  static afterFirst(at: Nanos, tsval: number): ExpectedClocks {
    return new ExpectedClocks('single', [{ hz: LIKELIEST, at, tsval, connections: 1 }]);
  }

  static after({ regime, lines }: ClockVerdict): ExpectedClocks {
    const clocks = lines.map(({ hz, t0, v0, flows }) => ({ hz, at: t0, tsval: v0, connections: flows }));
    return new ExpectedClocks(regime, clocks);
  }

  /**
   * `no`: the connection is on the clock that was used last. `soon`: it may decide something. `in-time`: it may do so
   * together with more connections like it.
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
    // A clock was left and returned to. This means nothing for a host with a clock for each connection.
    if (regime === 'restart' && clock !== undefined && clock.connections > 1) return 'soon';
    return 'in-time';
  }
}

const isOn = ({ hz, at, tsval }: Clock, now: Nanos, shown: number): boolean =>
  Math.abs(ahead(hz, at, tsval, now, shown)) <= looseTicks(hz, now - at, PATH_DELAY);
