/**
 * The IPv4 header (RFC 791 §3.1). `enterIPv4` moves the cursor past the header and its options, limits it to the
 * datagram, which excludes Ethernet padding, and returns the protocol, or a negative Skip code.
 */
import type { Cursor } from '../capture/link/cursor.ts';
import { Skip } from '../capture/slab.ts';

export const TOTAL_LENGTH = 2;
export const FRAGMENT = 6;
export const PROTOCOL = 9;
export const SOURCE = 12;
export const DESTINATION = 16;
export const MIN_HEADER = 20;

export const MORE_FRAGMENTS = 0x2000;
export const FRAGMENT_OFFSET = 0x1fff;

export function enterIPv4(c: Cursor): number {
  const { at, bytes, view } = c;
  if (!c.has(MIN_HEADER)) return c.missing(MIN_HEADER);
  const header = (bytes[at] & 0x0f) * 4;
  if (bytes[at] >>> 4 !== 4 || header < MIN_HEADER) return -Skip.BAD_HEADER;
  if (!c.has(header)) return c.missing(header);

  const total = view.getUint16(at + TOTAL_LENGTH);
  // A packet captured before segmentation offload may have 0 here: the datagram then extends to the end of the frame.
  if (total !== 0) {
    if (total < header) return -Skip.BAD_HEADER;
    c.endAt(at + total);
  }

  const fragment = view.getUint16(at + FRAGMENT);
  if ((fragment & FRAGMENT_OFFSET) !== 0) return -Skip.FRAGMENT;
  c.moreFragments = (fragment & MORE_FRAGMENTS) !== 0;
  c.ipAt = at;
  c.at = at + header;
  return bytes[at + PROTOCOL];
}
