/** Writes pcap files: µs, ns and Kuznetzov's "modified" magic, in both byte orders. */
import { concat } from './bytes.ts';
import type { Frame } from './packet.ts';

/** Default time of t = 0 in tests, in seconds since the epoch. */
export const BASE_TIME = 1_700_000_000;

export interface PcapOptions {
  /** Seconds since the epoch of `t` = 0. */
  base?: number;
  nanos?: boolean;
  bigEndian?: boolean;
  /** Record headers with eight more bytes, as written by patched libpcaps of the nineties. */
  modified?: boolean;
  /** Cuts every frame to this length; its length on the wire is not changed. */
  snaplen?: number;
  /** Instead of the link type of the first frame. */
  linkType?: number;
}

const MAGIC = { MICROS: 0xa1b2c3d4, NANOS: 0xa1b23c4d, MODIFIED: 0xa1b2cd34 };

/** Encodes numbers in one byte order. */
export class Words {
  readonly bigEndian: boolean;
  constructor(bigEndian: boolean) {
    this.bigEndian = bigEndian;
  }
  of16(...values: readonly number[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(values.length * 2));
    for (const [i, value] of values.entries()) view.setUint16(i * 2, value, !this.bigEndian);
    return new Uint8Array(view.buffer);
  }
  of32(...values: readonly number[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(values.length * 4));
    for (const [i, value] of values.entries()) view.setUint32(i * 4, value, !this.bigEndian);
    return new Uint8Array(view.buffer);
  }
  of64(value: bigint): Uint8Array {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, value, !this.bigEndian);
    return new Uint8Array(view.buffer);
  }
}

/** Capture time of a frame in nanoseconds since the epoch. */
export const frameNanos = (frame: Frame, base: number): bigint =>
  BigInt(base) * 1_000_000_000n + BigInt(Math.round(frame.t * 1e9));

/** A complete pcap file. All frames must have the same link type. */
export function pcap(frames: readonly Frame[], options: PcapOptions = {}): Uint8Array {
  return concat(pcapHeader(frames[0]?.linkType ?? 1, options), ...frames.map(frame => pcapRecord(frame, options)));
}

export function pcapHeader(linkType: number, options: PcapOptions = {}): Uint8Array {
  const words = new Words(options.bigEndian ?? false);
  const magic = options.modified ? MAGIC.MODIFIED : options.nanos ? MAGIC.NANOS : MAGIC.MICROS;
  return concat(
    words.of32(magic),
    words.of16(2, 4), // version
    words.of32(0, 0, options.snaplen ?? 262144, options.linkType ?? linkType),
  );
}

export function pcapRecord(frame: Frame, options: PcapOptions = {}): Uint8Array {
  const words = new Words(options.bigEndian ?? false);
  const nanos = frameNanos(frame, options.base ?? BASE_TIME);
  const fraction = Number(nanos % 1_000_000_000n);
  const captured = frame.bytes.subarray(0, Math.min(frame.snap ?? Infinity, options.snaplen ?? Infinity));
  return concat(
    words.of32(
      Number(nanos / 1_000_000_000n),
      options.nanos ? fraction : Math.floor(fraction / 1000),
      captured.length,
      frame.bytes.length,
    ),
    options.modified ? concat(words.of32(2), words.of16(0), [0, 0]) : [], // interface index, protocol, packet type
    captured,
  );
}
