/** From a PPP frame (RFC 1661), with or without address and control field (RFC 1662), or PPPoE (RFC 2516) to IP. */

import { Skip } from '../slab.ts';
import { type Cursor, Network } from './cursor.ts';
import { etherType } from './ethernet.ts';
import { mpls } from './mpls.ts';

const ADDRESS_CONTROL = 0xff03;
const Protocol = { IPV4: 0x0021, IPV6: 0x0057, MPLS: 0x0281 } as const;

const PPPOE_HEADER = 6;
const PPPOE_LENGTH = 4;

const CHDLC_UNICAST = 0x0f;
const CHDLC_MULTICAST = 0x8f;
const CHDLC_HEADER = 4;

export function ppp(c: Cursor): number {
  if (!c.has(2)) return c.missing(2);
  if (c.view.getUint16(c.at) === ADDRESS_CONTROL) c.at += 2;
  if (!c.has(2)) return c.missing(2);
  // Protocol field compression (RFC 1661 §6.5): an odd first byte is the whole protocol.
  const compressed = (c.bytes[c.at] & 1) !== 0;
  const protocol = compressed ? c.bytes[c.at] : c.view.getUint16(c.at);
  c.at += compressed ? 1 : 2;
  switch (protocol) {
    case Protocol.IPV4:
      return Network.IPV4;
    case Protocol.IPV6:
      return Network.IPV6;
    case Protocol.MPLS:
      return mpls(c);
    default:
      return -Skip.NOT_IP;
  }
}

export function pppoe(c: Cursor): number {
  if (!c.has(PPPOE_HEADER)) return c.missing(PPPOE_HEADER);
  const length = c.view.getUint16(c.at + PPPOE_LENGTH);
  c.at += PPPOE_HEADER;
  // Some access concentrators include Ethernet padding in the IP length; the PPPoE length is right (RFC 2516 §4).
  c.containerEnd = c.at + length;
  return ppp(c);
}

/** Cisco HDLC: an address, a zero byte, and an ethertype. */
export function ciscoHdlc(c: Cursor): number {
  if (!c.has(CHDLC_HEADER)) return c.missing(CHDLC_HEADER);
  const type = c.view.getUint16(c.at + 2);
  c.at += CHDLC_HEADER;
  return etherType(c, type);
}

/** A serial line with either PPP or Cisco HDLC, told apart by the first byte (LINKTYPE_PPP_HDLC). */
export function pppSerial(c: Cursor): number {
  if (!c.has(2)) return c.missing(2);
  const first = c.bytes[c.at];
  return first === CHDLC_UNICAST || first === CHDLC_MULTICAST ? ciscoHdlc(c) : ppp(c);
}
