/**
 * What the two file formats have in common for the reader: a walker finds whole records in bytes that arrive piece by
 * piece and offers each frame to a sink. It keeps nothing but its place in the format: bytes belong to the caller.
 */

/** Bytes of one frame that are looked at; the rest of a longer frame is passed over. No header chain is as long. */
export const KEPT_FRAME = 256 << 10;

export interface FrameSink {
  /**
   * One frame at `start … end` of the walked bytes, `length` bytes on the wire; `at` is nanoseconds from the origin,
   * NaN when the record has no time. False: not taken, the walk stops before this record.
   */
  frame(at: number, start: number, end: number, length: number, linkType: number): boolean;
}

export interface Walker {
  /** `pcap`, `pcap-ns`, `pcapng`, … */
  readonly format: string;
  /** Link types in order of appearance. */
  readonly linkTypes: number[];
  /** What is wrong with the bytes at which the walk stopped for good; empty while all is well. */
  readonly damage: string;
  /** Packets that the capturing side says it lost. */
  readonly dropped: number;
  /**
   * Walks whole records from `from`. Returns where it stopped: the first record that is not whole, was not taken by
   * the sink or is damaged. May lie beyond `to`: the rest of a long record is then to be passed over unseen.
   */
  walk(view: DataView, from: number, to: number, sink: FrameSink): number;
}
