/** Writes frames as the bytes of a capture file: nanosecond pcap, or pcapng when they have several link types. */
import { nanosecondHeader } from './pcap-header.ts';
import { LITTLE } from './pcap-layout.ts';

export interface CapturedFrame {
  /** Nanoseconds since the epoch. */
  ns: bigint;
  linkType: number;
  /** The captured bytes. */
  bytes: Uint8Array;
  /** Length in bytes on the wire. */
  length: number;
}

const SECOND = 1_000_000_000n;
/** libpcap's MAXIMUM_SNAPLEN. */
const SNAPLEN = 262_144;

/** Yields the pieces of a file with the frames in the given order. */
export function* captureFile(frames: readonly CapturedFrame[]): Generator<Uint8Array> {
  const linkTypes = [...new Set(frames.map(({ linkType }) => linkType))];
  if (linkTypes.length === 1) {
    yield nanosecondHeader(linkTypes[0], SNAPLEN);
    for (const frame of frames) yield* pcapRecord(frame);
    return;
  }
  yield words([SECTION, 28, BYTE_ORDER, VERSION_1_0, 0xffff_ffff, 0xffff_ffff, 28]);
  for (const linkType of linkTypes) yield interfaceBlock(linkType);
  for (const frame of frames) yield* packetBlock(frame, linkTypes.indexOf(frame.linkType));
}

function* pcapRecord({ ns, bytes, length }: CapturedFrame): Generator<Uint8Array> {
  yield words([Number(ns / SECOND), Number(ns % SECOND), bytes.length, length]);
  yield bytes;
}

/** Block types and constants of draft-ietf-opsawg-pcapng §4. */
const SECTION = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
/** Major version 1 and minor version 0, two bytes each. */
const VERSION_1_0 = LITTLE ? 1 : 0x0001_0000;
const IF_TSRESOL = 9;
const NANOSECONDS = 9;
const IDB_LENGTH = 32;
const EPB_LENGTH = 32;

function interfaceBlock(linkType: number): Uint8Array {
  const block = words([INTERFACE, IDB_LENGTH, 0, SNAPLEN, 0, 0, 0, IDB_LENGTH]);
  const view = new DataView(block.buffer);
  view.setUint16(8, linkType, LITTLE);
  view.setUint16(16, IF_TSRESOL, LITTLE);
  view.setUint16(18, 1, LITTLE);
  view.setUint8(20, NANOSECONDS);
  return block;
}

function* packetBlock({ ns, bytes, length }: CapturedFrame, index: number): Generator<Uint8Array> {
  const padding = -bytes.length & 3;
  const total = EPB_LENGTH + bytes.length + padding;
  yield words([ENHANCED_PACKET, total, index, Number(ns >> 32n), Number(ns & 0xffff_ffffn), bytes.length, length]);
  yield bytes;
  yield new Uint8Array(padding);
  yield words([total]);
}

function words(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, LITTLE);
  return bytes;
}
