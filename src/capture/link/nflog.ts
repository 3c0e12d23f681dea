/**
 * From a Linux netfilter log message to IP (LINKTYPE_NFLOG): attributes in the byte order of the capturing machine, one
 * of which holds the packet from its network layer on.
 */

import { Skip } from '../slab.ts';
import { type Cursor, Network } from './cursor.ts';

const HEADER = 4;
const ATTRIBUTE_HEADER = 4;
const ATTRIBUTE_TYPE = 2;
const TYPE_MASK = 0x7fff;
const PAYLOAD = 9;
const FAMILY_IPV4 = 2;
const FAMILY_IPV6 = 10;
const FAMILY_BRIDGE = 7;

export function nflog(c: Cursor): number {
  if (!c.has(HEADER)) return c.missing(HEADER);
  const family = c.bytes[c.at];
  c.at += HEADER;
  const start = c.at;
  let payload = findPayload(c, start, true);
  if (payload === 0) payload = findPayload(c, start, false);
  if (payload === 0) return -Skip.NOT_IP;
  c.at = payload;
  if (!c.has(1)) return c.missing(1);
  const version = c.bytes[payload] >>> 4;
  if (family === FAMILY_IPV4 && version === Network.IPV4) return version;
  if (family === FAMILY_IPV6 && version === Network.IPV6) return version;
  // ebtables logs what the bridge carries; the ethertype attribute is optional, the version nibble is not.
  if (family === FAMILY_BRIDGE && (version === Network.IPV4 || version === Network.IPV6)) return version;
  return -Skip.NOT_IP;
}

/** Offset of the payload; 0 when the attributes, read in this byte order, contain none. */
function findPayload(c: Cursor, start: number, little: boolean): number {
  let at = start;
  while (at + ATTRIBUTE_HEADER <= c.end) {
    const length = c.view.getUint16(at, little);
    if (length < ATTRIBUTE_HEADER) return 0;
    if ((c.view.getUint16(at + ATTRIBUTE_TYPE, little) & TYPE_MASK) === PAYLOAD) return at + ATTRIBUTE_HEADER;
    at += (length + 3) & ~3;
  }
  return 0;
}
