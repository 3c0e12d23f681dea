/** The loopback header of the BSDs, macOS and Windows: an address family, followed by IP. */

import { Skip } from '../slab.ts';
import { type Cursor, Network } from './cursor.ts';

const HEADER = 4;
const FAMILY_IPV4 = 2;
/** AF_INET6 of Linux, of OpenBSD and NetBSD, of FreeBSD, macOS and Windows. */
const FAMILIES_IPV6: readonly number[] = [10, 24, 28, 30, 23];

/** The family is in the byte order of the capturing machine (LINKTYPE_NULL) or of the network (LINKTYPE_LOOP). */
export function loopback(c: Cursor): number {
  if (!c.has(HEADER)) return c.missing(HEADER);
  const big = c.view.getUint32(c.at);
  // Families are small numbers; in the wrong byte order they are huge.
  const family = big > 0xffff ? c.view.getUint32(c.at, true) : big;
  c.at += HEADER;
  if (family === FAMILY_IPV4) return Network.IPV4;
  return FAMILIES_IPV6.includes(family) ? Network.IPV6 : -Skip.NOT_IP;
}
