/**
 * What is remembered per host pair, for each direction in which connections may be opened: the newest TSval of the
 * initiators (S of docs/rules.md D1.1), what a tw_recycle server would remember of them (R), and when a server last
 * accepted one. A record lives as long as a flow of the pair does: flows outlast their last packet by 150 s, S and R
 * count for 60, so nothing is forgotten early.
 */
import { SALT } from '../base/salt.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import { populate, reserve } from './flow-table.ts';
import { enterSlot, leaveSlot } from './slot-index.ts';

/**
 * Words of a record's head: the pair's key, flows that refer to it, epoch << 2 | which host was heard (1 = A, 2 = B),
 * and a number that no other record of the run has had.
 */
const HOST_A = 0;
const HOST_B = 1;
const SCOPE = 2;
const FLOWS = 3;
const HEARD = 4;
const NEXT = 5;
const SERIAL = 6;
/** How often a TIME_WAIT of A, and above it of B, turned out to be there after an RST that ends it. */
const OUTLIVED = 7;
const B_SHIFT = 16;
/** Beside that: the host has completed a handshake that it began. */
const COMPLETES = 1 << 2;
/** In the same word: SYNs, and SYN-ACKs, of the pair were seen at another point too (second-capture-point.ts). */
const SYN_COPIED = 1 << 8;
const SYN_ACK_COPIED = 1 << 9;
/** And: somebody waits for one of the hosts, on whatever connection (witnesses.ts). */
const AWAITED = 1 << 10;
/** One RST may have been lost behind the capture point. */
const OUTLIVES = 2;
const DIRECTION = 8;
const DIRECTION_WORDS = 24;
/** Words of a direction block; doubles on even offsets. */
export const PairLayout = {
  /** S and what is counted of SYNs: what every SYN changes. */
  S_AT: 0,
  S_TS: 2,
  S_FRAME: 3,
  S_PORTS: 4,
  S_SEQ: 5,
  S_ACK: 6,
  S_TSECR: 7,
  S_LENGTH: 8,
  /** Capture << 16 | flags, plus S_VALID. */
  S_FLAGS: 9,
  /** Connections opened, as long as the record has lived. */
  OPENED: 10,
  /** Port of the server that answered last, plus one; and as f64, when. */
  ANSWERED_PORT: 11,
  ANSWERED_AT: 12,
  /** What detect/recycle-trials.ts counts before there is anything to try: SYNs with timestamps that were answered. */
  TRIED_ANSWERED: 14,
  /** Those that were not; and in the upper byte the answered ones that it could have dropped. */
  TRIED_LOST: 15,
  /** The lowest TSval clock of the answered ones; and as f64, when it showed that. */
  TRIED_LOWEST_AT: 16,
  TRIED_LOWEST: 18,
  R_TS: 19,
  R_AT: 20,
  /**
   * Record of the connection whose close set R, plus one, or ~row where it rests (closed-flows.ts); it may have gone to
   * another flow since. 0: R holds nothing.
   */
  R_FLOW: 22,
  /** Record of the connection that was answered last, plus one; it may have gone to another flow since. */
  ANSWERED_FLOW: 23,
  /** Bit 8 of S_FLAGS, above the TCP flags. */
  S_VALID: 1 << 8,
  /** Of the record: where the directions begin, and words of one. */
  DIRECTIONS: DIRECTION,
  DIRECTION_WORDS,
  HOST_A,
  HOST_B,
  SCOPE,
  FLOWS,
  HEARD,
  NEXT,
  SERIAL,
  OUTLIVED,
  COMPLETES,
  AWAITED,
  B_SHIFT,
} as const;
export const PAIR_WORDS = DIRECTION + 2 * DIRECTION_WORDS;

export class Pairs {
  words: Int32Array;
  doubles: Float64Array;
  /** Slot + 1 of each pair's record. */
  index: Int32Array = new Int32Array(1024);
  /** Records in the index, and the slot of the first free one or -1. */
  size = 0;
  freeHead = -1;
  private slots = 0;
  private made = 0;

