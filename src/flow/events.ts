/**
 * What the tracker tells the detectors: a few times per connection, never per segment. Events are valid during the call,
 * and so are the flows in them, which are cursors.
 */

import type { Nanos } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import type { Attempt } from './attempt.ts';
import type { End } from './ends.ts';
import type { Flow, Side } from './flow.ts';
import type { Stall } from './handshake-stall.ts';
import type { Packet } from './packet.ts';
import type { PawsEpisode } from './paws.ts';
import type { Aftermath } from './reset-aftermath.ts';
import type { ResetClass } from './resets.ts';
import type { Tracker } from './tracker.ts';
import type { Unacknowledged } from './unacknowledged.ts';
import type { UnheardSynAck } from './unheard-syn-ack.ts';

/** The first SYN of a connection attempt, before it has changed anything but its own new flow. */
export interface Opened {
  tracker: Tracker;
  /** The SYN. */
  segment: Segment;
  flow: Flow;
  /** The nearest older incarnation that got further than a SYN, if it is remembered. */
  older: Flow | undefined;
  clientIsB: boolean;
  /** The story of this attempt, begun when a detector first asks for it. */
  attempt(): Attempt;
}

/** An RST, before it has changed the flow. */
export interface ResetSeen {
  tracker: Tracker;
  /** The RST. */
  segment: Segment;
  flow: Flow;
  class: ResetClass;
  /** The same packet also ends the TIME_WAIT of the older incarnation. */
  assassinates: boolean;
  /** The attempt to open the connection, where it is being told. */
  attempt: Attempt | undefined;
  fromB: boolean;
  /** The end whose address it carries, and both sides as they were before it. */
  from: End;
  sender: Side;
  receiver: Side;
  /** Without ACK, as a host answers that has no such socket. */
  isBare: boolean;
  packet(): Packet;
  /** Follows the flow for a moment after the RST. */
  follow(listener: (aftermath: Aftermath) => void): void;
}

/**
 * What a detector may listen to. Each attempt to open a connection is opened once, and ends in exactly one of
 * `answered`, `unanswered` and `attempt`; its SYNs after the first are `repeated`.
 */
export interface Observer {
  opened?(event: Opened): void;
  /** A SYN sent again, before it has changed anything. */
  repeated?(event: Opened): void;
  /** SYN-ACK or RST came after a single SYN, or the client went on as if it had: nothing else to tell. */
  answered?(flow: Flow, tracker: Tracker): void;
  /** A lone SYN had no answer; the capture was watched until `until`, at most 75 s. */
  unanswered?(flow: Flow, until: Nanos, tracker: Tracker): void;
  /** An attempt with a story is over: SYNs were repeated, an ACK of something else came, or a detector asked for it. */
  attempt?(attempt: Attempt, tracker: Tracker): void;
  /** Live: one that is not over, as it stands. What is told of it now will be told anew. */
  attemptSoFar?(attempt: Attempt, tracker: Tracker): void;
  /** The server repeats its SYN-ACK after the client's ACK, for the first time. */
  stalling?(stall: Stall, tracker: Tracker): void;
  /** The server went on repeating its SYN-ACK for longer than a round trip after the client's ACK; told when that is over. */
  stalled?(stall: Stall, tracker: Tracker): void;
  stalledSoFar?(stall: Stall, tracker: Tracker): void;
  /** The client went on sending its SYN after the server had answered it; told when that is over, live also before. */
  unheard?(unheard: UnheardSynAck, tracker: Tracker): void;
  /** What one end retransmitted was not acknowledged, or only late; told when that is over, live also before. */
  unacknowledged?(story: Unacknowledged, tracker: Tracker): void;
  /** PAWS refused segments of an open connection; told when its sender's pass again, or when that is over, live also before. */
  refused?(episode: PawsEpisode, tracker: Tracker): void;
  reset?(event: ResetSeen): void;
  /** A TIME_WAIT that one side held has come to its end, or its flow record is about to go and `end` may lie ahead. */
  timeWaitOver?(flow: Flow, ownerIsB: boolean, end: Nanos, tracker: Tracker): void;
  /** A flow record is about to go, now or at the end: all that will be known of it. Not in order of time. */
  left?(flow: Flow, tracker: Tracker): void;
  /** Live, a few times a second: what is reported now are verdicts on which something bears that came since the last time. */
  glance?(tracker: Tracker, now: Nanos): void;
  /** The input has ended and all else has been told; live, it goes on. What is reported is a verdict on the whole run. */
  finish?(tracker: Tracker, now: Nanos): void;
  /** Names the IPv6 hosts that the observer keeps by number: others may be given to other hosts. */
  forEachHost?(visit: (host: number, scope: number) => void): void;
}

/** Tells all observers that listen to an event, in their order. An observer that throws loses the event alone. */
export type Hooks = { readonly [Event in keyof Observer]-?: NonNullable<Observer[Event]> } & {
  /** What the observer that is being told hands on to be called later: should that throw, it is the observer's as well. */
  readonly guarded: <Told>(listener: (told: Told) => void) => (told: Told) => void;
};

/** What is done with what an observer throws. */
export type Failed = (observer: Observer, error: unknown) => void;
export const rethrow: Failed = (_, error) => {
  throw error;
};

export function hooksOf(observers: readonly Observer[], failed: Failed): Hooks {
  let told: Observer | undefined;
  // Two calls a listener were a tenth of what a connection costs: so the guard is here, once, and not around each.
  const teller = <Event extends keyof Observer>(event: Event): NonNullable<Observer[Event]> => {
    const listening = observers.filter(observer => observer[event] !== undefined);
    const listeners = listening.map(observer => observer[event] as (...parts: unknown[]) => void);
    // No event has more than four parts; a rest parameter would make an array for each.
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
    // What is kept of hosts must be known for certain: here nothing is guarded.
    forEachHost: visit => {
      for (const observer of observers) observer.forEachHost?.(visit);
    },
  };
}
