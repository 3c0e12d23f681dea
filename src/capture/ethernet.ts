/**
 * From an Ethernet header or an ethertype to IP: VLAN and QinQ tags (IEEE 802.1Q), E-Tags (802.1BR), Cisco MetaData,
 * VN-Tags, MPLS (RFC 3032), PPPoE sessions (RFC 2516) and LLC/SNAP (RFC 1042), in any order.
 */
import { type Cursor, Network } from './cursor.ts';
import { ppp } from './ppp.ts';
import { ScopeKind } from './scope.ts';
import { Skip } from './slab.ts';

export const EtherType = {
  IPV4: 0x0800,
  IPV6: 0x86dd,
  /** Below this the field is a length, and LLC follows (IEEE 802.3 §3.2.6). */
  FIRST: 0x0600,
  BRIDGED: 0x6558,
  VLAN: 0x8100,
  MPLS: 0x8847,
  MPLS_UPSTREAM: 0x8848,
  PPPOE: 0x8864,
  PPP: 0x880b,
  QINQ: 0x88a8,
  CISCO_METADATA: 0x8909,
  VN_TAG: 0x8926,
  E_TAG: 0x893f,
  OLD_QINQ: 0x9100,
} as const;

const ETHER_TYPE = 12;
export const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const VLAN_ID_MASK = 0x0fff;
const E_TAG = 8;
const VN_TAG = 6;
const CISCO_METADATA = 8;
const MPLS_LABEL = 4;
const BOTTOM_OF_STACK = 0x01;
const CONTROL_WORD = 4;
const PPPOE_HEADER = 6;
const PPPOE_LENGTH = 4;
const LLC = 3;
const SNAP = 8;
const LLC_SNAP = 0xaaaa03;
const LLC_IP = 0x060603;
/** Ethernet (00-00-00) and the bridge tunnel encapsulation of RFC 1042 and IEEE 802.1H (00-00-f8). */
const SNAP_OUIS: readonly number[] = [0x000000, 0x0000f8];
/** Tags or labels on one frame; more are noise. */
const MAX_TAGS = 16;

export function ethernet(c: Cursor): number {
  if (!c.nest()) return -Skip.NOT_IP;
  if (!c.has(ETHERNET_HEADER)) return c.missing(ETHERNET_HEADER);
  const type = c.view.getUint16(c.at + ETHER_TYPE);
  c.at += ETHERNET_HEADER;
  return etherType(c, type);
}

/** What follows at `at` is of this ethertype, or LLC if it is a length. */
export function etherType(c: Cursor, first: number): number {
  let type = first;
  for (let tags = 0; tags < MAX_TAGS; tags++) {
    if (type < EtherType.FIRST) return llc(c);
    switch (type) {
      case EtherType.IPV4:
        return Network.IPV4;
      case EtherType.IPV6:
        return Network.IPV6;
      case EtherType.VLAN:
      case EtherType.QINQ:
      case EtherType.OLD_QINQ: {
        if (!c.has(VLAN_TAG)) return c.missing(VLAN_TAG);
        const id = c.view.getUint16(c.at) & VLAN_ID_MASK;
        // Id 0 only carries a priority: the frame is of no VLAN (802.1Q §9.6).
        if (id !== 0) c.enterScope(ScopeKind.VLAN, id);
        type = skipTag(c, VLAN_TAG);
        break;
      }
      case EtherType.E_TAG:
        if (!c.has(E_TAG)) return c.missing(E_TAG);
        type = skipTag(c, E_TAG);
        break;
      case EtherType.VN_TAG:
        if (!c.has(VN_TAG)) return c.missing(VN_TAG);
        type = skipTag(c, VN_TAG);
        break;
      case EtherType.CISCO_METADATA:
        if (!c.has(CISCO_METADATA)) return c.missing(CISCO_METADATA);
        type = skipTag(c, CISCO_METADATA);
        break;
      case EtherType.MPLS:
      case EtherType.MPLS_UPSTREAM:
        return mpls(c);
      case EtherType.PPPOE:
        return pppoe(c);
      case EtherType.PPP:
        return ppp(c);
      case EtherType.BRIDGED:
        return ethernet(c);
      default:
        return -Skip.NOT_IP;
    }
  }
  return -Skip.NOT_IP;
}

/** Every tag ends with the ethertype of what it was put in front of. */
function skipTag(c: Cursor, size: number): number {
  c.at += size;
  return c.view.getUint16(c.at - 2);
}

/** A label stack does not say what it holds; as routers do, look at the first nibble (RFC 4928 §2). */
export function mpls(c: Cursor): number {
  for (let labels = 0; labels < MAX_TAGS; labels++) {
    if (!c.has(MPLS_LABEL + 1)) return c.missing(MPLS_LABEL + 1);
    const bottom = (c.bytes[c.at + 2] & BOTTOM_OF_STACK) !== 0;
    c.at += MPLS_LABEL;
    if (!bottom) continue;
    const nibble = c.bytes[c.at] >>> 4;
    if (nibble === Network.IPV4 || nibble === Network.IPV6) return nibble;
    if (nibble !== 0) return -Skip.NOT_IP;
    c.at += CONTROL_WORD; // Ethernet over MPLS (RFC 4448 §4.6)
    return ethernet(c);
  }
  return -Skip.NOT_IP;
}

export function pppoe(c: Cursor): number {
  if (!c.has(PPPOE_HEADER)) return c.missing(PPPOE_HEADER);
  const length = c.view.getUint16(c.at + PPPOE_LENGTH);
  c.at += PPPOE_HEADER;
  // Some access concentrators count Ethernet padding into the IP length; this one is right (RFC 2516 §4).
  c.containerEnd = c.at + length;
  return ppp(c);
}

export function llc(c: Cursor): number {
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
  // A length inside SNAP would be LLC in LLC, over and over.
  return SNAP_OUIS.includes(oui) && type >= EtherType.FIRST ? etherType(c, type) : -Skip.NOT_IP;
}
