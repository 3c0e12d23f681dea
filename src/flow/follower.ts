/**
 * Passes a shard's segments to its tracker. The addon, if there is one, looks at the next segments ahead of time, so that
 * memory is fetched meanwhile (native/look-ahead.c), and follows ordinary ones itself: those that only advance their
 * sender's side, complete a handshake or close in order (native/follow.c). It leaves all other segments to the tracker.
 * Tests check that both ways give the same words in every record.
 */
import type { Native } from '../capture/native.ts';
import type { Segments } from '../wire/segments.ts';
import { BoundMemory } from './bound-memory.ts';
import { PairLayout } from './tables/pairs.ts';
import type { Tracker } from './tracker.ts';

/** Number of segments that are looked at ahead of time: what they touch fits into the processor's L2 cache. */
const LOOK = 64;

export class Follower {
  private readonly tracker: Tracker;
  private readonly memory: BoundMemory | undefined;

  constructor(tracker: Tracker, native: Native | undefined) {
    this.tracker = tracker;
    this.memory = native && new BoundMemory(tracker, native);
  }

  /** Follows the first `rows` segments, which are in time order. */
  follow(segments: Segments, rows: number): void {
    const { tracker } = this;
    for (let row = 0, seen = 0; row < rows; ) {
      if (row === seen) {
        seen = Math.min(row + LOOK, rows);
        this.memory?.lookAhead(segments, row, seen);
      }
      row = this.followOrdinary(segments, row, seen);
      if (row === seen) continue;
      segments.load(row++, tracker.segment);
      tracker.take();
    }
    // Even if the addon has followed the last segment, it becomes the tracker's current one: faults name that packet.
    if (rows > 0) segments.load(rows - 1, tracker.segment);
  }

  /** Lets the addon follow rows; returns the first that is not ordinary, or `to`. */
  private followOrdinary(segments: Segments, from: number, to: number): number {
    const { memory, tracker } = this;
    // Histories need every segment of a flow, and the addon does not write them.
    if (memory === undefined || tracker.histories !== undefined) return from;
    // In a flood no segment is ordinary: this test saves the call.
    if (!segments.isOrdinary(from) || !tracker.aliases.isEmpty) return from;
    const awaited = tracker.stories.witnesses.areAwaited ? PairLayout.AWAITED : 0;
    const seenTwice = tracker.secondPoint.isAny ? PairLayout.SEEN_TWICE : 0;
    const next = memory.follow(segments, from, to, awaited | seenTwice);
    if (next > from) tracker.now = segments.at(next - 1);
    return next;
  }
}
