/**
 * Hands a shard's segments to its tracker. Where the addon runs, it follows the ordinary ones itself: those that only
 * move their sender's side on, complete a handshake or close in order. It works in the memory of the tracker, and leaves
 * all else to it untouched; native/follow.c says what. Tests hold both ways together, to the last word of every record.
 */
import type { BoundFlows, Native } from '../capture/native.ts';
import type { Segments } from '../wire/segments.ts';
import { LOOK, lookAhead } from './look-ahead.ts';
import type { Tracker } from './tracker.ts';

export class Follower {
  private readonly tracker: Tracker;
  private readonly native: Native | undefined;
  private bound: BoundFlows | undefined;
  /** What the addon works in and the tracker replaces as it grows (heads with their entries). Kept here, it stays alive. */
  private memory: readonly Int32Array[] = [];

  constructor(tracker: Tracker, native: Native | undefined) {
    this.tracker = tracker;
    // A history is told of every segment of its flow.
    this.native = tracker.histories === undefined ? native : undefined;
  }

  /** The first `rows` segments, which come in time order. */
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
    // The segment at hand is the last one, whoever has followed it: faults are told by it.
    if (rows > 0) segments.load(rows - 1, tracker.segment);
  }

  /** Follows rows as far as they are ordinary: the first that is not, or `to`. */
  private followOrdinary(segments: Segments, from: number, to: number): number {
    const { native, tracker } = this;
    // A flood is made of what is not: that is seen without a call.
    if (native === undefined || !segments.isOrdinary(from) || !tracker.aliases.isEmpty) return from;
    const { areAwaited } = tracker.stories.witnesses;
    const next = native.follow(
      this.bind(native, segments),
      from,
      to,
      tracker.nextDue,
      tracker.epoch,
      areAwaited ? 1 : 0,
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
