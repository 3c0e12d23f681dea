/**
 * An error in one rule must not end the run. An event at which an observer throws is lost only to that observer.
 * Because observers keep their state per host pair, the same events are lost with any number of shards.
 */
import type { Observer } from '../flow/events.ts';
import { type Captured, compareCaptured } from '../flow/packet.ts';

/** The packet at which a rule threw for the first time, and the number of clock steps before it. */
export interface FaultPlace extends Captured {
  epoch: number;
}

export interface Fault extends FaultPlace {
  rule: string;
  /** The error with its stack. */
  error: string;
}

export const compareFaults = (a: FaultPlace, b: FaultPlace): number => a.epoch - b.epoch || compareCaptured(a, b);

export class Faults {
  first: Fault | undefined;
  /** Events lost by rule. */
  readonly counts = new Map<string, number>();
  private readonly rules = new Map<Observer, string>();
  private readonly place: () => FaultPlace;

  constructor(place: () => FaultPlace) {
    this.place = place;
  }

  /** Registers the observer under the name of its rule; returns it. */
  named(rule: string, observer: Observer): Observer {
    this.rules.set(observer, rule);
    return observer;
  }

  /** Called by flow/events.ts when an observer throws. */
  readonly failed = (observer: Observer, error: unknown): void => {
    const rule = this.rules.get(observer) ?? 'unknown';
    this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1);
    this.first ??= { ...this.place(), rule, error: error instanceof Error ? String(error.stack) : String(error) };
  };
}
