/**
 * The IPv6 header and its extension headers (RFC 8200 §3, §4). `enterIPv6` moves the cursor past them, limits it to the
 * datagram, and returns the upper-layer protocol, or a negative Skip code. Every extension header is at least 8 bytes
 * long, so the walk ends with the datagram.
 */
import type { Cursor } from '../capture/link/cursor.ts';
import { Skip } from '../capture/slab.ts';
import { Protocol } from './protocol.ts';

const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
export const SOURCE = 8;
export const DESTINATION = 24;
export const HEADER = 40;

const EXTENSION_UNIT = 8;
const FRAGMENT_FIELD = 2;
const FRAGMENT_OFFSET = 0xfff8;
const MORE_FRAGMENTS = 0x0001;
const AUTHENTICATION_UNIT = 4;

export function enterIPv6(c: Cursor): number {
  const { at, bytes, view } = c;
  if (!c.has(HEADER)) return c.missing(HEADER);
  if (bytes[at] >>> 4 !== 6) return -Skip.BAD_HEADER;

  const payload = view.getUint16(at + PAYLOAD_LENGTH);
  // 0: a jumbogram (RFC 2675 §3), or BIG TCP captured before segmentation. It extends to the end of the frame.
  if (payload !== 0) c.endAt(at + HEADER + payload);
  c.moreFragments = false;
  c.ipAt = at;
  c.at = at + HEADER;
  return skipExtensions(c, bytes[at + NEXT_HEADER]);
}

/** Moves past extension headers, beginning with type `first`; IPv4 uses it for an authentication header. */
export function skipExtensions(c: Cursor, first: number): number {
  let next = first;
  for (;;) {
    switch (next) {
      case Protocol.HOP_BY_HOP:
      case Protocol.ROUTING:
      case Protocol.DESTINATION_OPTIONS:
      case Protocol.MOBILITY:
      case Protocol.HIP:
      case Protocol.SHIM6:
        if (!c.has(EXTENSION_UNIT)) return c.missing(EXTENSION_UNIT);
        next = skip(c, (c.bytes[c.at + 1] + 1) * EXTENSION_UNIT);
        break;
      case Protocol.AUTHENTICATION:
        // Its length counts 4-byte words, minus 2 (RFC 4302 §2.2).
        if (!c.has(EXTENSION_UNIT)) return c.missing(EXTENSION_UNIT);
        next = skip(c, (c.bytes[c.at + 1] + 2) * AUTHENTICATION_UNIT);
        break;
      case Protocol.FRAGMENT: {
        if (!c.has(EXTENSION_UNIT)) return c.missing(EXTENSION_UNIT);
        const fragment = c.view.getUint16(c.at + FRAGMENT_FIELD);
        if ((fragment & FRAGMENT_OFFSET) !== 0) return -Skip.FRAGMENT;
        // Offset 0 without "more" is an atomic fragment: the whole datagram (RFC 6946).
        c.moreFragments = (fragment & MORE_FRAGMENTS) !== 0;
        next = skip(c, EXTENSION_UNIT);
        break;
      }
      default:
        return next;
    }
  }
}

/** Moves past an extension header, perhaps past the end (which the next step checks), and returns the next type. */
function skip(c: Cursor, size: number): number {
  const next = c.bytes[c.at];
  c.at += size;
  return next;
}
