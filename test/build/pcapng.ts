/**
 * Writes pcapng block by block (draft-ietf-opsawg-pcapng). A file is a concatenation of blocks; `pcapng()` makes the
 * usual one: a section, its interfaces, and an enhanced packet block for each frame.
 */
import { concat } from './bytes.ts';
import type { Frame } from './packet.ts';
import { BASE_TIME, frameNanos, Words } from './pcap.ts';

export interface Interface {
  linkType?: number;
  snaplen?: number;
  name?: string;
  /** `if_tsresol`: ticks are 10^-n seconds, or with `binary` 2^-n. Absent: microseconds. */
  resolution?: number;
  binary?: boolean;
  /** `if_tsoffset`: seconds to add to every time stamp. */
  offset?: number;
}

export interface SectionOptions {
  bigEndian?: boolean;
  /** Seconds since the epoch of `t` = 0. */
  base?: number;
}

const BLOCK = { IDB: 1, OLD_PACKET: 2, SPB: 3, ISB: 5, EPB: 6, SHB: 0x0a0d0d0a };
const OPTION = { END: 0, IF_NAME: 2, IF_TSRESOL: 9, IF_TSOFFSET: 14, ISB_IFDROP: 5, ISB_OSDROP: 7, COMMENT: 1 };

const pad = (length: number): Uint8Array => new Uint8Array(-length & 3);

/** One section of a pcapng file; its methods return its blocks. */
export class Section {
  readonly words: Words;
  readonly base: number;
  readonly interfaces: Interface[] = [];

  constructor(options: SectionOptions = {}) {
    this.words = new Words(options.bigEndian ?? false);
    this.base = options.base ?? BASE_TIME;
  }

  block(type: number, ...body: readonly Uint8Array[]): Uint8Array {
    const content = concat(...body);
    const length = this.words.of32(12 + content.length + pad(content.length).length);
    return concat(this.words.of32(type), length, content, pad(content.length), length);
  }

  option(code: number, value: Uint8Array): Uint8Array {
    return concat(this.words.of16(code, value.length), value, pad(value.length));
  }

  /** Section header, with the length of the section not specified. */
  header(): Uint8Array {
    return this.block(BLOCK.SHB, this.words.of32(0x1a2b3c4d), this.words.of16(1, 0), this.words.of64(-1n));
  }

  /** Interface description; interfaces are numbered in the order of calls. */
  interface(it: Interface = {}): Uint8Array {
    this.interfaces.push(it);
    const options: Uint8Array[] = [];
    if (it.name !== undefined) options.push(this.option(OPTION.IF_NAME, new TextEncoder().encode(it.name)));
    if (it.resolution !== undefined) {
      options.push(this.option(OPTION.IF_TSRESOL, Uint8Array.of(it.resolution | (it.binary ? 0x80 : 0))));
    }
    if (it.offset !== undefined) options.push(this.option(OPTION.IF_TSOFFSET, this.words.of64(BigInt(it.offset))));
    if (options.length > 0) options.push(this.option(OPTION.END, new Uint8Array(0)));
    return this.block(BLOCK.IDB, this.words.of16(it.linkType ?? 1, 0), this.words.of32(it.snaplen ?? 0), ...options);
  }

  /** Enhanced packet block. */
  packet(frame: Frame): Uint8Array {
    const [high, low] = this.stamp(frame);
    const bytes = this.captured(frame);
    const lengths = this.words.of32(frame.iface ?? 0, high, low, bytes.length, frame.bytes.length);
    return this.block(BLOCK.EPB, lengths, bytes);
  }

  /** Simple packet block: interface 0, no time. */
  simplePacket(frame: Frame): Uint8Array {
    return this.block(BLOCK.SPB, this.words.of32(frame.bytes.length), this.captured(frame));
  }

  /** The obsolete packet block. */
  oldPacket(frame: Frame): Uint8Array {
    const [high, low] = this.stamp(frame);
    const bytes = this.captured(frame);
    const drops = 0;
    const lengths = this.words.of32(high, low, bytes.length, frame.bytes.length);
    return this.block(BLOCK.OLD_PACKET, this.words.of16(frame.iface ?? 0, drops), lengths, bytes);
  }

  /** Interface statistics with the number of packets that the interface dropped. */
  statistics(iface: number, dropped: number): Uint8Array {
    const option = this.option(OPTION.ISB_IFDROP, this.words.of64(BigInt(dropped)));
    return this.block(BLOCK.ISB, this.words.of32(iface, 0, 0), option, this.option(OPTION.END, new Uint8Array(0)));
  }

  /** A block of an undefined type. */
  unknown(size = 16): Uint8Array {
    return this.block(0x7bad_f00d, new Uint8Array(size));
  }

  private captured(frame: Frame): Uint8Array {
    const snaplen = this.interfaces[frame.iface ?? 0]?.snaplen || Infinity;
    return frame.bytes.subarray(0, Math.min(frame.snap ?? Infinity, snaplen));
  }

  private stamp(frame: Frame): [number, number] {
    const { resolution = 6, binary = false, offset = 0 } = this.interfaces[frame.iface ?? 0] ?? {};
    const nanos = frameNanos(frame, this.base) - BigInt(offset) * 1_000_000_000n;
    const scale = binary ? 1n << BigInt(resolution) : 10n ** BigInt(resolution);
    const ticks = (nanos * scale) / 1_000_000_000n;
    return [Number(ticks >> 32n), Number(ticks & 0xffff_ffffn)];
  }
}

/** A file of section, interfaces, packets; by default with one interface of the first frame's link type. */
export function pcapng(
  frames: readonly Frame[],
  options: SectionOptions & { interfaces?: Interface[] } = {},
): Uint8Array {
  const section = new Section(options);
  const interfaces = options.interfaces ?? [{ linkType: frames[0]?.linkType ?? 1 }];
  return concat(
    section.header(),
    ...interfaces.map(it => section.interface(it)),
    ...frames.map(frame => section.packet(frame)),
  );
}
