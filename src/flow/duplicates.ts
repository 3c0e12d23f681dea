/**
 * Capture duplicates: one packet recorded twice, by `-i any`, by two interfaces, or before and after a router or a
 * VLAN tag (docs/rules.md D0.3). Copies agree in addresses, ports, flags, numbers, timestamps, length and IPv4
 * identification; TTL, VLAN and interface may differ, so this is told before the tuple is formed. The memory is
 * exact: a segment is forgotten only when its time is over, whatever else the shard sees.
 *
 * Segments come in time order, so what is remembered is a ring of the last milliseconds, small enough for the
 * processor's first cache, with hash chains through it as in LZ77: a search ends at the first entry that is too old.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';

const { ACK, RST, SYN } = Flag;
const IPV6 = SCOPE_IPV6;

export const WINDOW: Nanos = 5 * MILLISECOND;
/** A SYN that is sent again comes much later (LEAST_SYN_RTO) and with a newer TSval, so its copies get more time. */
const SYN_WINDOW: Nanos = 50 * MILLISECOND;

/** Words of an entry: its fingerprint, its time as f64, how many entries ago the one before it in its chain came. */
const H = 0;
const G = 1;
const AT = 2;
const BACK = 4;
const SCOPE = 5;
const ENTRY_WORDS = 6;
/** Words of `ring`. */
const NEXT = 0;
const KEPT = 1;
const FIRST_ENTRIES = 256;
/** Both exact up to 10 million segments a second, in 16 MiB. Of timeless captures the oldest copies are forgotten. */
const MAX_ENTRIES = 1 << 16;
const MAX_SYN_ENTRIES = 1 << 19;
/** Chains are two or three entries long, unless somebody has made a capture that fills one. */
export const MAX_STEPS = 32;

/** Bare RSTs without an identification that answer two segments at once look like copies of one. */
export const mayBeAnother = ({ flags, ipId }: Segment): boolean => (flags & (RST | ACK)) === RST && ipId === 0;

export class Duplicates {
  /** native/follow.c uses it too. */
  readonly packets = new Recent(WINDOW, MAX_ENTRIES);
  private readonly syns = new Recent(SYN_WINDOW, MAX_SYN_ENTRIES);
  /** VLAN and tunnel of the first copy, after `seen` has found one. */
  firstScope = 0;
  /** When that was captured. */
  firstAt: Nanos = 0;

  /** True when the segment repeats one seen a moment ago; otherwise remembers it. Segments come in time order. */
  seen(s: Segment): boolean {
    const { at, flags, scope } = s;
    const recent = (flags & SYN) === 0 ? this.packets : this.syns;
    if (!recent.seen(s.fingerprint, s.fingerprint2, at, scope)) return false;
    this.firstScope = recent.firstScope;
    this.firstAt = recent.firstAt;
    return true;
  }

  /** Everything seen so far belongs to another time, or to other hosts. */
  clear(): void {
    this.packets.clear();
    this.syns.clear();
  }
}

/** Fingerprints of the segments of the last `window`. Entries are numbered as they come; numbers wrap around. */
export class Recent {
  private readonly window: Nanos;
  private readonly maxEntries: number;
  words!: Int32Array;
  private doubles!: Float64Array;
  /** Newest entry of each chain. */
  heads!: Int32Array;
  /** Number of the next entry, and how many before it are still there. */
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
    // A head may have been overwritten in the ring, and after 2^31 entries its number may be another's.
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

  /** The ring is full of segments that may still be repeated. */
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
