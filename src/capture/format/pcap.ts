/**
 * pcap record walk (draft-ietf-opsawg-pcap, and what libpcap's sf-pcap.c accepts): µs and ns, both byte orders, the
 * "modified" format of patched libpcaps, versions 2.0 to 2.4. The snapshot length in the header is only a hint, as many
 * writers exceed it; a captured length that no writer produces ends the walk.
 */

import { type Frames, KEPT_FRAME, type Walker } from '../walker.ts';
import {
  FILE_HEADER,
  FileField,
  INCL_LEN,
  LITTLE,
  Magic,
  MODIFIED_RECORD_HEADER,
  ORIG_LEN,
  RECORD_HEADER,
  TS_SEC,
  TS_USEC,
} from './pcap-layout.ts';

/** Lower bits of the network field; the upper ones say whether frames end with an FCS, and how long it is. */
const LINK_TYPE_MASK = 0x03ff_ffff;
/** libpcap's MAXIMUM_SNAPLEN: its own files contain no longer records. */
const MAX_CAPTURED = 262_144;
/** Most that a file header may announce (for D-Bus and USB): a longer record is damage. */
const MAX_SNAPLEN = 16 << 20;

/** Byte order of the pcap file that begins with these bytes: true is little endian; undefined: not a pcap file. */
export function pcapByteOrder(view: DataView): boolean | undefined {
  for (const little of [true, false]) {
    const magic = view.getUint32(FileField.MAGIC, little);
    if (magic === Magic.MICROS || magic === Magic.NANOS || magic === Magic.MODIFIED) return little;
  }
  return undefined;
}

/** Whether the file is like nearly every pcap: this machine's byte order, usual records, version 2.4 or later. */
export function isUsualPcap(head: Uint8Array, linkType: number): boolean {
  const view = new DataView(head.buffer, head.byteOffset, FILE_HEADER);
  const magic = view.getUint32(FileField.MAGIC, LITTLE);
  const old =
    view.getUint16(FileField.VERSION_MAJOR, LITTLE) === 2 && view.getUint16(FileField.VERSION_MINOR, LITTLE) <= 3;
  const usual = magic === Magic.MICROS || magic === Magic.NANOS;
  return usual && !old && (view.getUint32(FileField.NETWORK, LITTLE) & LINK_TYPE_MASK) === linkType;
}

export class PcapWalker implements Walker {
  readonly format: string;
  readonly linkTypes: number[];
  readonly dropped = 0;
  damage = '';
  private readonly little: boolean;
  private readonly origin: number;
  /** Nanoseconds per unit of the fraction. */
  private readonly unit: number;
  private readonly header: number;
  private readonly maxCaptured: number;
  /** The first two fields of the file header: where they come again, another file was appended. */
  private readonly magic: number;
  private readonly version: number;
  /** The two length fields are swapped in no record, in every record, or in those where captured exceeds original. */
  private readonly swapped: 'no' | 'yes' | 'maybe';

  /** `head` begins with a complete file header. */
  constructor(head: DataView, origin: number) {
    const little = pcapByteOrder(head)!;
    const magic = head.getUint32(FileField.MAGIC, little);
    this.little = little;
    this.magic = magic;
    this.version = head.getUint32(FileField.VERSION_MAJOR, little);
    this.origin = origin;
    this.unit = magic === Magic.NANOS ? 1 : 1000;
    this.header = magic === Magic.MODIFIED ? MODIFIED_RECORD_HEADER : RECORD_HEADER;
    this.format = magic === Magic.NANOS ? 'pcap-ns' : magic === Magic.MODIFIED ? 'pcap-modified' : 'pcap';
    const snaplen = head.getUint32(FileField.SNAPLEN, little);
    this.maxCaptured = Math.max(MAX_CAPTURED, Math.min(snaplen, MAX_SNAPLEN));
    this.linkTypes = [head.getUint32(FileField.NETWORK, little) & LINK_TYPE_MASK];
    // The fields were swapped before version 2.3, but not all writers of 2.3 follow it (libpcap, sf-pcap.c).
    const minor = head.getUint16(FileField.VERSION_MINOR, little);
    const old = head.getUint16(FileField.VERSION_MAJOR, little) === 2 && minor <= 3;
    this.swapped = !old ? 'no' : minor === 3 ? 'maybe' : 'yes';
  }

  private isFileHeader(view: DataView, at: number): boolean {
    const { little, magic, version } = this;
    return view.getUint32(at, little) === magic && view.getUint32(at + FileField.VERSION_MAJOR, little) === version;
  }

  walk(view: DataView, from: number, to: number, frames: Frames): number {
    const little = this.little;
    const origin = this.origin;
    const unit = this.unit;
    const header = this.header;
    const linkType = this.linkTypes[0];
    frames.count = 0;
    this.damage = '';
    let at = from;
    while (at + header <= to && !frames.full) {
      let captured = view.getUint32(at + INCL_LEN, little);
      let length = view.getUint32(at + ORIG_LEN, little);
      if (this.swapped !== 'no' && (this.swapped === 'yes' || captured > length)) {
        [captured, length] = [length, captured];
      }
      if (captured > this.maxCaptured) {
        this.damage = `a record says that ${captured} bytes of it were captured`;
        return at;
      }
      if (captured === 0 && this.isFileHeader(view, at)) {
        this.damage = 'another file header follows; cat cannot join captures: name the files, or join them by mergecap';
        return at;
      }
      const start = at + header;
      const end = start + (captured < KEPT_FRAME ? captured : KEPT_FRAME);
      if (end > to) return at;
      const seconds = view.getUint32(at + TS_SEC, little) - origin;
      const nanos = view.getUint32(at + TS_USEC, little) * unit;
      frames.push(seconds * 1e9 + nanos, at, start, end, length, linkType);
      at = start + captured;
    }
    return at;
  }
}
