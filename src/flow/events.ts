/** What the tracker tells the detectors: a few times per connection, never per segment. The flows in them are cursors, valid during the call. */
import type { Segment } from '../wire/segment.ts';
import type { Flow } from './flow.ts';
import type { Packet } from './packet.ts';
import type { ResetClass } from './resets.ts';
import type { Aftermath, Attempt } from './stories.ts';
import type { Tracker } from './tracker.ts';

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
  fromB: boolean;
  packet(): Packet;
  /** Follows the flow for a moment after the RST. */
  follow(listener: (aftermath: Aftermath) => void): void;
}

export interface Observer {
  opened?(event: Opened): void;
  reset?(event: ResetSeen): void;
}
