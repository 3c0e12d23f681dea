/**
 * The TCP options that the rules need (RFC 9293 §3.2, RFC 7323): timestamps on all segments, the window scale on SYNs.
 * The walk advances by at least one byte per step, obeys each option's own length and stops at the end of the captured
 * bytes. An option that may be in the part that was not captured is *unknown*, never *absent*; so are timestamps that end
 * beyond the header.
 */
const KIND_END = 0;
const KIND_NOP = 1;
const KIND_MSS = 2;
const KIND_WINDOW_SCALE = 3;
const KIND_TIMESTAMPS = 8;
const KIND_MPTCP = 30;
/** MPTCP subtype, in the upper half of the byte after the length (RFC 8684 §3.2). */
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

/** Shift assumed when the option was not captured: the one that Linux usually sends. */
export const USUAL_WINDOW_SCALE = 7;

/** NOP, NOP, kind 8, length 10: the first four option bytes of nearly every segment with timestamps. */
const NOP_NOP_TIMESTAMPS = 0x0101_080a;

/** The option values of a segment, as `parseOptions` sets them. */
export interface OptionFields {
  timestamps: number;
  tsval: number;
  tsecr: number;
  windowScale: number;
}

/** The options extend from `from` to `to` (exclusive) on the wire; only bytes before `captured` may be read. */
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
    if (length < 2 || at + length > to) {
      // Malformed: nothing after it can be located. Stacks exist that read timestamps from beyond the header.
      if (kind === KIND_TIMESTAMPS && length === TIMESTAMPS_LENGTH) out.timestamps = UNKNOWN;
      return;
    }
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

/** What distinguishes TCP stacks by their SYNs, as `parseSyn` sets it. */
export interface SynSignature {
  mss: number;
  synOptions: number;
}

/** Kinds kept of a SYN: eight of four bits fill 32 bits, and no stack sends more. */
const MAX_KINDS = 8;
const KIND_BITS = 4;
const OTHER_KIND = 15;
/** Stands for MP_JOIN. 13 is the kind of T/TCP's CC.ECHO (RFC 1644), which only its SYN-ACKs had: it becomes 15. */
const JOIN = 13;

/** Whether the SYN asks to join an MPTCP connection; `kinds` as set by `parseSyn`. */
export function asksToJoin(kinds: number): boolean {
  // Tests all eight kinds at once: JOIN becomes four zero bits here, and only zero borrows when 1 is subtracted.
  const others = kinds ^ 0xdddd_dddd;
  return ((others - 0x1111_1111) & ~others & 0x8888_8888) !== 0;
}

/** `kinds` with MP_JOIN as any other high kind (15), so that all SYNs of one stack with MPTCP compare equal. */
export function orderOf(kinds: number): number {
  if (!asksToJoin(kinds)) return kinds;
  let order = kinds;
  for (let shift = 0; shift < MAX_KINDS * KIND_BITS; shift += KIND_BITS) {
    if (((kinds >>> shift) & OTHER_KIND) === JOIN) order |= OTHER_KIND << shift;
  }
  return order;
}

/**
 * Sets what a SYN reveals of its stack (option layout and MSS, as in p0f's signatures). `synOptions` holds the kinds of
 * the options in order, the first in the lowest four bits: kinds above 14 as 15, MP_JOIN as 13. 0 when there are no
 * options, or when some were not captured.
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
