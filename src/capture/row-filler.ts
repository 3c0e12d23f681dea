/**
 * Takes the frames that a walker finds and fills the rows of a slab. Keeps the clock of the capture that is being
 * read: a frame up to 10 ms older than the clock is taken as it is (shards sort), an older one is a clock step and
 * is left for the next slab.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import type { Locate } from './locate.ts';
import { SKIPS, Skip, SLAB_ROWS, type Slab } from './slab.ts';
import type { Frames } from './walker.ts';

/** Frames out of order by no more are repaired (docs/architecture.md, Order). */
export const REORDERING: Nanos = 10 * MILLISECOND;

/** What the walk has learned of one capture, carried from slab to slab. */
export class Progress {
  /** Frames so far: the number of the last one. */
  frames = 0;
  /** Latest time since the last clock step. */
  clock: Nanos;
  earliest: Nanos;
  latest: Nanos;
  /** Time of the last frame, for frames that have none of their own. */
  last: Nanos;
  /** Frames by link type that nothing can be read from. */
  readonly unsupported = new Map<number, number>();

  /** `first` is the time of the first frame. */
  constructor(first: Nanos) {
    this.clock = this.earliest = this.latest = this.last = first;
  }
}

export class Rows {
  /** Frames of all captures by Skip code. */
  readonly skipped = new Float64Array(SKIPS.length);
  /** Rows filled in the current slab. */
  count = 0;
  /** No frame of the slab is older than one before it. */
  ordered = true;
  /** The time that the clock stepped back to, when that is why. */
  stepTo: Nanos | undefined;
  private readonly locate: Locate;
  private slab!: Slab;
  private shards = 1;
  private progress = new Progress(0);

  constructor(locate: Locate) {
    this.locate = locate;
  }

  begin(slab: Slab, shards: number, progress: Progress): void {
    this.slab = slab;
    this.shards = shards;
    this.progress = progress;
    this.count = 0;
    this.ordered = true;
    this.stepTo = undefined;
  }

  /** Takes frames until the slab's rows are full or the clock steps; returns how many. */
  take(frames: Frames): number {
    const progress = this.progress;
    const slab = this.slab;
    let { clock, last } = progress;
    let row = this.count;
    // The frame after the last plain one goes the usual way, and so do the few that are behind it in this batch.
    let i = this.locate.locatePlain(slab, row, frames, clock, progress.frames + 1, this.shards);
    if (i > 0) clock = last = frames.at[i - 1];
    row += i;
    for (; i < frames.count && row < SLAB_ROWS; i++) {
      const at = frames.at[i];
      if (at >= clock) clock = last = at;
      else if (at >= clock - REORDERING) {
        last = at;
        this.ordered = false;
        if (at < progress.earliest) progress.earliest = at;
      } else if (!Number.isNaN(at)) {
        this.stepTo = at;
        break;
      }
      const linkType = frames.linkType[i];
      const skip = this.locate.locate(
        slab,
        row,
        linkType,
        frames.start[i],
        frames.end[i],
        frames.length[i],
        this.shards,
      );
      if (skip === Skip.NONE) {
        slab.at[row] = last;
        slab.frame[row] = progress.frames + i + 1;
        row++;
        continue;
      }
      this.skipped[skip]++;
      if (skip === Skip.UNSUPPORTED_LINK_TYPE) {
        progress.unsupported.set(linkType, (progress.unsupported.get(linkType) ?? 0) + 1);
      }
    }
    this.count = row;
    progress.clock = clock;
    progress.last = last;
    progress.frames += i;
    return i;
  }
}
