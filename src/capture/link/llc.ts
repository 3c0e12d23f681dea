/** LLC and SNAP (IEEE 802.2, RFC 1042), used instead of an ethertype, and FDDI, which always uses them. */

import { Skip } from '../slab.ts';
import { type Cursor, Network } from './cursor.ts';
import { EtherType, etherType } from './ethernet.ts';

const LLC = 3;
const SNAP = 8;
const LLC_SNAP = 0xaaaa03;
const LLC_IP = 0x060603;
/** Ethernet (00-00-00) and the bridge tunnel encapsulation of RFC 1042 and IEEE 802.1H (00-00-f8). */
const SNAP_OUIS: readonly number[] = [0x000000, 0x0000f8];
const FDDI_HEADER = 13;

export function llc(c: Cursor): number {
  // SNAP may hold a tag and a length, so LLC again, as often as the frame is long: the recursion must be bounded.
  if (!c.nest()) return -Skip.NOT_IP;
  if (!c.has(LLC)) return c.missing(LLC);
  const kind = (c.view.getUint16(c.at) << 8) | c.bytes[c.at + 2];
  if (kind === LLC_IP) {
    c.at += LLC;
    return Network.IPV4;
  }
  if (kind !== LLC_SNAP) return -Skip.NOT_IP;
  if (!c.has(SNAP)) return c.missing(SNAP);
  const oui = (c.view.getUint16(c.at + LLC) << 8) | c.bytes[c.at + LLC + 2];
  const type = c.view.getUint16(c.at + SNAP - 2);
  c.at += SNAP;
  // A length instead of an ethertype would be LLC inside LLC, over and over.
  return SNAP_OUIS.includes(oui) && type >= EtherType.FIRST ? etherType(c, type) : -Skip.NOT_IP;
}

export function fddi(c: Cursor): number {
  if (!c.has(FDDI_HEADER)) return c.missing(FDDI_HEADER);
  c.at += FDDI_HEADER;
  return llc(c);
}
