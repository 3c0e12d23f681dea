/**
 * Port uses that consist of numbers only, stored as words. Nearly all of them do, and a long capture has one for each
 * client and server. As objects they took a kilobyte each, and as they survived V8's minor collections, V8 let its
 * young generation grow.
 */
import type { Opened } from '../../flow/events.ts';
import type { Packet } from '../../flow/packet.ts';
import type { PortPlan } from './port-capacity.ts';
import { PortUse } from './port-use.ts';

/** Words of a row; times are doubles. */
const FIRST_AT = 0;
const FRESH_AT = 2;
const TURNED_AT = 4;
const KIND = 6;
/** The port of the server, and the lowest and the highest of the client. */
const PORT = 7;
const LOW = 8;
const HIGH = 9;
const EPOCH = 10;
const OPENED = 11;
const BEFORE = 12;
const BELOW = 13;
const ABOVE = 14;
const NOT_WINDOWS = 15;
const OTHERS = 16;
/** The following words are those of `turned`, with its SYN. */
const FIRSTS = 17;
const FRAME = 18;
/**
 * Capture << 16 | has timestamps << 9 | from B << 8 | flags. A SYN never has 0 here, so 0 means that `turned` is
 * undefined.
 */
const CAPTURE_FLAGS = 19;
const SEQ = 20;
const ACK = 21;
const TSVAL = 22;
const TSECR = 23;
const LENGTH = 24;
/** In a free row: the next free one, plus one. */
const NEXT = 25;
const WORDS = 26;

/** EMPTY: nothing was counted. WORDS: one use, stored as words. OBJECTS: uses that are objects and are kept elsewhere. */
const Kind = { EMPTY: 0, WORDS: 1, OBJECTS: 2 } as const;
const FROM_B = 1 << 8;
const HAS_TIMESTAMPS = 1 << 9;

/** Stands for `turned` while a row is in use: its real content is not needed then, and stays in the words. */
const BEFORE_NOW: NonNullable<PortUse['turned']> = {
  at: 0,
  firsts: 0,
  packet: { at: 0, capture: 0, frame: 0, fromB: false, flags: 0, seq: 0, ack: 0, tsval: 0, tsecr: 0, length: 0 },
};

const FIRST_ROWS = 64;

export class PortCounts {
  private words = new Int32Array(FIRST_ROWS * WORDS);
  private doubles = new Float64Array(this.words.buffer);
  private rows = 0;
  private free = 0;
  /** Holds the row that is being updated. */
  private readonly use = new PortUse(0, 0, 0);

  /** Returns an empty row. */
  add(): number {
    const row = this.free > 0 ? this.free - 1 : this.rows++;
    if (this.free > 0) this.free = this.words[row * WORDS + NEXT];
    if ((row + 1) * WORDS > this.words.length) {
      const grown = new Int32Array(this.words.length * 2);
      grown.set(this.words);
      this.words = grown;
      this.doubles = new Float64Array(grown.buffer);
    }
    this.words[row * WORDS + KIND] = Kind.EMPTY;
    return row;
  }

  drop(row: number): void {
    this.words[row * WORDS + NEXT] = this.free;
    this.free = row + 1;
  }

  /**
   * Counts a connection that a SYN begins; `before` connections had not been counted. Returns false, and does nothing,
   * if numbers alone are no longer enough for this row.
   */
  take(row: number, event: Opened, before: number, plan: PortPlan): boolean {
    const { words } = this;
    const base = row * WORDS;
    const port = event.flow.port(!event.clientIsB);
    const { epoch } = event.tracker;
    if (words[base + KIND] === Kind.OBJECTS || event.older !== undefined) return false;
    if (words[base + KIND] === Kind.EMPTY) this.write(base, new PortUse(port, epoch, event.segment.at, before));
    const isWatched = words[base + OPENED] + 1 >= plan.watchFrom;
    if (words[base + PORT] !== port || words[base + EPOCH] !== epoch || isWatched) return false;
    const { use } = this;
    this.read(base, use);
    use.take(event, plan);
    this.write(base, use);
    return true;
  }

  /** Marks the row as kept in objects from now on, and returns what it was so far. */
  leave(row: number): PortUse[] {
    const base = row * WORDS;
    const { [base + KIND]: kind } = this.words;
    this.words[base + KIND] = Kind.OBJECTS;
    if (kind !== Kind.WORDS) return [];
    const use = new PortUse(0, 0, 0);
    this.read(base, use);
    if (use.turned !== undefined) {
      const packet = this.turnedBy(base);
      use.turned = { at: packet.at, firsts: this.words[base + FIRSTS], packet };
    }
    return [use];
  }

  private read(base: number, use: PortUse): void {
    const { words, doubles } = this;
    use.port = words[base + PORT];
    use.epoch = words[base + EPOCH];
    use.firstAt = doubles[(base + FIRST_AT) >> 1];
    use.freshAt = doubles[(base + FRESH_AT) >> 1];
    use.opened = words[base + OPENED];
    use.before = words[base + BEFORE];
    use.low = words[base + LOW];
    use.high = words[base + HIGH];
    use.below = words[base + BELOW];
    use.above = words[base + ABOVE];
    use.notWindows = words[base + NOT_WINDOWS];
    use.others = words[base + OTHERS];
    use.turned = words[base + CAPTURE_FLAGS] === 0 ? undefined : BEFORE_NOW;
  }

  private write(base: number, use: PortUse): void {
    const { words, doubles } = this;
    words[base + KIND] = Kind.WORDS;
    words[base + PORT] = use.port;
    words[base + EPOCH] = use.epoch;
    doubles[(base + FIRST_AT) >> 1] = use.firstAt;
    doubles[(base + FRESH_AT) >> 1] = use.freshAt;
    words[base + OPENED] = use.opened;
    words[base + BEFORE] = use.before;
    words[base + LOW] = use.low;
    words[base + HIGH] = use.high;
    words[base + BELOW] = use.below;
    words[base + ABOVE] = use.above;
    words[base + NOT_WINDOWS] = use.notWindows;
    words[base + OTHERS] = use.others;
    if (use.turned === BEFORE_NOW) return;
    words[base + CAPTURE_FLAGS] = 0;
    if (use.turned === undefined) return;
    const { firsts, packet } = use.turned;
    const stamped = packet.tsval === null ? 0 : HAS_TIMESTAMPS;
    words[base + CAPTURE_FLAGS] = (packet.capture << 16) | stamped | (packet.fromB ? FROM_B : 0) | packet.flags;
    words[base + FIRSTS] = firsts;
    words[base + FRAME] = packet.frame;
    doubles[(base + TURNED_AT) >> 1] = packet.at;
    words[base + SEQ] = packet.seq;
    words[base + ACK] = packet.ack;
    words[base + TSVAL] = packet.tsval ?? 0;
    words[base + TSECR] = packet.tsecr ?? 0;
    words[base + LENGTH] = packet.length;
  }

  private turnedBy(base: number): Packet {
    const { words, doubles } = this;
    const flags = words[base + CAPTURE_FLAGS];
    const stamped = (flags & HAS_TIMESTAMPS) !== 0;
    return {
      capture: flags >>> 16,
      frame: words[base + FRAME] >>> 0,
      at: doubles[(base + TURNED_AT) >> 1],
      fromB: (flags & FROM_B) !== 0,
      flags: flags & 0xff,
      seq: words[base + SEQ] >>> 0,
      ack: words[base + ACK] >>> 0,
      tsval: stamped ? words[base + TSVAL] >>> 0 : null,
      tsecr: stamped ? words[base + TSECR] >>> 0 : null,
      length: words[base + LENGTH],
    };
  }
}
