/**
 * pcapng block walk (draft-ietf-opsawg-pcapng §3, §4). Delivers the frames of enhanced, simple and obsolete packet
 * blocks, reads section headers (each with its own byte order), interface descriptions and statistics, and passes over
 * every other block by its length.
 */
import { NO_PACKET } from '../link/link.ts';
import { type Frames, KEPT_FRAME, type Walker } from '../walker.ts';
import { eachOption, Option } from './pcapng-options.ts';
import { DEFAULT_RESOLUTION, TickClock } from './pcapng-time.ts';

const Block = {
  INTERFACE: 1,
  OLD_PACKET: 2,
  SIMPLE_PACKET: 3,
  NAMES: 4,
  STATISTICS: 5,
  ENHANCED_PACKET: 6,
  JOURNAL: 9,
  SYSDIG_EVENT: 0x204,
  SYSDIG_EVENT_FLAGS: 0x208,
  SYSDIG_EVENT_V2: 0x216,
  SYSDIG_EVENT_FLAGS_V2: 0x217,
  SYSDIG_EVENT_V2_LARGE: 0x221,
  SYSDIG_EVENT_FLAGS_V2_LARGE: 0x222,
  CUSTOM: 0x0bad,
  CUSTOM_NO_COPY: 0x4000_0bad,
  /** A palindrome: the same in both byte orders. */
  SECTION: 0x0a0d_0d0a,
} as const;

const TYPE = 0;
const TOTAL_LENGTH = 4;
const BODY = 8;
const BLOCK_MIN = 12;
/** Size of the trailer of a block: its total length once more. */
const TRAILER = 4;
/** Most bytes of a block: the limit of libpcap and Wireshark. */
const MAX_BLOCK = 16 << 20;

const BYTE_ORDER = 8;
const BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
const VERSION_MAJOR = 12;
const SECTION_MIN = 28;

const IDB_LINK_TYPE = 8;
const IDB_SNAPLEN = 12;
const IDB_OPTIONS = 16;
const ISB_OPTIONS = 20;
const SPB_LENGTH = 8;
const SPB_HEADER = 12;
const PACKET_INTERFACE = 8;
const PACKET_TIME_HIGH = 12;
const PACKET_TIME_LOW = 16;
const PACKET_CAPTURED = 20;
const PACKET_LENGTH = 24;
const PACKET_HEADER = 28;

/** Most interfaces of one section; captures of all containers of a host have hundreds. */
const MAX_INTERFACES = 65_536;

interface Interface {
  linkType: number;
  snaplen: number;
  clock: TickClock;
  dropped: number;
}

/** Whether the first twelve bytes are those of a section header block. */
export const isPcapng = (view: DataView): boolean =>
  view.getUint32(TYPE) === Block.SECTION && sectionByteOrder(view, 0) !== undefined;

function sectionByteOrder(view: DataView, at: number): boolean | undefined {
  if (view.getUint32(at + BYTE_ORDER, true) === BYTE_ORDER_MAGIC) return true;
  return view.getUint32(at + BYTE_ORDER, false) === BYTE_ORDER_MAGIC ? false : undefined;
}

export class PcapngWalker implements Walker {
  readonly format = 'pcapng';
  readonly linkTypes: number[] = [];
  damage = '';
  private readonly origin: number;
  private little = true;
  private interfaces: Interface[] = [];
  private droppedBefore = 0;

  constructor(origin: number) {
    this.origin = origin;
  }

  /** Statistics blocks count from the start of the interface, so the last one of each interface holds its total. */
  get dropped(): number {
    return this.interfaces.reduce((sum, it) => sum + it.dropped, this.droppedBefore);
  }