  /** With room for so many pairs, of which only what is used is ever touched; where less is granted it grows. */
  constructor(capacity: number) {
    this.words = new Int32Array(reserve(capacity, PAIR_WORDS));
    this.doubles = new Float64Array(this.words.buffer);
  }

  /** Slot of the pair's record, made when there is none, with one more flow counted on it. `epoch` clears stale times. */
  hold(hash: number, hostA: number, hostB: number, scope: number, epoch: number): number {
    const mask = this.index.length - 1;
    let probe = hash & mask;
    for (let entry = this.index[probe]!; entry !== 0; entry = this.index[probe]!) {
      const base = (entry - 1) * PAIR_WORDS;
      const { words } = this;
      if (words[base + HOST_A] === hostA && words[base + HOST_B] === hostB && words[base + SCOPE] === scope) {
        words[base + FLOWS]!++;
        this.refresh(entry - 1, epoch);
        return entry - 1;
      }
      probe = (probe + 1) & mask;
    }
    const slot = this.add(hash);
    const base = slot * PAIR_WORDS;
    this.words[base + HOST_A] = hostA;
    this.words[base + HOST_B] = hostB;
    this.words[base + SCOPE] = scope;
    this.words[base + FLOWS] = 1;
    this.words[base + HEARD] = epoch << 2;
    this.words[base + SERIAL] = ++this.made;
    return slot;
  }

  /** Puts back a record that has been taken away, as it was: its slot. */
  put(hash: number, record: Int32Array): number {
    const slot = this.add(hash);
    this.words.set(record, slot * PAIR_WORDS);
    return slot;
  }

  /** One flow less; the last one takes the record with it. */
  drop(slot: number): void {
    const base = slot * PAIR_WORDS;
    if (--this.words[base + FLOWS]! > 0) return;
    leaveSlot(this.index, slot, this.hashOf);
    this.words[base + NEXT] = this.freeHead;
    this.freeHead = slot;
    this.size--;
  }

  /** After a clock step times of the older epoch mean nothing: they are forgotten when the pair is next used. */
  refresh(slot: number, epoch: number): void {
    const base = slot * PAIR_WORDS;
    const heard = this.words[base + HEARD]!;
    if (heard >>> 2 === epoch) return;
    this.words.fill(0, base + DIRECTION, base + PAIR_WORDS);
    this.words[base + HEARD] = (epoch << 2) | (heard & 3);
  }

  /** Base of the block for connections opened by A (`fromB` false) or by B. For doubles use it >> 1. */
  direction(slot: number, fromB: boolean): number {
    return slot * PAIR_WORDS + DIRECTION + (fromB ? DIRECTION_WORDS : 0);
  }

  /** Tells this record from earlier ones that had the same slot. */
  serial(slot: number): number {
    return this.words[slot * PAIR_WORDS + SERIAL]!;
  }

  /** A TIME_WAIT of the host is still there after an RST that ends it, or gone. */
  noteAfterReset(slot: number, ownerIsB: boolean, isThere: boolean): void {
    const at = slot * PAIR_WORDS + OUTLIVED;
    const shift = ownerIsB ? B_SHIFT : 0;
    const seen = isThere ? Math.min(((this.words[at]! >>> shift) & 3) + 1, OUTLIVES) : 0;
    this.words[at] = (this.words[at]! & ~(3 << shift)) | (seen << shift);
  }

  /** The host keeps its TIME_WAITs in spite of RSTs of this peer. */
  outlivesResets(slot: number, ownerIsB: boolean): boolean {
    return ((this.words[slot * PAIR_WORDS + OUTLIVED]! >>> (ownerIsB ? B_SHIFT : 0)) & 3) >= OUTLIVES;
  }

  /** The host has completed a handshake that it began with this peer. */
  noteCompleted(slot: number, isB: boolean): void {
    this.words[slot * PAIR_WORDS + OUTLIVED]! |= COMPLETES << (isB ? B_SHIFT : 0);
  }

  completes(slot: number, isB: boolean): boolean {
    return (this.words[slot * PAIR_WORDS + OUTLIVED]! & (COMPLETES << (isB ? B_SHIFT : 0))) !== 0;
  }

