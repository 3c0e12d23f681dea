/**
 * Takes the frames that a walker finds and fills the rows of a slab. Maintains the clock of the capture that is being
 * read: a frame up to 10 ms older than the clock is taken as it is (shards sort); an older one means that the clock
 * stepped back, and is left for the next slab.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import type { Locate } from './locate.ts';
import { SKIPS, Skip, SLAB_ROWS, type Slab } from './slab.ts';
import type { Frames } from './walker.ts';

/** Disorder of up to this is repaired by sorting (docs/architecture.md, Order). */
export const REORDERING: Nanos = 10 * MILLISECOND;

/** The state of reading one capture, carried from slab to slab. */
export class Progress {
  /** Frames read so far, which is the number of the last one. */
  frames = 0;
  /** Latest time since the last clock step. */
  clock: Nanos;
  earliest: Nanos;
  latest: Nanos;
  /** Time of the last frame, used for following frames without a time. */
  last: Nanos;
  /** Number of frames of each unsupported link type. */
  readonly unsupported = new Map<number, number>();

  /** `first` is the time of the first frame. */
  constructor(first: Nanos) {
    this.clock = this.earliest = this.latest = this.last = first;
  }
}

export class Rows {
  /** Skipped frames of all captures by Skip code. */
  readonly skipped = new Float64Array(SKIPS.length);
  /** Rows filled in the current slab. */
  count = 0;
  /** No frame of the slab is older than one before it. */
  ordered = true;
  /** The time to which the clock stepped back, if that is why the slab ended. */
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
    let i = this.takePlain(frames);
    for (; i < frames.count && this.count < SLAB_ROWS && this.keepTime(frames.at[i]); i++) this.takeOne(frames, i);
    this.progress.frames += i;
    return i;
  }

  /** Takes the plain, ordered frames at the beginning in one call; returns how many. The rest are taken one by one. */
  private takePlain(frames: Frames): number {
    const { progress, slab, count } = this;
    const plain = this.locate.locatePlain(slab, count, frames, progress.clock, progress.frames + 1, this.shards);
    if (plain > 0) progress.clock = progress.last = frames.at[plain - 1];
    this.count += plain;
    return plain;
  }

  /** Advances the clock to a frame's time; false if that is a step back, so that the frame belongs to the next slab. */
  private keepTime(at: Nanos): boolean {
    const { progress } = this;
    if (at >= progress.clock) progress.clock = progress.last = at;
    else if (at >= progress.clock - REORDERING) {
      progress.last = at;
      this.ordered = false;
      if (at < progress.earliest) progress.earliest = at;
    } else if (!Number.isNaN(at)) {
      this.stepTo = at;
      return false;
    }
    return true;
  }

  private takeOne(frames: Frames, i: number): void {
    const { progress, slab, count: row } = this;
    const { start, end, length, linkType } = frames;
    slab.at[row] = progress.last;
    const skip = this.locate.locate(slab, row, linkType[i], start[i], end[i], length[i], this.shards);
    if (skip === Skip.NONE) {
      slab.frame[row] = progress.frames + i + 1;
      this.count++;
      return;
    }
    this.skipped[skip]++;
    if (skip === Skip.UNSUPPORTED_LINK_TYPE) {
      progress.unsupported.set(linkType[i], (progress.unsupported.get(linkType[i]) ?? 0) + 1);
    }
  }
}