  walk(view: DataView, from: number, to: number, frames: Frames): number {
    frames.count = 0;
    this.damage = '';
    let at = from;
    for (;;) {
      at = this.packets(view, at, to, frames);
      if (at + BLOCK_MIN > to || frames.full) return at;
      const type = view.getUint32(at + TYPE, this.little);
      // A block that changes the walker's state begins a new walk: a caller that walks the frames before it again would
      // apply it twice.
      if (frames.count > 0 && changesState(type)) return at;
      if (type === Block.SECTION) {
        const little = sectionByteOrder(view, at);
        if (little === undefined) {
          this.damage = 'a section header has no byte order mark';
          return at;
        }
        this.little = little;
      }
      const total = view.getUint32(at + TOTAL_LENGTH, this.little);
      if (total < BLOCK_MIN || total > MAX_BLOCK) {
        this.damage = `a block says that it is ${total} bytes long`;
        return at;
      }
      // Some writers do not round the length up; like Wireshark, take it as the padded length.
      const size = (total + 3) & ~3;
      const needed = isPacket(type) || changesState(type) ? Math.min(size, KEPT_FRAME + PACKET_HEADER) : BLOCK_MIN;
      if (at + needed > to) return at;
      if (at + size <= to && view.getUint32(at + size - 4, this.little) !== total) {
        this.damage = 'the two lengths of a block differ';
        return at;
      }
      if (!this.block(view, at, type, size, frames)) return at;
      at += size;
    }
  }

  /**
   * Walks a run of whole enhanced packet blocks, which make up nearly all of a capture, without a call for each. Stops
   * at any other or unusual block; `block` handles those, and says what is wrong with a damaged one.
   */
  private packets(view: DataView, from: number, to: number, frames: Frames): number {
    const little = this.little;
    let number = -1;
    let it: Interface | undefined;
    let at = from;
    while (at + PACKET_HEADER + TRAILER <= to && !frames.full) {
      if (view.getUint32(at + TYPE, little) !== Block.ENHANCED_PACKET) break;
      const total = view.getUint32(at + TOTAL_LENGTH, little);
      const captured = view.getUint32(at + PACKET_CAPTURED, little);
      if ((total & 3) !== 0 || total > KEPT_FRAME || at + total > to) break;
      if (captured > total - PACKET_HEADER - TRAILER || view.getUint32(at + total - TRAILER, little) !== total) break;
      if (view.getUint32(at + PACKET_INTERFACE, little) !== number) {
        number = view.getUint32(at + PACKET_INTERFACE, little);
        it = this.interfaces[number];
      }
      if (it === undefined) break;
      const time = it.clock.at(
        view.getUint32(at + PACKET_TIME_HIGH, little),
        view.getUint32(at + PACKET_TIME_LOW, little),
      );
      const start = at + PACKET_HEADER;
      frames.push(time, at, start, start + captured, view.getUint32(at + PACKET_LENGTH, little), it.linkType);
      at += total;
    }
    return at;
  }

  /** Handles one block; returns false if it is damaged. */
  private block(view: DataView, at: number, type: number, total: number, frames: Frames): boolean {
    switch (type) {
      case Block.ENHANCED_PACKET:
        return this.packet(view, at, view.getUint32(at + PACKET_INTERFACE, this.little), total, frames);
      case Block.OLD_PACKET:
        return this.packet(view, at, view.getUint16(at + PACKET_INTERFACE, this.little), total, frames);
      case Block.SIMPLE_PACKET:
        return this.simplePacket(view, at, total, frames);
      case Block.SECTION:
        return this.section(view, at, total);
      case Block.INTERFACE:
        return this.interface(view, at, total);
      case Block.STATISTICS:
        this.statistics(view, at, total);
        return true;
      default:
        // tshark gives some blocks without a packet a frame number too.
        if (isNumbered(type)) frames.push(Number.NaN, at, at + BODY, at + BODY, 0, NO_PACKET);
        return true;
    }
  }

  /** Enhanced and obsolete packet blocks differ only in the width of the interface number. */
  private packet(view: DataView, at: number, number: number, total: number, frames: Frames): boolean {
    const little = this.little;
    if (total < PACKET_HEADER + TRAILER) return this.bad('a packet block is too short');
    const it = this.interfaces[number];
    if (it === undefined) return this.bad(`a packet block names interface ${number}, which is not described`);
    const captured = view.getUint32(at + PACKET_CAPTURED, little);
    if (captured > total - PACKET_HEADER - TRAILER) {
      return this.bad(`a packet block says that ${captured} bytes were captured`);
    }
    const start = at + PACKET_HEADER;
    const end = start + (captured < KEPT_FRAME ? captured : KEPT_FRAME);
    const high = view.getUint32(at + PACKET_TIME_HIGH, little);
    const low = view.getUint32(at + PACKET_TIME_LOW, little);
    frames.push(it.clock.at(high, low), at, start, end, view.getUint32(at + PACKET_LENGTH, little), it.linkType);
    return true;
  }

