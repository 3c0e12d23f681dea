/**
 * What is remembered per host pair, for each direction in which connections may be opened: the newest TSval of the
 * initiators (S of docs/rules.md D1.1), what a tw_recycle server would remember of them (R), and when a server last
 * accepted a connection. A record lives as long as the pair has a flow. A flow is remembered for 150 s after its last
 * packet, and S and R are valid for 60 s, so nothing is forgotten too early.
 */
import { SALT } from '../../base/salt.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import { populate, reserve } from './flow-table.ts';
import { enterSlot, leaveSlot } from './slot-index.ts';

/** Words of a record: a head, then a block for each direction. The head begins with the pair's key. */
const HOST_A = 0;
const HOST_B = 1;
const SCOPE = 2;
/** Number of flows that refer to the record. */
const FLOWS = 3;
/** Epoch << 2 | which hosts were heard (1 = A, 2 = B). */
const HEARD = 4;
/** The next free record. */
const NEXT = 5;
/** A number that no other record of the run has had. */
const SERIAL = 6;
/** What was noted of the hosts: the bits below. */
const NOTED = 7;
const DIRECTIONS = 8;
const DIRECTION_WORDS = 24;

/** How often in a row a TIME_WAIT of host A survived an RST that should have ended it, up to OUTLIVES. */
const OUTLIVED = 3;
/** Host A has completed a handshake that it began. */
const COMPLETES = 1 << 2;
/** The same two of host B are further up by this. */
const B_SHIFT = 16;
/** Copies of a SYN of the pair, and of a SYN-ACK, were captured at a second point (second-capture-point.ts). */
const SYN_COPIED = 1 << 8;
const SYN_ACK_COPIED = 1 << 9;
/** Both of these, so the capture shows the pair at two points. The addon leaves its segments to TypeScript. */
const SEEN_TWICE = 1 << 11;
/** A story waits for any packet of one of the hosts (witnesses.ts). */
const AWAITED = 1 << 10;

/** So many prove that the host keeps its TIME_WAITs: a single RST may have been lost behind the capture point. */
const OUTLIVES = 2;

/** TCP_PAWS_MSL: for this long, what tw_recycle remembers of a peer is valid, and no older TSval replaces it. */
export const PAWS_MSL: Nanos = 60 * SECOND;

/** The newest TSval of a direction is replaced by an older one only after this time (docs/rules.md D1.1). */
export const S_STALE: Nanos = 60 * SECOND;

export const PairLayout = {
  HOST_A,
  HOST_B,
  SCOPE,
  FLOWS,
  HEARD,
  NEXT,
  SERIAL,
  NOTED,
  COMPLETES,
  B_SHIFT,
  AWAITED,
  SEEN_TWICE,
  DIRECTIONS,
  DIRECTION_WORDS,
  /** Offsets within a direction; doubles have even ones. First S, and counts of SYNs: what every SYN changes. */
  S_AT: 0,
  S_TS: 2,
  S_FRAME: 3,
  S_PORTS: 4,
  S_SEQ: 5,
  S_ACK: 6,
  S_TSECR: 7,
  S_LENGTH: 8,
  /** Capture << 16 | S_VALID | TCP flags. */
  S_FLAGS: 9,
  S_VALID: 1 << 8,
  /** Number of connections opened since the record was made. */
  OPENED: 10,
  /** Port on which the server last accepted a connection, plus one; and as f64 the time. */
  ANSWERED_PORT: 11,
  ANSWERED_AT: 12,
  /** Counted for detect/recycle/recycle-trials.ts before there is a trial: SYNs with timestamps that were answered. */
  TRIED_ANSWERED: 14,
  /** SYNs with timestamps that were not answered; in the upper byte, answered ones that the rule could have dropped. */
  TRIED_LOST: 15,
  /** The lowest TSval clock among the answered ones, and as f64 the time of that TSval. */
  TRIED_LOWEST_AT: 16,
  TRIED_LOWEST: 18,
  /** R, and as f64 its time. */
  R_TS: 19,
  R_AT: 20,
  /**
   * Base + 1 of the connection whose close set R, or ~row if that is at rest (closed-flows.ts). The record may belong to
   * another flow by now. 0: R is empty.
   */
  R_FLOW: 22,
  /** Base + 1 of the connection that was accepted last. The record may belong to another flow by now. */
  ANSWERED_FLOW: 23,
} as const;
export const PAIR_WORDS = DIRECTIONS + 2 * DIRECTION_WORDS;

