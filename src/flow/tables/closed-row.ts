/**
 * Converts the record of a flow that has closed normally into a row of 160 bytes, and back. The other words of the record
 * follow from those in the row. For example, the last packet of each side carried its FIN or came after it, and
 * acknowledged everything of the peer; and the TIME_WAIT began with the peer's last packet. A record for which that is
 * not true gets no row: one with repeated FINs, an RST, an older incarnation, or a story.
 */
import { Timestamps } from '../../wire/tcp-options.ts';
import { layout } from '../layout.ts';
import type { FlowTable } from './flow-table.ts';

const { L, Phase, FlowBit, SideBit } = layout;
const { PRESENT } = Timestamps;
const { SIDE_A, SIDE_B, SCALE_SHIFT, ROW_BITS } = L;
const { TIME_WAIT } = SideBit;

/** The bits of STATE that must have a certain value in a flow that may rest, and that value. */
const STATE_MASK = L.PHASE_MASK | FlowBit.INDEXED | FlowBit.KEPT | FlowBit.FREE | FlowBit.IN_WHEEL;
const AT_REST = Phase.CLOSED | FlowBit.INDEXED;

/** Offsets of the words of a row; times are doubles. */
const OPENED = 0;
const SENT_AT = 2;
const SENT_AT_B = 4;
const PORTS = 6;
/** 0 in a row that stands for no flow: the flow has left the index, and the wheel has yet to release the row. */
const STATE = 7;
const PAIR = 8;
const CLOCK_SAMPLE = 9;
/** Capture << 16 | flags of the last packet of A << 8 | of B. */
const CAPTURE_FLAGS = 10;
/** The next in a list of the wheel; in a free row the next free row, plus one. */
const NEXT = 11;
const HOST_A = 12;
const HOST_B = 13;
const SCOPE = 14;
const ROW_A = 15;
const ROW_B = 27;
const WORDS = 40;
/**
 * Offsets of the words of a side in a row. BITS also has the timestamps state of the side's last packet, and whether
 * MAX_WINDOW is stored scaled.
 */
const BITS = 0;
const NXT = 1;
const ISN = 2;
const TS_RECENT = 3;
const SYN_TSVAL = 4;
const SENT_TSECR = 5;
const RTT = 6;
const SENT_FRAME = 7;
const BYTES = 8;
/** TTL << 24 | packets. */
const TTL_PACKETS = 9;
/** IPv4 identification << 16 | window, not scaled. */
const ID_WINDOW = 10;
/** Largest window << 16 | bytes of the last packet. */
const MAX_WINDOW_LENGTH = 11;
/** Both within ROW_BITS. */
const STAMPS_SHIFT = 20;
const SCALED = 1 << 22;

const MOST_PACKETS = 2 ** 24;
const MOST_BYTES = 2 ** 32;

/** Offsets of what closed-flows.ts reads in a row without making its record. */
export const ClosedRow = {
  SENT_AT,
  SENT_AT_B,
  HOST_A,
  HOST_B,
  PORTS,
  SCOPE,
  STATE,
  PAIR,
  NEXT,
  BITS: ROW_A + BITS,
  BITS_B: ROW_B + BITS,
  WORDS,
} as const;

export class ClosedRecords {
  private readonly table: FlowTable;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;

  /** `words` and `doubles` are two views of the memory of the rows. */
  constructor(table: FlowTable, words: Int32Array, doubles: Float64Array) {
    this.table = table;
    this.words = words;
    this.doubles = doubles;
  }

  /**
   * Whether a row can hold all of the record. Words that are not compared here are copied into the row, or are always 0
   * in such a record.
   */
  fits(base: number): boolean {
    const { words, doubles } = this.table;
    if ((words[base + L.STATE] & STATE_MASK) !== AT_REST) return false;
    if (words[base + L.STORY] !== 0 || words[base + L.OLDER] !== 0) return false;
    if (doubles[(base + L.RESET_AT) >> 1] !== 0) return false;
    const a = base + SIDE_A;
    const b = base + SIDE_B;
    const lastA = doubles[(a + L.SENT_AT) >> 1];
    const lastB = doubles[(b + L.SENT_AT) >> 1];
    const capture = words[base + L.CAPTURE];
    return (
      doubles[(base + L.LAST) >> 1] === Math.max(lastA, lastB) &&
      doubles[(base + L.GAP) >> 1] === Math.abs(lastA - lastB) &&
      (capture & L.STEPPED) === 0 &&
      words[a + L.SENT_FLAGS] >>> 16 === capture >>> 16 &&
      words[b + L.SENT_FLAGS] >>> 16 === capture >>> 16 &&
      this.sideFits(a, b) &&
      this.sideFits(b, a)
    );
  }

