/**
 * What the two file formats have in common for the reader: a walker finds whole records in bytes that arrive piece by
 * piece. It hands frames over in columns, a few hundred at a time: a call for each would cost more than the walk.
 */

/** Bytes of one frame that are looked at; the rest of a longer frame is passed over. No header chain is as long. */
export const KEPT_FRAME = 256 << 10;

const CAPACITY = 512;

/** Frames as a walker found them, in file order. Offsets are into the walked bytes. */
export class Frames {
  count = 0;
  /** Nanoseconds from the origin; NaN when the record has no time. */
  readonly at = new Float64Array(CAPACITY);
  /** Where its record begins. */
  readonly record = new Uint32Array(CAPACITY);
  readonly start = new Uint32Array(CAPACITY);
  /** End of the captured bytes (exclusive). */
  readonly end = new Uint32Array(CAPACITY);
  /** Bytes on the wire. */
  readonly length = new Uint32Array(CAPACITY);
  readonly linkType = new Int32Array(CAPACITY);
  /** What a frame is located by, in the order that native/locate-plain.c knows it in. */
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
  /** What is wrong with the bytes at which the last walk stopped; empty while all is well. */
  readonly damage: string;
  /** Packets that the capturing side says it lost. */
  readonly dropped: number;
  /**
   * Overwrites `frames` with whole records from `from` on, and returns where it stopped: `from` itself if the first
   * record is not whole or is damaged. May lie beyond `to`: the rest of a long record is then to be passed over unseen.
   * A walk may begin again at any record of the walk before.
   */
  walk(view: DataView, from: number, to: number, frames: Frames): number;
}
