/**
 * Capture duplicates: one packet recorded twice, by `-i any`, by two interfaces, or before and after a router or a
 * VLAN tag (docs/rules.md D0.3). Copies agree in addresses, ports, flags, numbers, timestamps, length and IPv4
 * identification; TTL, VLAN and interface may differ, so this is told before the tuple is formed. The memory is
 * exact: a segment is forgotten only when its time is over, whatever else the shard sees.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';

const { SYN } = Flag;
const { PRESENT } = Timestamps;
const IPV6 = SCOPE_IPV6;

const WINDOW: Nanos = 5 * MILLISECOND;
/** A retransmitted SYN comes 200 ms later at the earliest and with a newer TSval, so its copies get more time. */
const SYN_WINDOW: Nanos = 50 * MILLISECOND;

/**
 * An entry: two words of fingerprint, and as f64 until when it counts. Four entries are one bucket, one cache line. A
 * segment may lie in either of two buckets, so that the table can be half full before one overflows, and stays in cache.
 */
const EXPIRY = 2;
const ENTRY_WORDS = 4;
const BUCKET_WORDS = 4 * ENTRY_WORDS;
const FIRST_BUCKETS = 256;
/** 16 MiB: exact up to 10 million segments a second. Of crafted or timeless captures the oldest copies are forgotten. */
const MAX_BUCKETS = 1 << 18;

export class Duplicates {
  private words!: Int32Array;
  private doubles!: Float64Array;
  /** Scope by entry. Written only once a VLAN or tunnel has been seen. */
  private scopes!: Int32Array;
  private scoped = false;
  /** Added to every time, so that the clock of this table never steps back. */
  private shift = 0;
  private latest: Nanos = 0;
  private stepped = false;
  private free = -1;
  /** VLAN and tunnel of the first copy, after `seen` has found one. */
  firstScope = 0;

  constructor() {
    this.allocate(FIRST_BUCKETS);
  }

  /** True when the segment repeats one seen a moment ago; otherwise remembers it. Segments come in time order. */
  seen(s: Segment): boolean {
    const stamped = s.timestamps === PRESENT;
    const tsval = stamped ? s.tsval : 0;
    const tsecr = stamped ? s.tsecr : 0;
    const { src, dst, ports, seq, ack } = s;
    const meta = (s.flags << 16) | s.ipId;
    // Independent products, so that they overlap in the processor; mixed to the last bit once.
    const h = finish(
      Math.imul(src, 0x9e3779b1) ^
        Math.imul(dst, 0x85ebca6b) ^
        Math.imul(ports, 0xc2b2ae35) ^
        Math.imul(seq, 0x27d4eb2f) ^
        Math.imul(ack, 0x165667b1) ^
        Math.imul(meta, 0x7feb352d) ^
        Math.imul(tsval, 0x846ca68b),
    );
    const g = finish(
      Math.imul(seq ^ rotate(src, 7), 0x2c1b3c6d) ^
        Math.imul(ack ^ rotate(ports, 13), 0x297a2d39) ^
        Math.imul(tsval ^ rotate(dst, 19) ^ rotate(tsecr, 11), 0x1b873593) ^
        Math.imul(s.length ^ rotate(meta, 5), 0x38b34ae5),
    );
    if (this.stepped) this.goOn(s.at);
    const at = s.at + this.shift;
    this.latest = at;
    const mask = this.words.length - 1;
    const first = Math.imul(h, BUCKET_WORDS) & mask;
    const second = Math.imul(g, BUCKET_WORDS) & mask;
    if (this.holds(first, h, g, at, s.scope)) return true;
    let free = this.free;
    if (this.holds(second, h, g, at, s.scope)) return true;
    if (free < 0) free = this.free;
    if (free < 0) {
      if (mask + 1 < MAX_BUCKETS * BUCKET_WORDS) {
        this.grow(at);
        return this.seen(s);
      }
      free = this.soonest(first);
    }
    const { words, doubles } = this;
    words[free] = h;
    words[free + 1] = g;
    doubles[(free + EXPIRY) >> 1] = at + ((s.flags & SYN) === 0 ? WINDOW : SYN_WINDOW);
    const scope = s.scope & ~IPV6;
    if (scope !== 0) this.scoped = true;
    if (this.scoped) this.scopes[free / ENTRY_WORDS] = scope;
    return false;
  }

