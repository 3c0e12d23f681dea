/**
 * The layout of pcap files (draft-ietf-opsawg-pcap §4 and §5): magic numbers, and offsets of the fields in the header
 * of a file and in that of a record, named as in libpcap's format. All numbers are in the byte order of the file.
 */
import { endianness } from 'node:os';

export const Magic = { MICROS: 0xa1b2c3d4, NANOS: 0xa1b23c4d, MODIFIED: 0xa1b2cd34 } as const;

export const FileField = { MAGIC: 0, VERSION_MAJOR: 4, VERSION_MINOR: 6, SNAPLEN: 16, NETWORK: 20 } as const;
export const FILE_HEADER = 24;

/** Fields of a record's header: single constants, because the walk over records is a hot loop. */
export const TS_SEC = 0;
/** Nanoseconds in a file with that magic number. */
export const TS_USEC = 4;
/** The captured length. */
export const INCL_LEN = 8;
/** The length on the wire. */
export const ORIG_LEN = 12;
export const RECORD_HEADER = 16;
/** After the usual fields come interface index, protocol and packet type (Kuznetzov's patch). */
export const MODIFIED_RECORD_HEADER = 24;

/** Whether this machine is little endian. The addon writes records in the machine's byte order. */
export const LITTLE = endianness() === 'LE';

/** Where the record at `at` ends and the next one begins, in the machine's byte order. */
export const recordEnd = (view: DataView, at: number): number =>
  at + RECORD_HEADER + view.getUint32(at + INCL_LEN, LITTLE);
