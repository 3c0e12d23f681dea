/** The header of a nanosecond pcap file in this machine's byte order, the format of the addon's records. */
import { FILE_HEADER, FileField, LITTLE, Magic } from './pcap-layout.ts';

export function nanosecondHeader(linkType: number, snaplen: number): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(FileField.MAGIC, Magic.NANOS, LITTLE);
  view.setUint16(FileField.VERSION_MAJOR, 2, LITTLE);
  view.setUint16(FileField.VERSION_MINOR, 4, LITTLE);
  view.setUint32(FileField.SNAPLEN, snaplen, LITTLE);
  view.setUint32(FileField.NETWORK, linkType, LITTLE);
  return bytes;
}