  /** A simple packet block belongs to interface 0 and has no time (§4.4). */
  private simplePacket(view: DataView, at: number, total: number, frames: Frames): boolean {
    if (total < SPB_HEADER + TRAILER) return this.bad('a packet block is too short');
    const it = this.interfaces[0];
    if (it === undefined) return this.bad('a simple packet block comes before any interface');
    const length = view.getUint32(at + SPB_LENGTH, this.little);
    const captured = Math.min(length, total - SPB_HEADER - TRAILER, it.snaplen || KEPT_FRAME, KEPT_FRAME);
    const start = at + SPB_HEADER;
    frames.push(Number.NaN, at, start, start + captured, length, it.linkType);
    return true;
  }

  private section(view: DataView, at: number, total: number): boolean {
    if (total < SECTION_MIN) return this.bad('a section header is too short');
    const major = view.getUint16(at + VERSION_MAJOR, this.little);
    if (major !== 1) return this.bad(`unsupported pcapng version ${major}`);
    this.droppedBefore = this.dropped;
    this.interfaces = [];
    return true;
  }

  private interface(view: DataView, at: number, total: number): boolean {
    if (total < IDB_OPTIONS + TRAILER) return this.bad('an interface description is too short');
    if (this.interfaces.length === MAX_INTERFACES) return this.bad('a section has more than 65536 interfaces');
    const little = this.little;
    let resolution = DEFAULT_RESOLUTION;
    let offset = 0n;
    eachOption(view, at + IDB_OPTIONS, optionsEnd(at, total), little, (code, value, size) => {
      if (code === Option.IF_TSRESOL && size >= 1) resolution = view.getUint8(value);
      if (code === Option.IF_TSOFFSET && size >= 8) offset = view.getBigInt64(value, little);
    });
    const linkType = view.getUint16(at + IDB_LINK_TYPE, little);
    this.interfaces.push({
      linkType,
      snaplen: view.getUint32(at + IDB_SNAPLEN, little),
      clock: new TickClock(resolution, offset, this.origin),
      dropped: 0,
    });
    if (!this.linkTypes.includes(linkType)) this.linkTypes.push(linkType);
    return true;
  }

  private statistics(view: DataView, at: number, total: number): void {
    if (total < ISB_OPTIONS + TRAILER) return;
    const it = this.interfaces[view.getUint32(at + BODY, this.little)];
    if (it === undefined) return;
    let dropped = 0;
    eachOption(view, at + ISB_OPTIONS, optionsEnd(at, total), this.little, (code, value, size) => {
      if ((code === Option.ISB_IFDROP || code === Option.ISB_OSDROP) && size >= 8) {
        dropped += Number(view.getBigUint64(value, this.little));
      }
    });
    it.dropped = Math.max(it.dropped, dropped);
  }

  private bad(problem: string): false {
    this.damage = problem;
    return false;
  }
}

const isPacket = (type: number): boolean =>
  type === Block.ENHANCED_PACKET || type === Block.SIMPLE_PACKET || type === Block.OLD_PACKET;

const changesState = (type: number): boolean =>
  type === Block.SECTION || type === Block.INTERFACE || type === Block.STATISTICS;

/** End of a block's options; of a very long block only the first KEPT_FRAME bytes are read. */
const optionsEnd = (at: number, total: number): number => at + Math.min(total - TRAILER, KEPT_FRAME);

function isNumbered(type: number): boolean {
  switch (type) {
    case Block.CUSTOM:
    case Block.CUSTOM_NO_COPY:
    case Block.JOURNAL:
    case Block.SYSDIG_EVENT:
    case Block.SYSDIG_EVENT_FLAGS:
    case Block.SYSDIG_EVENT_V2:
    case Block.SYSDIG_EVENT_FLAGS_V2:
    case Block.SYSDIG_EVENT_V2_LARGE:
    case Block.SYSDIG_EVENT_FLAGS_V2_LARGE:
      return true;
    default:
      return false;
  }
}
