/**
 * Takes the frames that a walker finds and fills the rows of a slab. Keeps the clock of the capture that is being
 * read: a frame up to 10 ms older than the clock is taken as it is (shards sort), an older one is a clock step and
 * is left for the next slab.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { isSupported } from './link.ts';
import type { Locate } from './locate.ts';
import { SKIPS, Skip, SLAB_ROWS, type Slab } from './slab.ts';
import type { FrameSink } from './walker.ts';

/** Frames out of order by no more are repaired (design.md §7). */
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

export class Rows implements FrameSink {
  /** Frames of all captures by Skip code. */
  readonly skipped = new Float64Array(SKIPS.length);
  /** Rows filled in the current slab. */
  count = 0;
  /** A frame was not taken: the slab ends before it. */
  stopped = false;
  /** The time that the clock stepped back to, when that is why. */
  stepTo: Nanos | undefined;
  readonly #locate: Locate;
  #slab!: Slab;
  #shards = 1;
  #progress = new Progress(0);

  constructor(locate: Locate) {
    this.#locate = locate;
  }

  begin(slab: Slab, shards: number, progress: Progress): void {
    this.#slab = slab;
    this.#shards = shards;
    this.#progress = progress;
    this.count = 0;
    this.stopped = false;
    this.stepTo = undefined;
  }

  frame(at: Nanos, start: number, end: number, length: number, linkType: number): boolean {
    const progress = this.#progress;
    if (this.count === SLAB_ROWS) {
      this.stopped = true;
      return false;
    }
    let time = at;
    if (at >= progress.clock) progress.clock = at;
    else if (at < progress.clock - REORDERING) {
      this.stepTo = at;
      this.stopped = true;
      return false;
    } else if (at < progress.earliest) progress.earliest = at;
    else if (Number.isNaN(at)) time = progress.last;
    progress.last = time;
    progress.frames++;

    const slab = this.#slab;
    const row = this.count;
    const skip = this.#locate.locate(slab, row, linkType, start, end, length, this.#shards);
    if (skip === Skip.NONE) {
      slab.at[row] = time;
      slab.frame[row] = progress.frames;
      this.count = row + 1;
      return true;
    }
    this.skipped[skip]!++;
    if (skip === Skip.UNSUPPORTED_LINK_TYPE) {
      progress.unsupported.set(linkType, (progress.unsupported.get(linkType) ?? 0) + 1);
    }
    return true;
  }
}

/** Looks at frames without locating anything: when the first one was, and whether any can be used. */
export class Scan implements FrameSink {
  /** Time of the first frame that has one, else NaN. */
  first: Nanos = Number.NaN;
  frames = 0;
  usable = false;

  frame(at: Nanos, _start: number, _end: number, _length: number, linkType: number): boolean {
    if (Number.isNaN(this.first)) this.first = at;
    if (linkType >= 0) {
      this.frames++;
      this.usable ||= isSupported(linkType);
    }
    return true;
  }
}
