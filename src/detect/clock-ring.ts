/**
 * The newest connections of one client and server, as columns in one buffer that grows to MAX_SAMPLES: most pairs have
 * a few connections, and some have millions.
 */
import { s32 } from '../base/serial.ts';
import type { Flow } from '../flow/flow.ts';
import type { Segment } from '../wire/segment.ts';
import { MAX_SAMPLES } from './clock-lines.ts';
import type { ClockSample } from './clock-sample.ts';

/** Samples that a new ring has room for. */
export const FIRST_CAPACITY = 4;

/** Doubles of a sample, then its words. */
const AT = 0;
const LAST_AT = 1;
const DOUBLES = 2;
const TSVAL = 0;
const LAST_TSVAL = 1;
/** Client port << 16 | server port. */
const PORTS = 2;
const ISN = 3;
const TSECR = 4;
/** TTL << 24 | window scale << 16 | flags. */
const HEAD = 5;
/** MSS << 16 | payload. */
const SIZES = 6;
const OPTIONS = 7;
const CAPTURE = 8;
const FRAME = 9;
const WORDS = 10;

/** A SYN with more than this tells no more. */
const MOST_BYTES = 0xffff;

export class ClockRing {
  /** Samples that there is room for. */
  capacity = FIRST_CAPACITY;
  private doubles = new Float64Array(FIRST_CAPACITY * DOUBLES);
  private words = new Int32Array(FIRST_CAPACITY * WORDS);
  /** Connections so far; those of them that are held are the newest. */
  seen = 0;
  /** The clock of the capture stepped back between two connections: their times cannot be compared. */
  stepped = false;
  private epoch = -1;

  get held(): number {
    return Math.min(this.seen, this.capacity);
  }

  /** Takes a client's first SYN; returns for how many more samples there is room now. */
  add(syn: Segment, epoch: number): number {
    if (this.epoch >= 0 && this.epoch !== epoch) this.stepped = true;
    this.epoch = epoch;
    const grown = this.seen === this.capacity && this.capacity < MAX_SAMPLES ? this.grow() : 0;
    const slot = this.seen++ % this.capacity;
    const { doubles, words } = this;
    const d = slot * DOUBLES;
    const w = slot * WORDS;
    doubles[d + AT] = syn.at;
    doubles[d + LAST_AT] = syn.at;
    words[w + TSVAL] = syn.tsval;
    words[w + LAST_TSVAL] = syn.tsval;
    words[w + PORTS] = syn.ports;
    words[w + ISN] = syn.seq;
    words[w + TSECR] = syn.tsecr;
    words[w + HEAD] = (syn.ttl << 24) | (syn.windowScale << 16) | syn.flags;
    words[w + SIZES] = (syn.mss << 16) | Math.min(syn.length, MOST_BYTES);
    words[w + OPTIONS] = syn.synOptions;
    words[w + CAPTURE] = syn.capture;
    words[w + FRAME] = syn.frame;
    return grown;
  }

  /** The connection is over, or the capture is: its client's newest TSval is known. */
  complete(flow: Flow, ports: number): void {
    const { client } = flow;
    const { doubles, words } = this;
    // A connection that ends is a new one most times.
    for (let i = 1; i <= this.held; i++) {
      const slot = (this.seen - i) % this.capacity;
      const w = slot * WORDS;
      if (doubles[slot * DOUBLES + AT]! < flow.opened) return;
      if (words[w + PORTS] !== ports || words[w + ISN] !== client.isn) continue;
      if (s32(client.tsRecent, words[w + TSVAL]!) <= 0 || client.tsAt < flow.opened) return;
      words[w + LAST_TSVAL] = client.tsRecent;
      doubles[slot * DOUBLES + LAST_AT] = client.tsAt;
      return;
    }
  }

  /** What is held, in order of time. */
  samples(): ClockSample[] {
    const { held } = this;
    return Array.from({ length: held }, (_, i) => this.sample((this.seen - held + i) % this.capacity));
  }

  private sample(slot: number): ClockSample {
    const { doubles, words } = this;
    const d = slot * DOUBLES;
    const w = slot * WORDS;
    return {
      at: doubles[d + AT]!,
      tsval: words[w + TSVAL]!,
      lastAt: doubles[d + LAST_AT]!,
      lastTsval: words[w + LAST_TSVAL]!,
      clientPort: words[w + PORTS]! >>> 16,
      serverPort: words[w + PORTS]! & 0xffff,
      isn: words[w + ISN]!,
      tsecr: words[w + TSECR]!,
      ttl: words[w + HEAD]! >>> 24,
      mss: words[w + SIZES]! >>> 16,
      windowScale: (words[w + HEAD]! >>> 16) & 0xff,
      options: words[w + OPTIONS]!,
      flags: words[w + HEAD]! & 0xff,
      length: words[w + SIZES]! & 0xffff,
      capture: words[w + CAPTURE]!,
      frame: words[w + FRAME]! >>> 0,
    };
  }

  private grow(): number {
    const { capacity } = this;
    this.capacity *= 2;
    const doubles = new Float64Array(this.capacity * DOUBLES);
    const words = new Int32Array(this.capacity * WORDS);
    doubles.set(this.doubles);
    words.set(this.words);
    this.doubles = doubles;
    this.words = words;
    return this.capacity - capacity;
  }
}
