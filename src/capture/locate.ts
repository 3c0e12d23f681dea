/** The seam between the reader and the headers: `wire/` implements it, `analyse()` puts the two together. */
import type { Slab } from './slab.ts';

export interface Locate {
  /**
   * Finds the innermost TCP segment of the frame at `start … end` of the slab's bytes, `length` bytes on the wire, and
   * fills the row except for `at` and `frame`. Returns a Skip code; with anything but NONE the row is left unused.
   */
  locate(slab: Slab, row: number, linkType: number, start: number, end: number, length: number, shards: number): number;
}
