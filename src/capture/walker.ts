/**
 * The interface that both file formats present to the reader: a walker finds whole records in bytes that arrive piece
 * by piece. It delivers frames in columns, a few hundred at a time: a call for each would cost more than the walk.
 */

/** Most bytes of a frame that are looked at, more than any chain of headers has; the rest is passed over. */
export const KEPT_FRAME = 256 << 10;

const CAPACITY = 512;

/** Frames found by a walker, in file order. Offsets are relative to the walked bytes. */
export class Frames {
  count = 0;
  /** Nanoseconds from the origin; NaN when the record has no time. */
  readonly at = new Float64Array(CAPACITY);
  /** Offset of the record. */
  readonly record = new Uint32Array(CAPACITY);
  readonly start = new Uint32Array(CAPACITY);
  /** End of the captured bytes (exclusive). */
  readonly end = new Uint32Array(CAPACITY);
  /** Bytes on the wire. */
  readonly length = new Uint32Array(CAPACITY);
  readonly linkType = new Int32Array(CAPACITY);
  /** The columns that native/locate-plain.c reads, in its order. */
  readonly columns = [this.at, this.start, this.end, this.linkType] as const;

  get full(): boolean {
    return this.count === CAPACITY;
  }

  push(at: number, record: number, start: number, end: number, length: number, linkType: number): void {
    const i = this.count++;
    this.at[i] = at;
    this.record[i] = record;
    this.start[i] = start;
    this.end[i] = end;
    this.length[i] = length;
    this.linkType[i] = linkType;
  }
}

export interface Walker {
  /** `pcap`, `pcap-ns`, `pcapng`, … */
  readonly format: string;
  /** Link types in order of appearance. */
  readonly linkTypes: readonly number[];
  /** What is wrong with the bytes at which the last walk stopped; empty if nothing is. */
  readonly damage: string;
  /** Packets that the capture itself reports as dropped. */
  readonly dropped: number;
  /**
   * Overwrites `frames` with the whole records from `from` on, and returns the offset where it stopped: `from` itself
   * if the first record is incomplete or damaged. If the offset is beyond `to`, the rest of a long record must be
   * passed over unread. A walk may begin again at any record of the previous walk.
   */
  walk(view: DataView, from: number, to: number, frames: Frames): number;
}
