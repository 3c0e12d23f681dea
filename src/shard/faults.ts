/**
 * A fault in one rule must not take the run with it. An event at which an observer throws is lost to that observer
 * alone; as observers remember per host pair, the same events are lost with any number of shards.
 */
import type { Observer } from '../flow/events.ts';
import { type Captured, compareCaptured } from '../flow/packet.ts';

/** The packet at hand when a rule threw for the first time, and the clock steps before it. */
export interface Place extends Captured {
  epoch: number;
}

export interface Fault extends Place {
  rule: string;
  /** With its stack. */
  error: string;
}

export const compareFaults = (a: Place, b: Place): number => a.epoch - b.epoch || compareCaptured(a, b);

export class Faults {
  first: Fault | undefined;
  /** Events lost by rule. */
  readonly counts = new Map<string, number>();
  private readonly rules = new Map<Observer, string>();
  private readonly place: () => Place;

  constructor(place: () => Place) {
    this.place = place;
  }

  /** The observer of `rule`, known from now on by that name. */
  named(rule: string, observer: Observer): Observer {
    this.rules.set(observer, rule);
    return observer;
  }

  /** What flow/events.ts does with an error. */
  readonly failed = (observer: Observer, error: unknown): void => {
    const rule = this.rules.get(observer) ?? 'unknown';
    this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1);
    this.first ??= { ...this.place(), rule, error: error instanceof Error ? String(error.stack) : String(error) };
  };
}
