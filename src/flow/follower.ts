/**
 * Passes a shard's segments to its tracker. The addon, if there is one, follows ordinary segments itself: those that only
 * advance their sender's side, complete a handshake or close in order (native/follow.c). It works in the tracker's
 * memory, and leaves all other segments to the tracker. Tests check that both ways give the same words in every record.
 */
import type { BoundFlows, Native } from '../capture/native.ts';
import type { Segments } from '../wire/segments.ts';
import { LOOK, lookAhead } from './tables/look-ahead.ts';
import { PairLayout } from './tables/pairs.ts';
import type { Tracker } from './tracker.ts';

export class Follower {
  private readonly tracker: Tracker;
  private readonly native: Native | undefined;
  private bound: BoundFlows | undefined;
  /**
   * The arrays that the addon works in and that the tracker replaces as it grows (`heads` together with its entries).
   * Referred to here so that they are not collected while they are bound.
   */
  private memory: readonly Int32Array[] = [];

  constructor(tracker: Tracker, native: Native | undefined) {
    this.tracker = tracker;
    // Histories need every segment of a flow, and the addon does not write them.
    this.native = tracker.histories === undefined ? native : undefined;
  }

  /** Follows the first `rows` segments, which are in time order. */
  follow(segments: Segments, rows: number): void {
    const { tracker } = this;
    for (let row = 0, seen = 0; row < rows; ) {
      if (row === seen) {
        seen = Math.min(row + LOOK, rows);
        lookAhead(segments, row, seen, tracker.table, tracker.pairs, tracker.pending.lone);
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
    const { native, tracker } = this;
    // In a flood no segment is ordinary: this test saves the call.
    if (native === undefined || !segments.isOrdinary(from) || !tracker.aliases.isEmpty) return from;
    const awaited = tracker.stories.witnesses.areAwaited ? PairLayout.AWAITED : 0;
    const seenTwice = tracker.secondPoint.isAny ? PairLayout.SEEN_TWICE : 0;
    const next = native.follow(
      this.bind(native, segments),
      from,
      to,
      tracker.nextDue,
      tracker.epoch,
      awaited | seenTwice,
    );
    if (next > from) tracker.now = segments.at(next - 1);
    return next;
  }

  private bind(native: Native, { words }: Segments): BoundFlows {
    const { table, pairs, copies, wheel, timeWait, lingering } = this.tracker;
    const { packets } = copies;
    const [segments, index, pairWords, entries] = this.memory;
    const isBound =
      segments === words && index === table.index && pairWords === pairs.words && entries === packets.words;
    if (this.bound !== undefined && isBound) return this.bound;
    this.memory = [words, table.index, pairs.words, packets.words, packets.heads];
    this.bound = native.bindFlows(
      words,
      table.index,
      table.words,
      pairs.words,
      packets.words,
      packets.heads,
      packets.ring,
      wheel.heads,
      wheel.tails,
      wheel.state,
      timeWait,
      lingering,
    );
    return this.bound;
  }
}
