/** The memory of a tracker as the addon knows it: both work in the same typed arrays (native/tracker.c). */
import { SALT } from '../base/salt.ts';
import type { BoundTracker, Native, TrackerMemory } from '../capture/native.ts';
import type { Segments } from '../wire/segments.ts';
import type { Tracker } from './tracker.ts';

export class BoundMemory {
  private readonly tracker: Tracker;
  private readonly native: Native;
  private bound: BoundTracker | undefined;
  /** Referred to here so that no array is collected while it is bound. */
  private memory: TrackerMemory | undefined;

  constructor(tracker: Tracker, native: Native) {
    this.tracker = tracker;
    this.native = native;
  }

  /** Finds the flows of the rows `from` to `to`, and fetches what following them will touch. */
  lookAhead(segments: Segments, from: number, to: number): void {
    this.native.lookAhead(this.boundTo(segments), from, to, this.tracker.table.freeCount);
  }

  /** Follows rows up to the first one that is not ordinary, or to `to`; returns it. None of a pair with `withheld` is. */
  follow(segments: Segments, from: number, to: number, withheld: number): number {
    const { nextDue, epoch } = this.tracker;
    return this.native.follow(this.boundTo(segments), from, to, nextDue, epoch, withheld);
  }

  /** Binds again if the tracker has replaced an array since the last time, as its tables grow. */
  private boundTo({ words }: Segments): BoundTracker {
    const { table, pairs, copies, pending, wheel, timeWait, lingering } = this.tracker;
    const { packets } = copies;
    const { lone } = pending;
    const { memory, bound } = this;
    if (
      bound !== undefined &&
      memory?.segments === words &&
      memory.index === table.index &&
      memory.free === table.free &&
      memory.pairs === pairs.words &&
      memory.pairIndex === pairs.index &&
      memory.loneIndex === lone.index &&
      memory.entries === packets.words // replaced together with `heads`
    )
      return bound;
    this.memory = {
      segments: words,
      flows: table.words,
      index: table.index,
      free: table.free,
      pairs: pairs.words,
      pairIndex: pairs.index,
      loneIndex: lone.index,
      entries: packets.words,
      heads: packets.heads,
      ring: packets.ring,
      first: wheel.heads,
      last: wheel.tails,
      wheel: wheel.state,
      timeWait,
      lingering,
      salt: SALT,
    };
    this.bound = this.native.bindTracker(this.memory);
    return this.bound;
  }
}