export class Pairs {
  words: Int32Array;
  doubles: Float64Array;
  /** Slot + 1 of each pair's record. */
  index: Int32Array = new Int32Array(1024);
  /** Number of records in the index; the slot of the first free record or -1. */
  size = 0;
  freeHead = -1;
  private slots = 0;
  private made = 0;

  /** Reserves space for so many pairs; only what is used takes memory. If less space is granted, it grows later. */
  constructor(capacity: number) {
    this.words = new Int32Array(reserve(capacity, PAIR_WORDS));
    this.doubles = new Float64Array(this.words.buffer);
  }

  /** Counts one more flow on the pair's record, which is made if there is none; returns its slot. See `refresh`. */
  hold(hash: number, hostA: number, hostB: number, scope: number, epoch: number): number {
    const mask = this.index.length - 1;
    let probe = hash & mask;
    for (let entry = this.index[probe]; entry !== 0; entry = this.index[probe]) {
      const base = (entry - 1) * PAIR_WORDS;
      const { words } = this;
      if (words[base + HOST_A] === hostA && words[base + HOST_B] === hostB && words[base + SCOPE] === scope) {
        words[base + FLOWS]++;
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

  /** Puts back a record that was dropped, as it was; returns its slot. */
  put(hash: number, record: Int32Array): number {
    const slot = this.add(hash);
    this.words.set(record, slot * PAIR_WORDS);
    return slot;
  }

  /** Counts one flow less; the record is freed with the last one. */
  drop(slot: number): void {
    const base = slot * PAIR_WORDS;
    if (--this.words[base + FLOWS] > 0) return;
    leaveSlot(this.index, slot, this.hashOf);
    this.words[base + NEXT] = this.freeHead;
    this.freeHead = slot;
    this.size--;
  }

  /** Forgets the directions if they are from an older epoch: after a clock step their times mean nothing. */
  refresh(slot: number, epoch: number): void {
    const base = slot * PAIR_WORDS;
    const heard = this.words[base + HEARD];
    if (heard >>> 2 === epoch) return;
    this.words.fill(0, base + DIRECTIONS, base + PAIR_WORDS);
    this.words[base + HEARD] = (epoch << 2) | (heard & 3);
  }

  /** Base of the direction of connections opened by A (`fromB` false) or by B. */
  direction(slot: number, fromB: boolean): number {
    return slot * PAIR_WORDS + DIRECTIONS + (fromB ? DIRECTION_WORDS : 0);
  }

  /** A number that tells this record from earlier ones with the same slot. */
  serial(slot: number): number {
    return this.words[slot * PAIR_WORDS + SERIAL];
  }

  /** Notes whether a TIME_WAIT of the host survived an RST that should have ended it. */
  noteAfterReset(slot: number, ownerIsB: boolean, isThere: boolean): void {
    const at = slot * PAIR_WORDS + NOTED;
    const shift = ownerIsB ? B_SHIFT : 0;
    const seen = isThere ? Math.min(((this.words[at] >>> shift) & OUTLIVED) + 1, OUTLIVES) : 0;
    this.words[at] = (this.words[at] & ~(OUTLIVED << shift)) | (seen << shift);
  }

  /** Whether TIME_WAITs of the host survive RSTs of this peer. */
  outlivesResets(slot: number, ownerIsB: boolean): boolean {
    return ((this.words[slot * PAIR_WORDS + NOTED] >>> (ownerIsB ? B_SHIFT : 0)) & OUTLIVED) >= OUTLIVES;
  }

  /** Notes that the host has completed a handshake that it began with this peer. */
  noteCompleted(slot: number, isB: boolean): void {
    this.words[slot * PAIR_WORDS + NOTED] |= COMPLETES << (isB ? B_SHIFT : 0);
  }

  completes(slot: number, isB: boolean): boolean {
    return (this.words[slot * PAIR_WORDS + NOTED] & (COMPLETES << (isB ? B_SHIFT : 0))) !== 0;
  }

  /** Notes that the server has accepted a connection on `port`; `flow` is its base. */
  noteAnswered(slot: number, clientIsB: boolean, port: number, at: Nanos, flow: number): void {
    const block = this.direction(slot, clientIsB);
    this.doubles[(block + PairLayout.ANSWERED_AT) >> 1] = at;
    this.words[block + PairLayout.ANSWERED_PORT] = port + 1;
    this.words[block + PairLayout.ANSWERED_FLOW] = flow + 1;
  }

  /** When the server last accepted a connection of this direction; NaN if that was not on `port`. */
  answeredAt(slot: number, clientIsB: boolean, port: number): Nanos {
    const block = this.direction(slot, clientIsB);
    const isSamePort = this.words[block + PairLayout.ANSWERED_PORT] === port + 1;
    return isSamePort ? this.doubles[(block + PairLayout.ANSWERED_AT) >> 1] : Number.NaN;
  }

  /** The base of that connection, whatever its port, or -1. Its record may belong to another flow by now. */
  answeredFlow(slot: number, clientIsB: boolean): number {
    return this.words[this.direction(slot, clientIsB) + PairLayout.ANSWERED_FLOW] - 1;
  }

  noteCopy(slot: number, isSynAck: boolean): void {
    const at = slot * PAIR_WORDS + NOTED;
    const both = SYN_COPIED | SYN_ACK_COPIED;
    this.words[at] |= isSynAck ? SYN_ACK_COPIED : SYN_COPIED;
    if ((this.words[at] & both) === both) this.words[at] |= SEEN_TWICE;
  }

  /** Whether SYNs and SYN-ACKs were captured at a second point too, so that the capture shows the pair at two points. */
  isSeenTwice(slot: number): boolean {
    return (this.words[slot * PAIR_WORDS + NOTED] & SEEN_TWICE) !== 0;
  }

  /** Notes that the capture has a packet of the host. */
  hear(slot: number, isB: boolean): void {
    this.words[slot * PAIR_WORDS + HEARD] |= isB ? 2 : 1;
  }

  heard(slot: number, isB: boolean): boolean {
    return (this.words[slot * PAIR_WORDS + HEARD] & (isB ? 2 : 1)) !== 0;
  }

  /** Calls back with the hosts and scope of every record, for the sweep of the host table. */
  forEachHost(visit: (host: number, scope: number) => void): void {
    for (const entry of this.index) {
      if (entry === 0) continue;
      const base = (entry - 1) * PAIR_WORDS;
      visit(this.words[base + HOST_A], this.words[base + SCOPE]);
      visit(this.words[base + HOST_B], this.words[base + SCOPE]);
    }
  }

  /** Slot of a new, zeroed record in the index. */
  private add(hash: number): number {
    if (++this.size * 2 > this.index.length) this.grow();
    const slot = this.allocate();
    enterSlot(this.index, hash, slot);
    return slot;
  }

  /** Slot of a new, zeroed record that is not in the index. */
  allocate(): number {
    if (this.freeHead >= 0) {
      const slot = this.freeHead;
      this.freeHead = this.words[slot * PAIR_WORDS + NEXT];
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
    return pairHash(this.words[base + HOST_A], this.words[base + HOST_B], this.words[base + SCOPE]);
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
