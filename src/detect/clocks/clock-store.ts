/**
 * The samples of all clients and servers of a shard, in columns that grow with their number. Each pair has a chain of
 * its newest MAX_SAMPLES samples: most pairs have a few, and without a limit some would have millions.
 */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { Flow } from '../../flow/flow.ts';
import type { Segment } from '../../wire/segment.ts';
import { orderOf } from '../../wire/tcp-options.ts';
import type { ClockSample } from './clock-sample.ts';
import { type ClockTable, Entry } from './clock-table.ts';
import { MAX_SAMPLES } from './clock-verdict.ts';

const E = Entry;

/** Offsets of the doubles of a sample, then of its words. */
const AT = 0;
const LAST_AT = 1;
const DOUBLES = 2;
const TSVAL = 0;
const LAST_TSVAL = 1;
/** Client port << 16 | server port. */
const PORTS = 2;
const ISN = 3;
const TSECR = 4;
/** TTL << 24 | window scale << 16 | ANSWERED | flags. */
const HEAD = 5;
/** MSS << 16 | payload. */
const SIZES = 6;
const OPTIONS = 7;
const CAPTURE = 8;
const FRAME = 9;
/** Slots + 1 of the samples before and after it in its chain. In a free slot NEWER leads to the next free slot. */
const OLDER = 10;
const NEWER = 11;
const WORDS = 12;

/**
 * Room for samples at first, 64 bytes each. The full room of half a million takes 33.6 MB, which an allocator would fill
 * with zeros even for a capture of ten packets. While it grows, the old room is there as well: 50 MB at the last
 * doubling.
 */
const FIRST_SAMPLES = 256;

/** Of HEAD: the SYN was sent once, and answered. */
const ANSWERED = 1 << 8;

/** The payload length is stored in 16 bits; that a SYN carries even more makes no difference. */
const MOST_BYTES = 0xffff;

export class ClockStore {
  private readonly table: ClockTable<unknown>;
  private readonly capacity: number;
  private doubles = new Float64Array(FIRST_SAMPLES * DOUBLES);
  private words = new Int32Array(FIRST_SAMPLES * WORDS);
  private used = 0;
  private free = 0;

  constructor(table: ClockTable<unknown>, capacity: number) {
    this.table = table;
    this.capacity = capacity;
  }

  get full(): boolean {
    return this.free === 0 && this.used === this.capacity;
  }

  /** Whether all connections of an entry are held, or as many as are looked at. */
  isWhole(entry: number): boolean {
    const { words } = this.table;
    return words[entry + E.HELD] === Math.min(words[entry + E.SEEN], MAX_SAMPLES);
  }

  /** Adds a client's first SYN to the chain of an entry; returns its slot + 1. There must be room. */
  add(entry: number, syn: Segment, epoch: number): number {
    const chain = this.table.words;
    if (chain[entry + E.EPOCH] !== 0 && chain[entry + E.EPOCH] !== epoch + 1) chain[entry + E.STEPPED] = 1;
    chain[entry + E.EPOCH] = epoch + 1;
    chain[entry + E.SEEN]++;
    if (chain[entry + E.HELD] === MAX_SAMPLES) this.dropOldest(entry);
    const slot = this.take();
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
    words[w + OPTIONS] = orderOf(syn.synOptions);
    words[w + CAPTURE] = syn.capture;
    words[w + FRAME] = syn.frame;
    const newest = chain[entry + E.NEWEST];
    words[w + OLDER] = newest;
    words[w + NEWER] = 0;
    if (newest === 0) chain[entry + E.OLDEST] = slot + 1;
    else words[(newest - 1) * WORDS + NEWER] = slot + 1;
    chain[entry + E.NEWEST] = slot + 1;
    chain[entry + E.HELD]++;
    chain[entry + E.NEWEST_SECOND] = Math.floor(syn.at / SECOND);
    return slot + 1;
  }

  /**
   * Called when a connection or the capture has ended, so that the client's newest TSval is known. The sample may have
   * been dropped by then.
   */
  complete(flow: Flow, ports: number): void {
    const { client } = flow;
    const { doubles, words } = this;
    const slot = this.slotOf(flow, ports);
    if (slot < 0) return;
    const w = slot * WORDS;
    if (s32(client.tsRecent, words[w + TSVAL]) <= 0 || client.tsAt < flow.opened) return;
    words[w + LAST_TSVAL] = client.tsRecent;
    doubles[slot * DOUBLES + LAST_AT] = client.tsAt;
  }

