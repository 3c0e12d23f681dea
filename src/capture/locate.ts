/** The interface between the reader and the parsing of headers: `wire/` implements it, `analyse()` connects the two. */
import type { Nanos } from '../base/time.ts';
import type { Slab } from './slab.ts';
import type { Frames } from './walker.ts';

export interface Locate {
  /**
   * Finds the innermost TCP segment of the frame at `start … end` of the slab's bytes, `length` bytes long on the wire,
   * and fills the row except for `at`, which is set, and `frame`. Returns a Skip code; unless it is NONE, the row is not
   * used.
   */
  locate(slab: Slab, row: number, linkType: number, start: number, end: number, length: number, shards: number): number;
  /**
   * A faster way for plain frames, where there is one: fills a whole row for each frame at the beginning of a batch, as
   * long as the frames are plain and none is older than the one before it or than `clock`. `number` is the number of
   * the first frame. Returns how many frames were taken; for each of them `locate` gives the same result.
   */
  locatePlain(slab: Slab, row: number, frames: Frames, clock: Nanos, number: number, shards: number): number;
}
