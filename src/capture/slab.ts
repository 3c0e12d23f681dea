/**
 * A slab is one SharedArrayBuffer: raw capture bytes and typed columns with one row for each frame that carries a TCP
 * segment. The reader fills it, every shard reads it, nobody copies it. A slab holds frames of one capture only, in
 * file order, and never spans a clock step.
 */
import type { Nanos } from '../base/time.ts';
import type { Span } from './losses.ts';

/** Why a frame yields no segment: the index is the Skip code, the tally's name `skipped.<reason>`; `none`: it does. */
export const SKIPS = [
  'none',
  'not-ip',
  'not-tcp',
  'fragment',
  'cut-short',
  'bad-header',
  'icmp-quoted',
  'unsupported-link-type',
  'filtered',
] as const;
export type SkipReason = (typeof SKIPS)[number];
export const Skip = {
  NONE: 0,
  NOT_IP: 1,
  NOT_TCP: 2,
  FRAGMENT: 3,
  CUT_SHORT: 4,
  BAD_HEADER: 5,
  ICMP_QUOTED: 6,
  UNSUPPORTED_LINK_TYPE: 7,
  /** The user's filter excludes it. */
  FILTERED: 8,
} as const;

/** Bit of `scope` set when the row's addresses are IPv6. The other bits number the VLAN and tunnel stack, 0: none. */
export const SCOPE_IPV6 = 0x8000_0000 | 0;

export const SLAB_ROWS = 16_384;
const SLAB_BYTES = 2 << 20;

export class Slab {
  readonly buffer: SharedArrayBuffer;
  /** Capture time in nanoseconds from the run's origin (base/time.ts). */
  readonly at: Float64Array;
  /** Offset in `bytes` of the innermost IP header. */
  readonly ipAt: Uint32Array;
  /** Offset in `bytes` of the TCP header. */
  readonly tcpAt: Uint32Array;
  /** Offset in `bytes` where the captured part of the segment ends (exclusive), without Ethernet padding. */
  readonly end: Uint32Array;
  /** Length of the whole segment on the wire, TCP header included; may exceed `end - tcpAt`. */
  readonly length: Uint32Array;
  /** Frame number within the capture, from 1, as in tshark. */
  readonly frame: Uint32Array;
  /** Number of the VLAN and tunnel stack (scope.ts), with SCOPE_IPV6. */
  readonly scope: Int32Array;
  /** The shard that processes the row: the symmetric host-pair hash modulo the number of shards. */
  readonly shard: Uint8Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** All columns, in the order of native/columns.h. */
  readonly columns: readonly [
    at: Float64Array,
    ipAt: Uint32Array,
    tcpAt: Uint32Array,
    end: Uint32Array,
    length: Uint32Array,
    frame: Uint32Array,
    scope: Int32Array,
    shard: Uint8Array,
    bytes: Uint8Array,
  ];

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(SLAB_ROWS * ROW_SIZE + SLAB_BYTES)) {
    this.buffer = buffer;
    let next = 0;
    const column = (size: number): [SharedArrayBuffer, number, number] => {
      const from = next;
      next += size * SLAB_ROWS;
      return [buffer, from, SLAB_ROWS];
    };
    // Widest columns first, so that alignment takes care of itself.
    this.at = new Float64Array(...column(8));
    this.ipAt = new Uint32Array(...column(4));
    this.tcpAt = new Uint32Array(...column(4));
    this.end = new Uint32Array(...column(4));
    this.length = new Uint32Array(...column(4));
    this.frame = new Uint32Array(...column(4));
    this.scope = new Int32Array(...column(4));
    this.shard = new Uint8Array(...column(1));
    this.bytes = new Uint8Array(buffer, next);
    this.view = new DataView(buffer, next);
    this.columns = [
      this.at,
      this.ipAt,
      this.tcpAt,
      this.end,
      this.length,
      this.frame,
      this.scope,
      this.shard,
      this.bytes,
    ];
  }
}

const ROW_SIZE = 8 + 6 * 4 + 1;

/** What the reader sends every shard with a filled slab, in one message: plain values. */
export interface Batch {
  /** Rows filled. May be 0: the batch then only advances time. */
  rows: number;
  /** Index in the run, from 0, of the capture that the rows belong to. */
  capture: number;
  /**
   * No later row of this epoch is earlier than this instant: segments up to and including it may be processed, in order
   * of (time, capture, frame). Later segments wait, because frames of other captures, or frames out of order by up to
   * 10 ms, may still come before them. Infinity at the end of the input.
   */
  limit: number;
  /** The capture clock stepped back by more than 10 ms just before this slab: a new epoch begins with it. */
  stepped: boolean;
  /** Packets were lost before this slab was read: segments that seem to be missing may be among them. */
  incomplete: boolean;
  /** When they were lost, as far as is known. */
  losses: readonly Span<Nanos>[];
  /** The rows are in order of time, as in nearly every slab. */
  ordered: boolean;
  /** Segments that ICMP errors have quoted since the last batch (wire/icmp-errors.ts). */
  quoted?: readonly string[] | undefined;
  /** Live: the shards must judge the run so far now, before the next regular time. */
  judge?: boolean;
}
