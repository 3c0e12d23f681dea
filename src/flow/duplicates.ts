/**
 * Capture duplicates: one packet recorded twice, by `-i any`, by two interfaces, or before and after a router or a
 * VLAN tag (docs/rules.md D0.3). Copies agree in addresses, ports, flags, numbers, timestamps, length and IPv4
 * identification. TTL, VLAN and interface may differ, so copies are recognised before the flow is looked up. A segment
 * is remembered for exactly its window, however many others the shard sees, so results do not depend on sharding.
 *
 * Segments come in time order, so the memory is a ring of the last milliseconds, small enough for the processor's first
 * cache. Hash chains run through it as in LZ77, and a search ends at the first entry that is too old.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';

const { ACK, RST, SYN } = Flag;
const IPV6 = SCOPE_IPV6;

export const WINDOW: Nanos = 5 * MILLISECOND;
/** A retransmitted SYN comes much later (LEAST_SYN_RTO) and with a newer TSval, so copies of SYNs are given more time. */
const SYN_WINDOW: Nanos = 50 * MILLISECOND;

/** Offsets of the words of an entry: fingerprint, time (f64), distance to the previous entry of its chain, and scope. */
const H = 0;
const G = 1;
const AT = 2;
const BACK = 4;
const SCOPE = 5;
const ENTRY_WORDS = 6;
/** Offsets of the words of `ring`. */
const NEXT = 0;
const KEPT = 1;
const FIRST_ENTRIES = 256;
/**
 * Enough for 10 million segments a second, in 16 MiB. In captures whose packets all have the same time, the oldest
 * segments are forgotten.
 */
const MAX_ENTRIES = 1 << 16;
const MAX_SYN_ENTRIES = 1 << 19;
/** Chains have two or three entries, unless a capture was made on purpose to fill one. */
export const MAX_STEPS = 32;

/** Two bare RSTs without an IPv4 identification that answer two segments are as equal as two copies of one. */
export const mayBeAnother = ({ flags, ipId }: Segment): boolean => (flags & (RST | ACK)) === RST && ipId === 0;

export class Duplicates {
  /** Also used by native/follow.c. */
  readonly packets = new Recent(WINDOW, MAX_ENTRIES);
  private readonly syns = new Recent(SYN_WINDOW, MAX_SYN_ENTRIES);
  /** When `seen` has found a copy: VLAN and tunnel of the first one. */
  firstScope = 0;
  /** And when it was captured. */
  firstAt: Nanos = 0;

  /** Whether the segment is a copy of one seen a moment ago; if not, it is remembered. Segments come in time order. */
  seen(s: Segment): boolean {
    const { at, flags, scope } = s;
    const recent = (flags & SYN) === 0 ? this.packets : this.syns;
    if (!recent.seen(s.fingerprint, s.fingerprint2, at, scope)) return false;
    this.firstScope = recent.firstScope;
    this.firstAt = recent.firstAt;
    return true;
  }

  /** Forgets all segments: the clock has stepped, or host numbers are about to be given to other hosts. */
  clear(): void {
    this.packets.clear();
    this.syns.clear();
  }
}

/** Fingerprints of the segments of the last `window`. Entries are numbered in their order; the numbers wrap around. */
export class Recent {
  private readonly window: Nanos;
  private readonly maxEntries: number;
  words!: Int32Array;
  private doubles!: Float64Array;
  /** Number of the newest entry of each chain. */
  heads!: Int32Array;
  /** Number of the next entry, and how many entries before it are still in the ring. */
  readonly ring = new Int32Array(2);
  firstScope = 0;
  firstAt: Nanos = 0;

  constructor(window: Nanos, maxEntries: number) {
    this.window = window;
    this.maxEntries = maxEntries;
    this.allocate(FIRST_ENTRIES);
  }

  seen(h: number, g: number, at: Nanos, scope: number): boolean {
    const { words, doubles, heads, ring } = this;
    const next = ring[NEXT];
    const kept = ring[KEPT];
    const mask = heads.length - 1;
    const since = at - this.window;
    // The entry that a head names may have been overwritten, and after 2^31 entries another may have its number.
    const newest = (next - heads[h & mask]) | 0;
    for (let back = newest, steps = 0; back > 0 && back <= kept && steps < MAX_STEPS; steps++) {
      const entry = ((next - back) & mask) * ENTRY_WORDS;
      if (doubles[(entry + AT) >> 1] < since) break;
      if (words[entry + H] === h && words[entry + G] === g) {
        this.firstAt = doubles[(entry + AT) >> 1];
        this.firstScope = (words[entry + SCOPE] & ~IPV6) | (scope & IPV6);
        return true;
      }
      const step = words[entry + BACK];
      if (step === 0) break;
      back += step;
    }
    this.add(h, g, at, scope);
    return false;
  }

  clear(): void {
    this.ring[KEPT] = 0;
  }

  private add(h: number, g: number, at: Nanos, scope: number): void {
    const { words, doubles, heads, ring } = this;
    const next = ring[NEXT];
    const kept = ring[KEPT];
    const mask = heads.length - 1;
    const entry = (next & mask) * ENTRY_WORDS;
    if (kept > mask) {
      const oldest = doubles[(entry + AT) >> 1];
      if (oldest >= at - this.window && kept < this.maxEntries) {
        this.grow();
        this.add(h, g, at, scope);
        return;
      }
    } else ring[KEPT] = kept + 1;
    const back = (next - heads[h & mask]) | 0;
    words[entry + H] = h;
    words[entry + G] = g;
    doubles[(entry + AT) >> 1] = at;
    words[entry + BACK] = back > 0 && back <= kept ? back : 0;
    words[entry + SCOPE] = scope;
    heads[h & mask] = next;
    ring[NEXT] = next + 1;
  }

  private allocate(entries: number): void {
    this.words = new Int32Array(entries * ENTRY_WORDS);
    this.doubles = new Float64Array(this.words.buffer);
    this.heads = new Int32Array(entries);
    this.ring.fill(0);
  }

  /** All segments in the ring may still be followed by copies, so it needs more room. */
  private grow(): void {
    const { words, doubles, heads } = this;
    const next = this.ring[NEXT];
    this.allocate(heads.length * 2);
    for (let back = heads.length; back > 0; back--) {
      const entry = ((next - back) & (heads.length - 1)) * ENTRY_WORDS;
      this.add(words[entry + H], words[entry + G], doubles[(entry + AT) >> 1], words[entry + SCOPE]);
    }
  }
}
