/**
 * Tunnels inside UDP, by port: VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281), L2TP (RFC 2661). A
 * datagram that only happens to use the port fails the check of the tunnel's header and is `not-tcp`. Packet samples in
 * sFlow or IPFIX are not treated as tunnels: they are copies of a small part of traffic that passed elsewhere.
 */
import { type Cursor, Network } from '../capture/link/cursor.ts';
import { EtherType, ethernet, etherType } from '../capture/link/ethernet.ts';
import { rawIP } from '../capture/link/link.ts';
import { ppp } from '../capture/link/ppp.ts';
import { ScopeKind } from '../capture/scope.ts';
import { Skip } from '../capture/slab.ts';

const UDP_HEADER = 8;
const DESTINATION_PORT = 2;

const Port = { L2TP: 1701, GTP_U: 2152, VXLAN: 4789, GENEVE: 6081, VXLAN_LINUX: 8472 } as const;

export function udp(c: Cursor): number {
  if (!c.has(UDP_HEADER)) return c.missing(UDP_HEADER);
  const source = c.view.getUint16(c.at);
  const destination = c.view.getUint16(c.at + DESTINATION_PORT);
  switch (destination) {
    case Port.VXLAN:
    case Port.VXLAN_LINUX:
      c.at += UDP_HEADER;
      return vxlan(c);
    case Port.GENEVE:
      c.at += UDP_HEADER;
      return geneve(c);
  }
  if (destination === Port.GTP_U || source === Port.GTP_U) {
    c.at += UDP_HEADER;
    return gtp(c);
  }
  if (destination === Port.L2TP || source === Port.L2TP) {
    c.at += UDP_HEADER;
    return l2tp(c);
  }
  return -Skip.NOT_TCP;
}

const VXLAN_HEADER = 8;
const VXLAN_VALID_VNI = 0x08;
const VNI = 4;

function vxlan(c: Cursor): number {
  if (!c.has(VXLAN_HEADER)) return c.missing(VXLAN_HEADER);
  if ((c.bytes[c.at] & VXLAN_VALID_VNI) === 0) return -Skip.NOT_TCP;
  c.enterScope(ScopeKind.VXLAN, c.view.getUint32(c.at + VNI) >>> 8);
  c.at += VXLAN_HEADER;
  return ethernet(c);
}

const GENEVE_HEADER = 8;
const GENEVE_PROTOCOL = 2;
const GENEVE_VERSION = 0xc0;
const GENEVE_OPTIONS_MASK = 0x3f;

function geneve(c: Cursor): number {
  if (!c.has(GENEVE_HEADER)) return c.missing(GENEVE_HEADER);
  const first = c.bytes[c.at];
  if ((first & GENEVE_VERSION) !== 0) return -Skip.NOT_TCP;
  const size = GENEVE_HEADER + (first & GENEVE_OPTIONS_MASK) * 4;
  if (!c.has(size)) return c.missing(size);
  const protocol = c.view.getUint16(c.at + GENEVE_PROTOCOL);
  c.enterScope(ScopeKind.GENEVE, c.view.getUint32(c.at + VNI) >>> 8);
  c.at += size;
  return protocol < EtherType.FIRST ? -Skip.NOT_TCP : etherType(c, protocol);
}

const GTP_HEADER = 8;
const GTP_MESSAGE = 1;
const GTP_VERSION_1 = 0x30; // version 1, GTP and not GTP'
const GTP_VERSION_MASK = 0xf0;
const GTP_OPTIONAL = 0x07; // any of the flags for extensions, sequence number and N-PDU number
const GTP_OPTIONAL_FIELDS = 4;
const GTP_EXTENSION_UNIT = 4;
const G_PDU = 255;

/** GTP-U. Its TEIDs differ between the directions, so they are not part of the scope. */
function gtp(c: Cursor): number {
  if (!c.has(GTP_HEADER)) return c.missing(GTP_HEADER);
  const first = c.bytes[c.at];
  if ((first & GTP_VERSION_MASK) !== GTP_VERSION_1 || c.bytes[c.at + GTP_MESSAGE] !== G_PDU) return -Skip.NOT_TCP;
  c.at += GTP_HEADER;
  if ((first & GTP_OPTIONAL) !== 0) {
    if (!c.has(GTP_OPTIONAL_FIELDS)) return c.missing(GTP_OPTIONAL_FIELDS);
    c.at += GTP_OPTIONAL_FIELDS;
    // Each extension header ends with the type of the next one; 0 is none (TS 29.281 §5.2.1).
    while (c.bytes[c.at - 1] !== 0) {
      if (!c.has(GTP_EXTENSION_UNIT)) return c.missing(GTP_EXTENSION_UNIT);
      const size = c.bytes[c.at] * GTP_EXTENSION_UNIT;
      if (size === 0) return -Skip.BAD_HEADER;
      if (!c.has(size)) return c.missing(size);
      c.at += size;
    }
  }
  return rawIP(c);
}

const L2TP_HEADER = 6;
const L2TP_CONTROL = 0x8000;
const L2TP_LENGTH = 0x4000;
const L2TP_SEQUENCE = 0x0800;
const L2TP_OFFSET = 0x0200;
const L2TP_VERSION_MASK = 0x000f;
const L2TP_VERSION_2 = 2;

/** L2TP. Its session ids differ between the directions, so they are not part of the scope. */
function l2tp(c: Cursor): number {
  if (!c.has(L2TP_HEADER)) return c.missing(L2TP_HEADER);
  const flags = c.view.getUint16(c.at);
  if ((flags & L2TP_CONTROL) !== 0 || (flags & L2TP_VERSION_MASK) !== L2TP_VERSION_2) return -Skip.NOT_TCP;
  let size = L2TP_HEADER + ((flags & L2TP_LENGTH) !== 0 ? 2 : 0) + ((flags & L2TP_SEQUENCE) !== 0 ? 4 : 0);
  if ((flags & L2TP_OFFSET) !== 0) {
    size += 2;
    if (!c.has(size)) return c.missing(size);
    size += c.view.getUint16(c.at + size - 2);
  }
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  const network = ppp(c);
  return network === Network.IPV4 || network === Network.IPV6 ? network : -Skip.NOT_TCP;
}
