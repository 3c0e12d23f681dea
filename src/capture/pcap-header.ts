/** The header of a nanosecond pcap file in this machine's byte order, the format of the addon's records. */
import { endianness } from 'node:os';
import { FILE_HEADER } from './pcap.ts';

const NANOS = 0xa1b23c4d;

export function nanosecondHeader(linkType: number, snaplen: number): Uint8Array {
  const little = endianness() === 'LE';
  const bytes = new Uint8Array(FILE_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, NANOS, little);
  view.setUint16(4, 2, little);
  view.setUint16(6, 4, little);
  view.setUint32(16, snaplen, little);
  view.setUint32(20, linkType, little);
  return bytes;
}
