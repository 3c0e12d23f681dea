/** Splits pcap files into records, to cut and damage captures that were not generated here. */
import { concat } from './bytes.ts';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const CAPTURED_LENGTH = 8;
const LITTLE_ENDIAN_MAGICS = [0xa1b2c3d4, 0xa1b23c4d];

/** Whether `records` can read the file: little-endian pcap, not "modified". */
export const isPlainPcap = (file: Uint8Array): boolean =>
  file.length >= FILE_HEADER && LITTLE_ENDIAN_MAGICS.includes(view(file).getUint32(0, true));

/** The header of the file and its complete records. */
export function records(file: Uint8Array): { header: Uint8Array; records: Uint8Array[] } {
  const found: Uint8Array[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const end = at + RECORD_HEADER + view(file).getUint32(at + CAPTURED_LENGTH, true);
    if (end > file.length) break;
    found.push(file.subarray(at, end));
    at = end;
  }
  return { header: file.subarray(0, FILE_HEADER), records: found };
}

/** The capture cut into several, before the records with these numbers (from 0). */
export function cutAt(file: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const { header, records: all } = records(file);
  const edges = [0, ...[...cuts].sort((a, b) => a - b), all.length];
  return edges.slice(1).map((edge, i) => concat(header, ...all.slice(edges[i], edge)));
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The capture as a machine writes it whose clock is `by` seconds ahead. */
export function shifted(file: Uint8Array, by: number): Uint8Array {
  const { header, records: all } = records(file);
  const perSecond = view(file).getUint32(0, true) === LITTLE_ENDIAN_MAGICS[1] ? 1e9 : 1e6;
  const later = all.map(record => {
    const copy = Uint8Array.from(record);
    const at = view(copy).getUint32(0, true) * perSecond + view(copy).getUint32(4, true) + Math.round(by * perSecond);
    view(copy).setUint32(0, Math.floor(at / perSecond), true);
    view(copy).setUint32(4, at % perSecond, true);
    return copy;
  });
  return concat(header, ...later);
}
