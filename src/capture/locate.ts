/** The seam between the reader and the headers: `wire/` implements it, `analyse()` puts the two together. */
import type { Nanos } from '../base/time.ts';
import type { Slab } from './slab.ts';
import type { Frames } from './walker.ts';

export interface Locate {
  /**
   * Finds the innermost TCP segment of the frame at `start … end` of the slab's bytes, `length` bytes on the wire, and
   * fills the row except for `at` and `frame`. Returns a Skip code; with anything but NONE the row is left unused.
   */
  locate(slab: Slab, row: number, linkType: number, start: number, end: number, length: number, shards: number): number;
  /**
   * Where there is a faster way for plain frames: fills a whole row for each of the first frames of a batch, as long as
   * they are plain and none is older than the one before it, nor the first than `clock`. `number` is that of the first
   * frame. Returns how many; `locate` says the same of each.
   */
  locatePlain(slab: Slab, row: number, frames: Frames, clock: Nanos, number: number, shards: number): number;
}