  /** The SYN of the connection was answered at once. */
  noteAnswered(flow: Flow, ports: number): void {
    const slot = this.slotOf(flow, ports);
    if (slot >= 0) this.words[slot * WORDS + HEAD] |= ANSWERED;
  }

  /** Undefined where its sample is gone. */
  sampleOf(flow: Flow, ports: number): ClockSample | undefined {
    const slot = this.slotOf(flow, ports);
    return slot < 0 ? undefined : this.sample(slot);
  }

  /** The newest sample of this time and client port. */
  sampleAt(entry: number, at: Nanos, clientPort: number): ClockSample | undefined {
    const { table, words, doubles } = this;
    for (let next = table.words[entry + E.NEWEST]; next !== 0; next = words[(next - 1) * WORDS + OLDER]) {
      const slot = next - 1;
      if (doubles[slot * DOUBLES + AT] === at && words[slot * WORDS + PORTS] >>> 16 === clientPort) {
        return this.sample(slot);
      }
    }
    return undefined;
  }

  /** The SYNs that were answered at once. */
  answered(entry: number): ClockSample[] {
    const samples: ClockSample[] = [];
    for (let at = this.table.words[entry + E.OLDEST]; at !== 0; at = this.words[(at - 1) * WORDS + NEWER]) {
      if ((this.words[(at - 1) * WORDS + HEAD] & ANSWERED) !== 0) samples.push(this.sample(at - 1));
    }
    return samples;
  }

  /** -1 when the slot holds another's sample by now. */
  private slotOf({ clockSample, client, opened }: Flow, ports: number): number {
    const slot = clockSample - 1;
    if (slot < 0) return -1;
    const w = slot * WORDS;
    const { doubles, words } = this;
    const isOwn =
      words[w + PORTS] === ports && words[w + ISN] === client.isn && doubles[slot * DOUBLES + AT] === opened;
    return isOwn ? slot : -1;
  }

  /** In the order of their arrival. */
  samples(entry: number): ClockSample[] {
    const { table, words } = this;
    const samples: ClockSample[] = [];
    for (let at = table.words[entry + E.OLDEST]; at !== 0; at = words[(at - 1) * WORDS + NEWER]) {
      samples.push(this.sample(at - 1));
    }
    return samples;
  }

  /** Frees all samples of an entry. */
  release(entry: number): void {
    while (this.table.words[entry + E.HELD] > 0) this.dropOldest(entry);
  }

  private sample(slot: number): ClockSample {
    const { doubles, words } = this;
    const d = slot * DOUBLES;
    const w = slot * WORDS;
    return {
      at: doubles[d + AT],
      tsval: words[w + TSVAL],
      lastAt: doubles[d + LAST_AT],
      lastTsval: words[w + LAST_TSVAL],
      clientPort: words[w + PORTS] >>> 16,
      serverPort: words[w + PORTS] & 0xffff,
      isn: words[w + ISN],
      tsecr: words[w + TSECR],
      ttl: words[w + HEAD] >>> 24,
      mss: words[w + SIZES] >>> 16,
      windowScale: (words[w + HEAD] >>> 16) & 0xff,
      options: words[w + OPTIONS],
      flags: words[w + HEAD] & 0xff,
      length: words[w + SIZES] & 0xffff,
      capture: words[w + CAPTURE],
      frame: words[w + FRAME] >>> 0,
    };
  }

  private take(): number {
    if (this.free === 0) {
      if (this.used * WORDS === this.words.length) this.grow();
      return this.used++;
    }
    const slot = this.free - 1;
    this.free = this.words[slot * WORDS + NEWER];
    return slot;
  }

  private grow(): void {
    const { doubles, words } = this;
    const samples = Math.min(this.used * 2, this.capacity);
    this.doubles = new Float64Array(samples * DOUBLES);
    this.doubles.set(doubles);
    this.words = new Int32Array(samples * WORDS);
    this.words.set(words);
  }

  /** Frees the oldest sample of an entry, to make room. */
  dropOldest(entry: number): void {
    const { words } = this;
    const chain = this.table.words;
    const slot = chain[entry + E.OLDEST] - 1;
    const next = words[slot * WORDS + NEWER];
    chain[entry + E.OLDEST] = next;
    if (next === 0) chain[entry + E.NEWEST] = 0;
    else words[(next - 1) * WORDS + OLDER] = 0;
    chain[entry + E.HELD]--;
    words[slot * WORDS + NEWER] = this.free;
    this.free = slot + 1;
  }
}