  /** The server has taken a connection: when, on which port, and which flow it is (its base). */
  noteAnswered(slot: number, clientIsB: boolean, port: number, at: Nanos, flow: number): void {
    const block = this.direction(slot, clientIsB);
    this.doubles[(block + PairLayout.ANSWERED_AT) >> 1] = at;
    this.words[block + PairLayout.ANSWERED_PORT] = port + 1;
    this.words[block + PairLayout.ANSWERED_FLOW] = flow + 1;
  }

  /** When the server last took a connection of this direction; NaN where that was not on `port`. */
  answeredAt(slot: number, clientIsB: boolean, port: number): Nanos {
    const block = this.direction(slot, clientIsB);
    const isSamePort = this.words[block + PairLayout.ANSWERED_PORT] === port + 1;
    return isSamePort ? this.doubles[(block + PairLayout.ANSWERED_AT) >> 1]! : Number.NaN;
  }

  noteCopy(slot: number, isSynAck: boolean): void {
    this.words[slot * PAIR_WORDS + OUTLIVED]! |= isSynAck ? SYN_ACK_COPIED : SYN_COPIED;
  }

  /** Packets of both directions were: the capture shows the pair at two points. */
  isSeenTwice(slot: number): boolean {
    const both = SYN_COPIED | SYN_ACK_COPIED;
    return (this.words[slot * PAIR_WORDS + OUTLIVED]! & both) === both;
  }

  /** Notes that a host of the pair was heard; `heard` says whether the capture ever saw packets from it. */
  hear(slot: number, isB: boolean): void {
    this.words[slot * PAIR_WORDS + HEARD]! |= isB ? 2 : 1;
  }

  heard(slot: number, isB: boolean): boolean {
    return (this.words[slot * PAIR_WORDS + HEARD]! & (isB ? 2 : 1)) !== 0;
  }

  /** Calls back with the hosts and scope of every record (for the sweep of the host table). */
  forEachHost(visit: (host: number, scope: number) => void): void {
    for (const entry of this.index) {
      if (entry === 0) continue;
      const base = (entry - 1) * PAIR_WORDS;
      visit(this.words[base + HOST_A]!, this.words[base + SCOPE]!);
      visit(this.words[base + HOST_B]!, this.words[base + SCOPE]!);
    }
  }

  /** Slot of a record that is not found by any pair. */
  spare(): number {
    return this.allocate();
  }

  /** Slot of a new record in the index, zeroed. */
  private add(hash: number): number {
    if (++this.size * 2 > this.index.length) this.grow();
    const slot = this.allocate();
    enterSlot(this.index, hash, slot);
    return slot;
  }

  private allocate(): number {
    if (this.freeHead >= 0) {
      const slot = this.freeHead;
      this.freeHead = this.words[slot * PAIR_WORDS + NEXT]!;
      this.words.fill(0, slot * PAIR_WORDS, (slot + 1) * PAIR_WORDS);
      return slot;
    }
    if ((this.slots + 1) * PAIR_WORDS > this.words.length) {
      const grown = new Int32Array(this.words.length * 2);
      grown.set(this.words);
      this.words = grown;
      this.doubles = new Float64Array(grown.buffer);
    }
    populate(this.words, this.slots, PAIR_WORDS);
    return this.slots++;
  }

  private readonly hashOf = (slot: number): number => {
    const base = slot * PAIR_WORDS;
    return pairHash(this.words[base + HOST_A]!, this.words[base + HOST_B]!, this.words[base + SCOPE]!);
  };

  private grow(): void {
    const old = this.index;
    this.index = new Int32Array(old.length * 2);
    for (const entry of old) if (entry !== 0) enterSlot(this.index, this.hashOf(entry - 1), entry - 1);
  }
}

export function pairHash(hostA: number, hostB: number, scope: number): number {
  let h = Math.imul(hostA ^ SALT, 0x9e3779b1) ^ hostB;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ scope;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** TCP_PAWS_MSL: what tw_recycle remembers of a peer counts for a minute, and gives way to an older stamp after it. */
export const PAWS_MSL: Nanos = 60 * SECOND;

/** Newest TSval of a direction: replaced when not older, or when the entry is 60 s stale (docs/rules.md D1.1). */
export const S_STALE: Nanos = 60 * SECOND;
