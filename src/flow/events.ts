/**
 * The events that the tracker reports to the detectors: a few per connection, none per segment. An event is valid only
 * during the call, and so are the flows in it, which are cursors.
 */

import type { Nanos } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import type { End } from './ends.ts';
import type { Flow, Side } from './flow.ts';
import type { Packet } from './packet.ts';
import type { ResetClass } from './resets.ts';
import type { Attempt } from './stories/attempt.ts';
import type { Stall } from './stories/handshake-stall.ts';
import type { PawsEpisode } from './stories/paws.ts';
import type { Aftermath } from './stories/reset-aftermath.ts';
import type { Unacknowledged } from './stories/unacknowledged.ts';
import type { UnheardSynAck } from './stories/unheard-syn-ack.ts';
import type { Tracker } from './tracker.ts';

/** The first SYN of a connection attempt. It has changed nothing yet but its own new flow. */
export interface Opened {
  tracker: Tracker;
  /** The SYN. */
  segment: Segment;
  flow: Flow;
  /** The latest older incarnation that got further than a SYN, if it is still remembered. */
  older: Flow | undefined;
  clientIsB: boolean;
  /** The story of this attempt; it begins when a detector first asks for it. */
  attempt(): Attempt;
}

/** An RST that has not changed the flow yet. */
export interface ResetSeen {
  tracker: Tracker;
  /** The RST. */
  segment: Segment;
  flow: Flow;
  class: ResetClass;
  /** The same packet also ends the TIME_WAIT of the older incarnation. */
  assassinates: boolean;
  /** The story of the attempt to open the connection, if there is one. */
  attempt: Attempt | undefined;
  fromB: boolean;
  /** The end whose address it carries, and both sides as they were before the RST. */
  from: End;
  sender: Side;
  receiver: Side;
  /** It has no ACK flag, as the answer of a host without such a socket. */
  isBare: boolean;
  packet(): Packet;
  /** Begins a story of what follows the RST, and calls the listener with it when it is over. */
  follow(listener: (aftermath: Aftermath) => void): void;
}

/**
 * The events that a detector may listen to. Each attempt to open a connection begins with one `opened`, may have any
 * number of `repeated`, and ends with exactly one of `answered`, `unanswered` and `attempt`.
 */
export interface Observer {
  opened?(event: Opened): void;
  /** A retransmitted SYN that has not changed anything yet. */
  repeated?(event: Opened): void;
  /** A single SYN was answered by SYN-ACK or RST, or the client went on as if it had been. Nothing else happened. */
  answered?(flow: Flow, tracker: Tracker): void;
  /**
   * A single SYN had no answer until `until`, at most 75 s later. `isReplaced`: a SYN with a new ISN came then on the same
   * tuple.
   */
  unanswered?(flow: Flow, until: Nanos, tracker: Tracker, isReplaced: boolean): void;
  /**
   * An attempt with a story is over. It has one if SYNs were repeated, an ACK came that does not acknowledge the SYN, or
   * a detector asked for it.
   */
  attempt?(attempt: Attempt, tracker: Tracker): void;
  /** Live: such an attempt is not over, but has begun or changed. It will be reported again. */
  attemptSoFar?(attempt: Attempt, tracker: Tracker): void;
  /** The server has repeated its SYN-ACK after the client's ACK for the first time. */
  stalling?(stall: Stall, tracker: Tracker): void;
  /**
   * The server has repeated its SYN-ACK for longer than a round trip after the client's ACK. `stalled` comes when that is
   * over, `stalledSoFar` only live and before that.
   */
  stalled?(stall: Stall, tracker: Tracker): void;
  stalledSoFar?(stall: Stall, tracker: Tracker): void;
  /** The client has repeated its SYN although the server had answered it; when that is over, live also before. */
  unheard?(unheard: UnheardSynAck, tracker: Tracker): void;
  /** What one end retransmitted was not acknowledged, or only late; when that is over, live also before. */
  unacknowledged?(story: Unacknowledged, tracker: Tracker): void;
  /** PAWS has refused segments of an open connection; when that is over, live also before. */
  refused?(episode: PawsEpisode, tracker: Tracker): void;
  reset?(event: ResetSeen): void;
  /** A TIME_WAIT of one side has ended, or its flow record is about to be dropped: then `end` may lie in the future. */
  timeWaitOver?(flow: Flow, ownerIsB: boolean, end: Nanos, tracker: Tracker): void;
  /** A flow record is about to be dropped, or the input has ended: the flow is final. Not in the order of time. */
  left?(flow: Flow, tracker: Tracker): void;
  /** Live, a few times a second: reports verdicts for which there is new information since the last time. */
  glance?(tracker: Tracker, now: Nanos): void;
  /** The input has ended and all other events have been reported; live, it goes on. Reports verdicts on the whole run. */
  finish?(tracker: Tracker, now: Nanos): void;
  /** Visits the IPv6 hosts that the observer keeps by number. All other host numbers may be given to other hosts. */
  forEachHost?(visit: (host: number, scope: number) => void): void;
}

/** Functions that call all observers of an event, in their order. If one throws, only that observer loses the event. */
export type Hooks = { readonly [Event in keyof Observer]-?: NonNullable<Observer[Event]> } & {
  /**
   * Wraps a listener that the observer now being called gives to be called later: an error in it counts as an error of
   * that observer.
   */
  readonly guarded: <Told>(listener: (told: Told) => void) => (told: Told) => void;
};

/** Handles what an observer has thrown. */
export type Failed = (observer: Observer, error: unknown) => void;
export const rethrow: Failed = (_, error) => {
  throw error;
};

export function hooksOf(observers: readonly Observer[], failed: Failed): Hooks {
  let told: Observer | undefined;
  // Wrapping each listener in a guard made two calls of one, a tenth of the cost of a connection. So `try` is here.
  const teller = <Event extends keyof Observer>(event: Event): NonNullable<Observer[Event]> => {
    const listening = observers.filter(observer => observer[event] !== undefined);
    const listeners = listening.map(observer => observer[event] as (...parts: unknown[]) => void);
    // No event has more than four arguments; a rest parameter would allocate an array for each event.
    const tell = (a: unknown, b: unknown, c: unknown, d: unknown): void => {
      for (let i = 0; i < listeners.length; i++) {
        told = listening[i];
        try {
          listeners[i].call(listening[i], a, b, c, d);
        } catch (error) {
          failed(listening[i], error);
        }
      }
    };
    return tell as NonNullable<Observer[Event]>;
  };
  return {
    opened: teller('opened'),
    repeated: teller('repeated'),
    answered: teller('answered'),
    unanswered: teller('unanswered'),
    attempt: teller('attempt'),
    attemptSoFar: teller('attemptSoFar'),
    stalling: teller('stalling'),
    stalled: teller('stalled'),
    stalledSoFar: teller('stalledSoFar'),
    unheard: teller('unheard'),
    unacknowledged: teller('unacknowledged'),
    refused: teller('refused'),
    reset: teller('reset'),
    timeWaitOver: teller('timeWaitOver'),
    left: teller('left'),
    glance: teller('glance'),
    finish: teller('finish'),
    guarded: listener => {
      const owner = told;
      if (owner === undefined) return listener;
      return later => {
        try {
          listener(later);
        } catch (error) {
          failed(owner, error);
        }
      };
    },
    // Not guarded: if the hosts that are in use are not known for certain, the run cannot go on.
    forEachHost: visit => {
      for (const observer of observers) observer.forEachHost?.(visit);
    },
  };
}