  /** Looks for the segment in a bucket; `free` becomes an entry there that may be overwritten, or -1. */
  private holds(bucket: number, h: number, g: number, at: Nanos, scope: number): boolean {
    const { words, doubles } = this;
    this.free = -1;
    for (let entry = bucket; entry < bucket + BUCKET_WORDS; entry += ENTRY_WORDS) {
      if (doubles[(entry + EXPIRY) >> 1]! < at) this.free = entry;
      else if (words[entry] === h && words[entry + 1] === g) {
        this.firstScope = this.scopes[entry / ENTRY_WORDS]! | (scope & IPV6);
        return true;
      }
    }
    return false;
  }

  /** Everything seen so far belongs to another time, or to other hosts. */
  clear(): void {
    this.stepped = true;
  }

  private goOn(at: Nanos): void {
    this.shift = this.latest + 2 * SYN_WINDOW - at;
    this.stepped = false;
  }

  /** The entry of a bucket that would be forgotten first. */
  private soonest(bucket: number): number {
    let first = bucket;
    for (let entry = bucket + ENTRY_WORDS; entry < bucket + BUCKET_WORDS; entry += ENTRY_WORDS) {
      if (this.doubles[(entry + EXPIRY) >> 1]! < this.doubles[(first + EXPIRY) >> 1]!) first = entry;
    }
    return first;
  }

  private allocate(buckets: number): void {
    this.words = new Int32Array(buckets * BUCKET_WORDS);
    this.doubles = new Float64Array(this.words.buffer);
    for (let i = EXPIRY / 2; i < this.doubles.length; i += ENTRY_WORDS / 2) this.doubles[i] = Number.NEGATIVE_INFINITY;
    this.scopes = new Int32Array((buckets * BUCKET_WORDS) / ENTRY_WORDS);
  }

  /** A bucket is full of segments that may still be repeated: more buckets, until none is. */
  private grow(now: Nanos): void {
    const { words, doubles, scopes } = this;
    for (let buckets = (words.length / BUCKET_WORDS) * 2; ; buckets *= 2) {
      this.allocate(buckets);
      let fits = true;
      for (let from = 0; from < words.length && fits; from += ENTRY_WORDS) {
        const expiry = doubles[(from + EXPIRY) >> 1]!;
        if (expiry >= now) fits = this.move(words[from]!, words[from + 1]!, scopes[from / ENTRY_WORDS]!, expiry);
      }
      if (fits || buckets >= MAX_BUCKETS) return;
    }
  }

  private move(h: number, g: number, scope: number, expiry: Nanos): boolean {
    const mask = this.words.length - 1;
    for (const bucket of [Math.imul(h, BUCKET_WORDS) & mask, Math.imul(g, BUCKET_WORDS) & mask]) {
      for (let entry = bucket; entry < bucket + BUCKET_WORDS; entry += ENTRY_WORDS) {
        if (this.doubles[(entry + EXPIRY) >> 1] !== Number.NEGATIVE_INFINITY) continue;
        this.words[entry] = h;
        this.words[entry + 1] = g;
        this.doubles[(entry + EXPIRY) >> 1] = expiry;
        this.scopes[entry / ENTRY_WORDS] = scope;
        return true;
      }
    }
    return false;
  }
}

const rotate = (a: number, bits: number): number => (a << bits) | (a >>> (32 - bits));

function finish(mixed: number): number {
  const h = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return h ^ (h >>> 15);
}