  private sideFits(own: number, peer: number): boolean {
    const { words, doubles } = this.table;
    const nxt = words[own + L.NXT];
    const received = words[peer + L.NXT];
    const flags = words[own + L.SENT_FLAGS];
    const length = words[own + L.SENT_LENGTH];
    const at = doubles[(own + L.SENT_AT) >> 1];
    const entered = (words[own + L.BITS] & TIME_WAIT) === 0 ? 0 : doubles[(peer + L.SENT_AT) >> 1];
    const bytes = doubles[(own + L.BYTES) >> 1];
    const packets = words[own + L.PACKETS];
    const scale = (words[own + L.BITS] >>> SCALE_SHIFT) & 15;
    const window = words[own + L.WINDOW];
    const most = words[own + L.MAX_WINDOW];
    return (
      words[own + L.ACKED] === received &&
      words[own + L.SENT_ACK] === received &&
      words[own + L.FIN_END] === nxt &&
      words[own + L.SENT_SEQ] === ((nxt - length - (flags & 1)) | 0) &&
      words[own + L.SENT_TSVAL] === words[own + L.TS_RECENT] &&
      doubles[(own + L.TS_AT) >> 1] === (((flags >>> 8) & 0xff) === PRESENT ? at : 0) &&
      doubles[(own + L.TW_ENTERED) >> 1] === entered &&
      doubles[(own + L.TW_START) >> 1] === entered &&
      bytes >= 0 &&
      bytes < MOST_BYTES &&
      packets >= 0 &&
      packets < MOST_PACKETS &&
      length >= 0 &&
      length <= 0xffff &&
      (words[own + L.BITS] & ROW_BITS) === 0 &&
      window === (window >>> scale) << scale &&
      window >>> scale <= 0xffff &&
      (isScaled(most, scale) || most >>> 0 <= 0xffff)
    );
  }

  write(row: number, base: number): void {
    const { words: own, doubles: times } = this;
    const { words, doubles } = this.table;
    const flagsA = words[base + SIDE_A + L.SENT_FLAGS];
    const flagsB = words[base + SIDE_B + L.SENT_FLAGS];
    times[(row + OPENED) >> 1] = doubles[(base + L.OPENED) >> 1];
    times[(row + SENT_AT) >> 1] = doubles[(base + SIDE_A + L.SENT_AT) >> 1];
    times[(row + SENT_AT_B) >> 1] = doubles[(base + SIDE_B + L.SENT_AT) >> 1];
    own[row + HOST_A] = words[base + L.HOST_A];
    own[row + HOST_B] = words[base + L.HOST_B];
    own[row + SCOPE] = words[base + L.SCOPE];
    own[row + PORTS] = words[base + L.PORTS];
    own[row + STATE] = words[base + L.STATE];
    own[row + PAIR] = words[base + L.PAIR];
    own[row + CLOCK_SAMPLE] = words[base + L.CLOCK_SAMPLE];
    own[row + CAPTURE_FLAGS] = (words[base + L.CAPTURE] & ~0xffff) | ((flagsA & 0xff) << 8) | (flagsB & 0xff);
    this.writeSide(row + ROW_A, base + SIDE_A);
    this.writeSide(row + ROW_B, base + SIDE_B);
  }

  private writeSide(at: number, side: number): void {
    const { words: own } = this;
    const { words, doubles } = this.table;
    const bits = words[side + L.BITS];
    const scale = (bits >>> SCALE_SHIFT) & 15;
    const most = words[side + L.MAX_WINDOW];
    const scaled = isScaled(most, scale);
    const ttlId = words[side + L.TTL_ID];
    const stamps = ((words[side + L.SENT_FLAGS] >>> 8) & 3) << STAMPS_SHIFT;
    own[at + BITS] = bits | stamps | (scaled ? SCALED : 0);
    own[at + NXT] = words[side + L.NXT];
    own[at + ISN] = words[side + L.ISN];
    own[at + TS_RECENT] = words[side + L.TS_RECENT];
    own[at + SYN_TSVAL] = words[side + L.SYN_TSVAL];
    own[at + SENT_TSECR] = words[side + L.SENT_TSECR];
    own[at + RTT] = words[side + L.RTT];
    own[at + SENT_FRAME] = words[side + L.SENT_FRAME];
    own[at + BYTES] = doubles[(side + L.BYTES) >> 1];
    own[at + TTL_PACKETS] = ((ttlId >>> 16) << 24) | words[side + L.PACKETS];
    own[at + ID_WINDOW] = (ttlId << 16) | (words[side + L.WINDOW] >>> scale);
    own[at + MAX_WINDOW_LENGTH] = ((scaled ? most >>> scale : most) << 16) | words[side + L.SENT_LENGTH];
  }

