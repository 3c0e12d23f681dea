/** From an MPLS label stack to IP (RFC 3032), or to the Ethernet frame of a pseudowire (RFC 4448). */

import { Skip } from '../slab.ts';
import { type Cursor, Network } from './cursor.ts';
import { ethernet } from './ethernet.ts';

const LABEL = 4;
const BOTTOM_OF_STACK = 0x01;
const CONTROL_WORD = 4;
/** Most labels on one frame; a frame with more is noise. */
const MAX_LABELS = 16;

/** A label stack does not say what it carries: like routers, this looks at the first nibble (RFC 4928 §2). */
export function mpls(c: Cursor): number {
  for (let labels = 0; labels < MAX_LABELS; labels++) {
    if (!c.has(LABEL + 1)) return c.missing(LABEL + 1);
    const bottom = (c.bytes[c.at + 2] & BOTTOM_OF_STACK) !== 0;
    c.at += LABEL;
    if (!bottom) continue;
    const nibble = c.bytes[c.at] >>> 4;
    if (nibble === Network.IPV4 || nibble === Network.IPV6) return nibble;
    if (nibble !== 0) return -Skip.NOT_IP;
    c.at += CONTROL_WORD; // Ethernet over MPLS (RFC 4448 §4.6)
    return ethernet(c);
  }
  return -Skip.NOT_IP;
}
