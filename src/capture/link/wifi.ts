/**
 * From an IEEE 802.11 data frame to IP, with the headers that drivers prepend. Encrypted frames are `not-ip`, because
 * nothing in them can be read. Only the first subframe of an A-MSDU (802.11 §9.3.2.2) is looked at.
 */

import { Skip } from '../slab.ts';
import type { Cursor } from './cursor.ts';
import { llc } from './llc.ts';

const SEQUENCE_CONTROL = 22;
const HEADER = 24;
const FOURTH_ADDRESS = 6;
const QOS_CONTROL = 2;
const HT_CONTROL = 4;
const SUBFRAME_HEADER = 14;

const TYPE_MASK = 0x0c;
const TYPE_DATA = 0x08;
const NO_DATA = 0x40;
const QOS = 0x80;
const BOTH_DS = 0x03;
const PROTECTED = 0x40;
const ORDER = 0x80;
const A_MSDU = 0x80;
const FRAGMENT_MASK = 0x0f;

const RADIOTAP_LENGTH = 2;
const RADIOTAP_PRESENT = 4;
const RADIOTAP_MIN = 8;
const PRESENT_TSFT = 0x01;
const PRESENT_FLAGS = 0x02;
const PRESENT_MORE = 0x8000_0000;
const FLAG_DATA_PAD = 0x20;

const PRISM_HEADER = 144;
const AVS_MAGIC = 0x8021_1000;
const AVS_LENGTH = 4;

export function wifi(c: Cursor, padded = false): number {
  if (!c.has(HEADER)) return c.missing(HEADER);
  const control = c.bytes[c.at];
  const flags = c.bytes[c.at + 1];
  if ((control & TYPE_MASK) !== TYPE_DATA || (control & NO_DATA) !== 0) return -Skip.NOT_IP;
  if ((flags & PROTECTED) !== 0) return -Skip.NOT_IP;
  // Only the first fragment of an MSDU begins with an LLC header.
  if ((c.bytes[c.at + SEQUENCE_CONTROL] & FRAGMENT_MASK) !== 0) return -Skip.NOT_IP;

  let size = HEADER + ((flags & BOTH_DS) === BOTH_DS ? FOURTH_ADDRESS : 0);
  let aggregated = false;
  if ((control & QOS) !== 0) {
    const qosAt = size;
    size += QOS_CONTROL;
    if (!c.has(size)) return c.missing(size);
    aggregated = (c.bytes[c.at + qosAt] & A_MSDU) !== 0;
    if ((flags & ORDER) !== 0) size += HT_CONTROL;
  }
  if (padded) size = (size + 3) & ~3;
  if (aggregated) size += SUBFRAME_HEADER;
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  return llc(c);
}

/** Radiotap (radiotap.org): its fields are little endian on every machine. */
export function radiotap(c: Cursor): number {
  if (!c.has(RADIOTAP_MIN)) return c.missing(RADIOTAP_MIN);
  const start = c.at;
  const size = c.view.getUint16(start + RADIOTAP_LENGTH, true);
  if (size < RADIOTAP_MIN) return -Skip.BAD_HEADER;
  if (!c.has(size)) return c.missing(size);
  const padded = (radiotapFlags(c.view, start, size) & FLAG_DATA_PAD) !== 0;
  c.at = start + size;
  return wifi(c, padded);
}

/** The "flags" field, or 0; only the 64-bit TSFT can precede it. */
function radiotapFlags(view: DataView, start: number, size: number): number {
  const present = view.getUint32(start + RADIOTAP_PRESENT, true);
  if ((present & PRESENT_FLAGS) === 0) return 0;
  let at = RADIOTAP_PRESENT;
  while (at + 4 <= size && (view.getUint32(start + at, true) & PRESENT_MORE) !== 0) at += 4;
  at += 4;
  if ((present & PRESENT_TSFT) !== 0) at = ((at + 7) & ~7) + 8;
  return at < size ? view.getUint8(start + at) : 0;
}

/** The AVS header has a length field; the older Prism header, with the same link type, has a fixed size. */
export function prism(c: Cursor): number {
  if (!c.has(AVS_LENGTH + 4)) return c.missing(AVS_LENGTH + 4);
  const avs = (c.view.getUint32(c.at) & 0xffff_f000) >>> 0 === AVS_MAGIC;
  const size = avs ? c.view.getUint32(c.at + AVS_LENGTH) : PRISM_HEADER;
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  return wifi(c);
}
