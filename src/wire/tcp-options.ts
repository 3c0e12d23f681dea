/**
 * The TCP options that the rules need (RFC 9293 §3.2, RFC 7323): timestamps everywhere, the window scale on SYNs.
 * The walk advances by at least one byte a step, obeys each option's own length and stops at the captured end. An
 * option that may lie in the part that was not captured is *unknown*, never *absent*.
 */
const KIND_END = 0;
const KIND_NOP = 1;
const KIND_MSS = 2;
const KIND_WINDOW_SCALE = 3;
const KIND_TIMESTAMPS = 8;
const KIND_MPTCP = 30;
/** In the upper half of the byte after the length (RFC 8684 §3.2). */
const MP_JOIN = 1;
const MSS_LENGTH = 4;
const WINDOW_SCALE_LENGTH = 3;
const TIMESTAMPS_LENGTH = 10;
/** RFC 7323 §2.3: a larger shift counts as 14. */
const MAX_WINDOW_SCALE = 14;

export const Timestamps = { ABSENT: 0, PRESENT: 1, UNKNOWN: 2 } as const;
const { ABSENT, PRESENT, UNKNOWN } = Timestamps;

/** `windowScale` of a segment without that option. */
export const NO_WINDOW_SCALE = 15;
const NO_SCALE = NO_WINDOW_SCALE;

/** Shift assumed where the option was not captured: Linux's usual one. */
export const USUAL_WINDOW_SCALE = 7;

/** NOP, NOP, kind 8, length 10: what nearly every segment with timestamps begins its options with. */
const NOP_NOP_TIMESTAMPS = 0x0101_080a;

/** Where the options of a segment go. */
export interface OptionFields {
  timestamps: number;
  tsval: number;
  tsecr: number;
  windowScale: number;
}

/** Options lie in `from` … `to` (exclusive) on the wire; bytes before `captured` (exclusive) may be read. */
export function parseOptions(view: DataView, from: number, to: number, captured: number, out: OptionFields): void {
  out.windowScale = NO_SCALE;
  if (to - from === 12 && captured >= to && view.getInt32(from) === NOP_NOP_TIMESTAMPS) {
    out.timestamps = PRESENT;
    out.tsval = view.getInt32(from + 4);
    out.tsecr = view.getInt32(from + 8);
    return;
  }
  walkOptions(view, from, to, captured, out);
}

function walkOptions(view: DataView, from: number, to: number, captured: number, out: OptionFields): void {
  out.timestamps = ABSENT;
  out.tsval = out.tsecr = 0;
  const end = Math.min(to, captured);
  let at = from;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === KIND_END) return;
    if (kind === KIND_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) break;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > to) return; // malformed: nothing after it can be located
    if (at + length > end) break;
    if (kind === KIND_TIMESTAMPS && length === TIMESTAMPS_LENGTH) {
      out.timestamps = PRESENT;
      out.tsval = view.getInt32(at + 2);
      out.tsecr = view.getInt32(at + 6);
    } else if (kind === KIND_WINDOW_SCALE && length === WINDOW_SCALE_LENGTH) {
      out.windowScale = Math.min(view.getUint8(at + 2), MAX_WINDOW_SCALE);
    }
    at += length;
  }
  if (captured >= to) return;
  if (out.timestamps === ABSENT) out.timestamps = UNKNOWN;
  if (out.windowScale === NO_SCALE) out.windowScale = USUAL_WINDOW_SCALE;
}

/** Where what tells one stack from another goes. */
export interface SynSignature {
  mss: number;
  synOptions: number;
}

/** Four bits a kind: more do not fit, and no stack sends more kinds than eight. */
const MAX_KINDS = 8;
const KIND_BITS = 4;
const OTHER_KIND = 15;
/** MP_JOIN has the place of CC.ECHO, which only SYN-ACKs of T/TCP bore (RFC 1644) and which is another kind here. */
const JOIN = 13;

/** The SYN asks to join an MPTCP connection; `kinds` as of `parseSyn`. */
export function asksToJoin(kinds: number): boolean {
  // Whether one of the eight is JOIN: where it is, its four bits are 0 here, and only 0 borrows.
  const others = kinds ^ 0xdddd_dddd;
  return ((others - 0x1111_1111) & ~others & 0x8888_8888) !== 0;
}

/** The same order of options without saying that one of them is MP_JOIN: the stack is that of its other SYNs. */
export function orderOf(kinds: number): number {
  if (!asksToJoin(kinds)) return kinds;
  let order = kinds;
  for (let shift = 0; shift < MAX_KINDS * KIND_BITS; shift += KIND_BITS) {
    if (((kinds >>> shift) & OTHER_KIND) === JOIN) order |= OTHER_KIND << shift;
  }
  return order;
}

/**
 * What a SYN says of its stack (the option layout and MSS of p0f's signatures): the kinds of its options in order, the
 * first in the lowest four bits, kinds above 14 as 15, MP_JOIN as 13. 0 when there are none, or when some were not captured.
 */
export function parseSyn(view: DataView, from: number, to: number, captured: number, out: SynSignature): void {
  out.mss = 0;
  out.synOptions = 0;
  if (captured < to) return;
  let kinds = 0;
  let seen = 0;
  for (let at = from; at < to; seen++) {
    const kind = view.getUint8(at);
    if (kind === KIND_END) break;
    if (seen < MAX_KINDS) kinds |= (kind === JOIN ? OTHER_KIND : Math.min(kind, OTHER_KIND)) << (seen * KIND_BITS);
    if (kind === KIND_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < to ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > to) break;
    if (kind === KIND_MPTCP && length > 2 && seen < MAX_KINDS && view.getUint8(at + 2) >>> 4 === MP_JOIN) {
      kinds ^= (OTHER_KIND ^ JOIN) << (seen * KIND_BITS);
    }
    if (kind === KIND_MSS && length === MSS_LENGTH) out.mss = view.getUint16(at + 2);
    at += length;
  }
  out.synOptions = kinds;
}
