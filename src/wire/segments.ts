/**
 * Decoded segments of a shard, on their way from the slabs to their flows. They are decoded a slab at a time and wait
 * while an earlier frame, of another capture or out of order, may still come. Each is a record of 32-bit words in a
 * buffer that grows and is reused. native/decode-rows.c writes the same records.
 */
import type { Nanos } from '../base/time.ts';
import type { Segment } from './segment.ts';
import { Flag } from './tcp.ts';

/** Offsets in words within a record; the time is a double and takes two. */
const AT = 0;
const FRAME = 2;
const SRC = 3;
const DST = 4;
const PORTS = 5;
const SCOPE = 6;
const SEQ = 7;
const ACK = 8;
const LENGTH = 9;
const TSVAL = 10;
const TSECR = 11;
/** capture << 16 | IPv4 identification. */
const CAPTURE_ID = 12;
/** window << 16 | TTL << 8 | flags. */
const WINDOW_TTL_FLAGS = 13;
/** MSS << 8 | timestamps << 4 | window scale. */
const OPTIONS = 14;
const SYN_OPTIONS = 15;
const TUPLE = 16;
const FINGERPRINT = 17;
const FINGERPRINT2 = 18;
/** Written by native/look-ahead.c only: row of the segment's flow, plus one; -1: not found; 0: not looked up. */
const FOUND = 19;
const { SYN, RST } = Flag;
/** Even, so that the time of every record is aligned as a double. */
export const SEGMENT_WORDS = 20;
const WORDS = SEGMENT_WORDS;

export class Segments {
  count = 0;
  words: Int32Array;
  private doubles: Float64Array;

  constructor(capacity: number) {
    this.words = new Int32Array(capacity * WORDS);
    this.doubles = new Float64Array(this.words.buffer);
  }

  at(row: number): Nanos {
    return this.doubles[(row * WORDS + AT) >> 1];
  }

  /** The segment has neither SYN nor RST. */
  isOrdinary(row: number): boolean {
    return (this.words[row * WORDS + WINDOW_TTL_FLAGS] & (SYN | RST)) === 0;
  }

  /** Whether the row comes before a frame of `capture` at time `at` that is read later. */
  isBefore(row: number, at: Nanos, capture: number): boolean {
    const own = this.at(row);
    return own < at || (own === at && this.capture(row) <= capture);
  }

  push(s: Segment): void {
    this.reserve(1);
    this.store(this.count++, s);
  }

  store(row: number, s: Segment): void {
    const { words } = this;
    const r = row * WORDS;
    this.doubles[(r + AT) >> 1] = s.at;
    words[r + FRAME] = s.frame;
    words[r + SRC] = s.src;
    words[r + DST] = s.dst;
    words[r + PORTS] = s.ports;
    words[r + SCOPE] = s.scope;
    words[r + SEQ] = s.seq;
    words[r + ACK] = s.ack;
    words[r + LENGTH] = s.length;
    words[r + TSVAL] = s.tsval;
    words[r + TSECR] = s.tsecr;
    words[r + CAPTURE_ID] = (s.capture << 16) | s.ipId;
    words[r + WINDOW_TTL_FLAGS] = (s.window << 16) | (s.ttl << 8) | s.flags;
    words[r + OPTIONS] = (s.mss << 8) | (s.timestamps << 4) | s.windowScale;
    words[r + SYN_OPTIONS] = s.synOptions;
    words[r + TUPLE] = s.tuple;
    words[r + FINGERPRINT] = s.fingerprint;
    words[r + FINGERPRINT2] = s.fingerprint2;
    words[r + FOUND] = 0;
  }

  load(row: number, s: Segment): void {
    const { words } = this;
    const r = row * WORDS;
    s.at = this.doubles[(r + AT) >> 1];
    s.frame = words[r + FRAME] >>> 0;
    s.src = words[r + SRC];
    s.dst = words[r + DST];
    s.ports = words[r + PORTS];
    s.scope = words[r + SCOPE];
    s.seq = words[r + SEQ];
    s.ack = words[r + ACK];
    s.length = words[r + LENGTH];
    s.tsval = words[r + TSVAL];
    s.tsecr = words[r + TSECR];
    s.capture = words[r + CAPTURE_ID] >>> 16;
    s.ipId = words[r + CAPTURE_ID] & 0xffff;
    s.window = words[r + WINDOW_TTL_FLAGS] >>> 16;
    s.ttl = (words[r + WINDOW_TTL_FLAGS] >>> 8) & 0xff;
    s.flags = words[r + WINDOW_TTL_FLAGS] & 0xff;
    s.mss = words[r + OPTIONS] >>> 8;
    s.synOptions = words[r + SYN_OPTIONS];
    s.timestamps = (words[r + OPTIONS] >>> 4) & 15;
    s.windowScale = words[r + OPTIONS] & 15;
    s.tuple = words[r + TUPLE];
    s.fingerprint = words[r + FINGERPRINT];
    s.fingerprint2 = words[r + FINGERPRINT2];
    s.found = words[r + FOUND];
  }

  /** Sorts the rows by (time, capture, frame). */
  sort(): void {
    const { words } = this;
    const order = Uint32Array.from({ length: this.count }, (_, row) => row);
    order.sort(
      (a, b) =>
        this.at(a) - this.at(b) ||
        this.capture(a) - this.capture(b) ||
        (words[a * WORDS + FRAME] >>> 0) - (words[b * WORDS + FRAME] >>> 0),
    );
    const old = words.slice(0, this.count * WORDS);
    for (let row = 0; row < order.length; row++) {
      const from = order[row] * WORDS;
      for (let i = 0; i < WORDS; i++) words[row * WORDS + i] = old[from + i];
    }
  }

  /** Number of rows whose time is at or before `limit`; the rows must be sorted. */
  upTo(limit: Nanos): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) <= limit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Drops the first `rows` rows. */
  drop(rows: number): void {
    if (rows < this.count) this.words.copyWithin(0, rows * WORDS, this.count * WORDS);
    this.count -= rows;
  }

  /** Calls `visit` for both hosts of every row. */
  forEachHost(visit: (host: number, scope: number) => void): void {
    for (let r = 0; r < this.count * WORDS; r += WORDS) {
      visit(this.words[r + SRC], this.words[r + SCOPE]);
      visit(this.words[r + DST], this.words[r + SCOPE]);
    }
  }

  /** Makes room for `rows` more rows. */
  reserve(rows: number): void {
    let length = this.words.length;
    while ((this.count + rows) * WORDS > length) length *= 2;
    if (length === this.words.length) return;
    const grown = new Int32Array(length);
    grown.set(this.words);
    this.words = grown;
    this.doubles = new Float64Array(grown.buffer);
  }

  private capture(row: number): number {
    return this.words[row * WORDS + CAPTURE_ID] >>> 16;
  }
}
