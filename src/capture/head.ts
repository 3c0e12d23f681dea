/**
 * The beginning of an input: its format, and the time of its first frame. All inputs are looked at before any is read,
 * because the run's origin and the order of reading depend on all of them.
 */
import { type CaptureError, NoCaptureError, NoTcpError } from '../base/errors.ts';
import type { Nanos } from '../base/time.ts';
import type { CaptureInfo } from './capture-info.ts';
import { PcapWalker, pcapByteOrder } from './format/pcap.ts';
import { nanosecondHeader } from './format/pcap-header.ts';
import { FILE_HEADER } from './format/pcap-layout.ts';
import { isPcapng, PcapngWalker } from './format/pcapng.ts';
import { isSupported, linkTypeName, NO_PACKET } from './link/link.ts';
import type { Live, Source } from './source.ts';
import { Frames, type Walker } from './walker.ts';

/** Bytes looked at first: enough for the first frame of nearly every capture. */
const FIRST_LOOK = 64 << 10;
/** Most bytes looked at: blocks of name resolution or decryption secrets, of up to 16 MiB each, may come first. */
const LAST_LOOK = 32 << 20;
/** Most bytes looked at when there are frames, but without times. */
const TIMELESS_LOOK = 4 << 20;
const PCAPNG_MAGIC_SIZE = 12;

export interface Head {
  readonly bytes: Uint8Array;
  /** Offset of the first record or block. */
  readonly bodyAt: number;
  readonly format: string;
  /** Time of the first frame that has one, in nanoseconds since the epoch. */
  readonly first: bigint | undefined;
  readonly linkTypes: readonly number[];
  /** Number of whole frames in `bytes`. */
  readonly frames: number;
  /** Offset of the record of the first one. */
  readonly recordAt: number | undefined;
}

/** Reads up to the first frame; throws when the input is not a capture, or has no usable frame. */
export async function readHead(name: string, source: Source): Promise<Head> {
  let buffer = new Uint8Array(FIRST_LOOK);
  let filled = 0;
  for (let ended = false; ; ) {
    const count = await source.read(buffer, filled, buffer.length - filled);
    filled += count;
    ended = count === 0;
    const bytes = buffer.subarray(0, filled);
    if (!ended && filled < FILE_HEADER) continue;
    rejectUnlessCapture(name, bytes, source);
    const { first, scan, walker, bodyAt } = look(bytes);
    const enough = first !== undefined || ended || filled >= (scan.frames > 0 ? TIMELESS_LOOK : LAST_LOOK);
    if (enough) {
      if (scan.frames > 0 && !scan.usable && (ended || walker instanceof PcapWalker)) {
        throw unusable(name, walker.linkTypes, scan.recordAt);
      }
      const { format, linkTypes } = walker;
      return { bytes, bodyAt, format, first, linkTypes, frames: scan.frames, recordAt: scan.recordAt };
    }
    if (filled === buffer.length) {
      const grown = new Uint8Array(buffer.length * 2);
      grown.set(buffer);
      buffer = grown;
    }
  }
}

/** The head of a live input, made without reading: it may be silent for hours. */
export function liveHead(name: string, { linkType, snaplen, startedNs }: Live): Head {
  if (!isSupported(linkType)) throw unusable(name, [linkType]);
  const bytes = nanosecondHeader(linkType, snaplen);
  return { bytes, bodyAt: 0, format: 'live', first: startedNs, linkTypes: [linkType], frames: 0, recordAt: undefined };
}

const unusable = (name: string, linkTypes: readonly number[], at?: number): CaptureError =>
  new NoTcpError(name, `unsupported ${linkTypes.map(linkTypeName).join(', ')}: no TCP can be read from it`, at);

/** Adds a note for each unsupported link type with its number of frames; throws when there were no other frames. */
export function noteUnsupported(info: CaptureInfo, counts: ReadonlyMap<number, number>, { recordAt }: Head): void {
  let unsupported = 0;
  for (const [linkType, count] of counts) {
    unsupported += count;
    const frames = count === 1 ? '1 frame' : `${count} frames`;
    const text = `${frames} of the unsupported ${linkTypeName(linkType)} ${count === 1 ? 'was' : 'were'} left out`;
    info.notes.push({ kind: 'unsupported-link-type', text, count });
  }
  if (unsupported > 0 && unsupported === info.frames) throw unusable(info.source, [...counts.keys()], recordAt);
}