  /** Restores the record. Every word that is not written here must be 0 before. */
  make(row: number, base: number): void {
    const { words: own, doubles: times } = this;
    const { words, doubles } = this.table;
    const a = base + SIDE_A;
    const b = base + SIDE_B;
    const lastA = times[(row + SENT_AT) >> 1];
    const lastB = times[(row + SENT_AT_B) >> 1];
    words[base + L.HOST_A] = own[row + HOST_A];
    words[base + L.HOST_B] = own[row + HOST_B];
    words[base + L.SCOPE] = own[row + SCOPE];
    words[base + L.PORTS] = own[row + PORTS];
    words[base + L.STATE] = own[row + STATE];
    words[base + L.PAIR] = own[row + PAIR];
    words[base + L.CAPTURE] = own[row + CAPTURE_FLAGS] & ~0xffff;
    doubles[(base + L.LAST) >> 1] = Math.max(lastA, lastB);
    doubles[(base + L.GAP) >> 1] = Math.abs(lastA - lastB);
    this.makeSide(row + ROW_A, a, lastA, lastB, own[row + CAPTURE_FLAGS], (own[row + CAPTURE_FLAGS] >>> 8) & 0xff);
    this.makeSide(row + ROW_B, b, lastB, lastA, own[row + CAPTURE_FLAGS], own[row + CAPTURE_FLAGS] & 0xff);
    words[a + L.ACKED] = words[a + L.SENT_ACK] = own[row + ROW_B + NXT];
    words[b + L.ACKED] = words[b + L.SENT_ACK] = own[row + ROW_A + NXT];
    doubles[(base + L.OPENED) >> 1] = times[(row + OPENED) >> 1];
    words[base + L.CLOCK_SAMPLE] = own[row + CLOCK_SAMPLE];
  }

  private makeSide(from: number, side: number, at: number, peerAt: number, capture: number, flags: number): void {
    const { words: own } = this;
    const { words, doubles } = this.table;
    const bits = own[from + BITS] & ~ROW_BITS;
    const scale = (bits >>> SCALE_SHIFT) & 15;
    const stamps = (own[from + BITS] >>> STAMPS_SHIFT) & 3;
    const nxt = own[from + NXT];
    const length = own[from + MAX_WINDOW_LENGTH] & 0xffff;
    const most = own[from + MAX_WINDOW_LENGTH] >>> 16;
    words[side + L.BITS] = bits;
    words[side + L.NXT] = nxt;
    words[side + L.TS_RECENT] = words[side + L.SENT_TSVAL] = own[from + TS_RECENT];
    doubles[(side + L.TS_AT) >> 1] = stamps === PRESENT ? at : 0;
    words[side + L.WINDOW] = (own[from + ID_WINDOW] & 0xffff) << scale;
    words[side + L.MAX_WINDOW] = (own[from + BITS] & SCALED) === 0 ? most : most << scale;
    words[side + L.PACKETS] = own[from + TTL_PACKETS] & (MOST_PACKETS - 1);
    words[side + L.TTL_ID] = ((own[from + TTL_PACKETS] >>> 24) << 16) | (own[from + ID_WINDOW] >>> 16);
    doubles[(side + L.BYTES) >> 1] = own[from + BYTES] >>> 0;
    doubles[(side + L.SENT_AT) >> 1] = at;
    words[side + L.SENT_FRAME] = own[from + SENT_FRAME];
    words[side + L.SENT_FLAGS] = (capture & ~0xffff) | (stamps << 8) | flags;
    words[side + L.SENT_SEQ] = (nxt - length - (flags & 1)) | 0;
    words[side + L.SENT_TSECR] = own[from + SENT_TSECR];
    words[side + L.SENT_LENGTH] = length;
    words[side + L.ISN] = own[from + ISN];
    words[side + L.FIN_END] = nxt;
    words[side + L.RTT] = own[from + RTT];
    const entered = (bits & TIME_WAIT) === 0 ? 0 : peerAt;
    doubles[(side + L.TW_ENTERED) >> 1] = entered;
    doubles[(side + L.TW_START) >> 1] = entered;
    words[side + L.SYN_TSVAL] = own[from + SYN_TSVAL];
  }
}

const isScaled = (window: number, scale: number): boolean =>
  window === (window >>> scale) << scale && window >>> scale <= 0xffff;
