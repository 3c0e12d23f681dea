/**
 * A fault in one rule must not take the run with it. An event at which an observer throws is lost to that observer
 * alone; as observers remember per host pair, the same events are lost with any number of shards.
 */
import type { Nanos } from '../base/time.ts';
import type { Observer, ResetSeen } from '../flow/events.ts';

/** Clock steps before it, and the packet at hand when a rule threw for the first time. */
export interface Place {
  epoch: number;
  at: Nanos;
  capture: number;
  frame: number;
}

export interface Fault extends Place {
  rule: string;
  /** With its stack. */
  error: string;
}

export const compareFaults = (a: Place, b: Place): number =>
  a.epoch - b.epoch || a.at - b.at || a.capture - b.capture || a.frame - b.frame;

const EVENTS: Readonly<Record<Exclude<keyof Observer, 'forEachHost'>, true>> = {
  opened: true,
  repeated: true,
  answered: true,
  unanswered: true,
  attempt: true,
  stalled: true,
  unheard: true,
  refused: true,
  reset: true,
  timeWaitOver: true,
  left: true,
  finish: true,
};

export class Faults {
  first: Fault | undefined;
  /** Events lost by rule. */
  readonly counts = new Map<string, number>();
  private readonly place: () => Place;

  constructor(place: () => Place) {
    this.place = place;
  }

  /** The observer of `rule` with every listener guarded, those that it hands on included. */
  guard(rule: string, observer: Observer): Observer {
    const guarded: Record<string, unknown> = {};
    for (const name of Object.keys(EVENTS) as (keyof typeof EVENTS)[]) {
      const listener = observer[name] as ((...event: unknown[]) => void) | undefined;
      if (listener !== undefined) guarded[name] = this.guardListener(rule, listener.bind(observer));
    }
    const reset = guarded.reset as Observer['reset'];
    if (reset !== undefined) {
      guarded.reset = (event: ResetSeen) =>
        reset({ ...event, follow: listener => event.follow(this.guardListener(rule, listener)) });
    }
    // What it keeps of hosts must be known for certain.
    if (observer.forEachHost !== undefined) guarded.forEachHost = observer.forEachHost.bind(observer);
    return guarded;
  }

  /** No event has more than four parts; a rest parameter would make an array for each. */
  private guardListener<E extends unknown[]>(rule: string, listener: (...event: E) => void): (...event: E) => void {
    const call = listener as (...event: unknown[]) => void;
    const guarded = (a: unknown, b: unknown, c: unknown, d: unknown): void => {
      try {
        call(a, b, c, d);
      } catch (error) {
        this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1);
        this.first ??= { ...this.place(), rule, error: error instanceof Error ? String(error.stack) : String(error) };
      }
    };
    return guarded as (...event: unknown[]) => void as (...event: E) => void;
  }
}