/** A walker for the capture that begins with these bytes. `origin` in seconds since the epoch. */
export function walkerFor(head: Uint8Array, origin: number): Walker {
  const view = viewOf(head);
  return pcapByteOrder(view) === undefined ? new PcapngWalker(origin) : new PcapWalker(view, origin);
}

/** Result of looking at the first frames: the time of the first one, and whether any is usable. */
class Scan {
  /** Time of the first frame that has one, else NaN. */
  first: Nanos = Number.NaN;
  frames = 0;
  recordAt: number | undefined;
  usable = false;

  take(frames: Frames): void {
    for (let i = 0; i < frames.count; i++) {
      if (Number.isNaN(this.first)) this.first = frames.at[i];
      const linkType = frames.linkType[i];
      if (linkType === NO_PACKET) continue;
      this.frames++;
      this.recordAt ??= frames.record[i];
      this.usable ||= isSupported(linkType);
    }
  }
}

function look(bytes: Uint8Array): { first: bigint | undefined; scan: Scan; walker: Walker; bodyAt: number } {
  const view = viewOf(bytes);
  const bodyAt = pcapByteOrder(view) === undefined ? 0 : FILE_HEADER;
  const scanFrom = (origin: number): { scan: Scan; walker: Walker } => {
    const walker = walkerFor(bytes, origin);
    const scan = new Scan();
    const frames = new Frames();
    for (let at = bodyAt; ; ) {
      const next = walker.walk(view, at, bytes.length, frames);
      scan.take(frames);
      if (next === at || next >= bytes.length) break;
      at = next;
    }
    return { scan, walker };
  };
  const rough = scanFrom(0);
  if (Number.isNaN(rough.scan.first)) return { ...rough, first: undefined, bodyAt };
  // A double cannot hold nanoseconds since the epoch exactly, but it can hold those since a second close by.
  const origin = Math.floor(rough.scan.first / 1e9);
  const exact = scanFrom(origin);
  // At the limits of valid times, the two scans may disagree on whether the time is valid.
  if (Number.isNaN(exact.scan.first)) return { ...exact, first: undefined, bodyAt };
  return { ...exact, first: BigInt(origin) * 1_000_000_000n + BigInt(exact.scan.first), bodyAt };
}

/** `standard input is empty`, not `standard input: is empty`: nothing else is to be said of it. */
function emptyCapture(name: string): NoCaptureError {
  const error = new NoCaptureError(name, 'is empty', 0);
  if (name === '-') error.message = 'standard input is empty (byte 0)';
  return error;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** First bytes of files that people mistake for captures, and what to do with them. */
const STRANGERS: readonly (readonly [string, string])[] = [
  ['snoop\0', 'a snoop capture; "editcap -F pcapng" converts it'],
  ['GMBU', 'a Microsoft Network Monitor capture; "editcap -F pcapng" converts it'],
  ['RTSS', 'a Microsoft Network Monitor capture; "editcap -F pcapng" converts it'],
  ['TRSNIFF', 'a Sniffer capture; "editcap -F pcapng" converts it'],
  ['PK\x03\x04', 'a zip archive; unpack it first'],
  ['BZh', 'compressed with bzip2; unpack it first'],
];
const TEXT = /^[\t\r\n -~]{24}/;

function rejectUnlessCapture(name: string, bytes: Uint8Array, source: Source): void {
  if (bytes.length === 0) {
    if (source.damage === undefined) throw emptyCapture(name);
    throw new NoTcpError(name, `cannot be read: ${source.damage.message}`, 0);
  }
  const view = viewOf(bytes);
  if (bytes.length >= 4) {
    const pcap = pcapByteOrder(view) !== undefined;
    if (pcap && bytes.length < FILE_HEADER) throw cutShort(name, bytes);
    if (pcap) return;
    if (bytes.length >= PCAPNG_MAGIC_SIZE ? isPcapng(view) : view.getUint32(0) === 0x0a0d0d0a) {
      if (bytes.length < PCAPNG_MAGIC_SIZE) throw cutShort(name, bytes);
      return;
    }
  }
  const start = Buffer.from(bytes.subarray(0, 32)).toString('latin1');
  const known = STRANGERS.find(([magic]) => start.startsWith(magic))?.[1];
  const what = known ?? (TEXT.test(start) ? 'text; "tcpdump -w FILE" writes a capture' : undefined);
  throw new NoCaptureError(name, `is not a pcap or pcapng capture${what === undefined ? '' : ` but ${what}`}`, 0);
}

const cutShort = (name: string, bytes: Uint8Array): CaptureError =>
  new NoCaptureError(name, 'ends in the middle of its file header', bytes.length);
