/**
 * GRE (RFC 2784, RFC 2890) and what it carries: IP, Ethernet, MPLS, PPP (RFC 2637), ERSPAN I to III
 * (draft-foschiano-erspan), 802.11 from Aruba access points. Returns what a link layer does: a Network, or a negative
 * Skip code.
 */
import type { Cursor } from '../capture/link/cursor.ts';
import { EtherType, ethernet, etherType } from '../capture/link/ethernet.ts';
import { rawIP } from '../capture/link/link.ts';
import { wifi } from '../capture/link/wifi.ts';
import { ScopeKind } from '../capture/scope.ts';
import { Skip } from '../capture/slab.ts';

const CHECKSUM = 0x8000;
const ROUTING = 0x4000;
const KEY = 0x2000;
const SEQUENCE = 0x1000;
const ACKNOWLEDGMENT = 0x0080;
const VERSION = 0x0007;
/** Enhanced GRE of PPTP: its key is a length and a call id, which differs between the directions. */
const VERSION_PPTP = 1;

const PROTOCOL = 2;
const HEADER = 4;
const OPTIONAL_FIELD = 4;

const ERSPAN = 0x88be;
const ERSPAN_III = 0x22eb;
const ERSPAN_II_HEADER = 8;
const ERSPAN_III_HEADER = 12;
const ERSPAN_SUBHEADER = 8;
const SESSION = 2;
const SESSION_MASK = 0x03ff;
const HAS_SUBHEADER = 0x01;

const WCCP = 0x883e;
const WCCP_REDIRECT_HEADER = 4;
const ARUBA_FIRST = 0x8200;
const ARUBA_LAST = 0x82f0;

export function gre(c: Cursor): number {
  if (!c.has(HEADER)) return c.missing(HEADER);
  const flags = c.view.getUint16(c.at);
  const protocol = c.view.getUint16(c.at + PROTOCOL);
  // Source routes (RFC 1701) went out of use with RFC 2784.
  if ((flags & ROUTING) !== 0) return -Skip.NOT_TCP;
  const keyAt = HEADER + ((flags & CHECKSUM) !== 0 ? OPTIONAL_FIELD : 0);
  let size = keyAt + ((flags & KEY) !== 0 ? OPTIONAL_FIELD : 0) + ((flags & SEQUENCE) !== 0 ? OPTIONAL_FIELD : 0);
  const pptp = (flags & VERSION) === VERSION_PPTP;
  if (pptp && (flags & ACKNOWLEDGMENT) !== 0) size += OPTIONAL_FIELD;
  if (!c.has(size)) return c.missing(size);
  if (!pptp && (flags & KEY) !== 0) c.enterScope(ScopeKind.GRE, c.view.getUint32(c.at + keyAt));
  c.at += size;

  switch (protocol) {
    case ERSPAN:
      // Type I has neither a header of its own nor a sequence number.
      return (flags & SEQUENCE) === 0 ? ethernet(c) : erspan(c, ERSPAN_II_HEADER);
    case ERSPAN_III:
      return erspan(c, ERSPAN_III_HEADER);
    case WCCP:
      return wccp(c);
    default:
      if (protocol >= ARUBA_FIRST && protocol <= ARUBA_LAST) return wifi(c);
      return protocol < EtherType.FIRST ? -Skip.NOT_TCP : etherType(c, protocol);
  }
}

function erspan(c: Cursor, header: number): number {
  if (!c.has(header)) return c.missing(header);
  c.enterScope(ScopeKind.ERSPAN, c.view.getUint16(c.at + SESSION) & SESSION_MASK);
  const subheader = header === ERSPAN_III_HEADER && (c.bytes[c.at + header - 1] & HAS_SUBHEADER) !== 0;
  c.at += header + (subheader ? ERSPAN_SUBHEADER : 0);
  return ethernet(c);
}

/** WCCP: version 2, but not 1, puts a redirect header, whose first nibble is not 4, before the IPv4 datagram. */
function wccp(c: Cursor): number {
  if (!c.has(WCCP_REDIRECT_HEADER)) return c.missing(WCCP_REDIRECT_HEADER);
  if (c.bytes[c.at] >>> 4 !== 4) c.at += WCCP_REDIRECT_HEADER;
  return rawIP(c);
}
