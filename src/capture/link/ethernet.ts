/**
 * From an Ethernet header or an ethertype to IP: past VLAN and QinQ tags (IEEE 802.1Q), E-Tags (802.1BR), Cisco
 * MetaData and VN-Tags in any order, and past what may follow them.
 */

import { ScopeKind } from '../scope.ts';
import { Skip } from '../slab.ts';
import { type Cursor, Network } from './cursor.ts';
import { llc } from './llc.ts';
import { mpls } from './mpls.ts';
import { ppp, pppoe } from './ppp.ts';

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
const MPACKET_PREAMBLE = 8;
const VLAN_TAG = 4;
const VLAN_ID_MASK = 0x0fff;
const E_TAG = 8;
const VN_TAG = 6;
const CISCO_METADATA = 8;
/** Most tags on one frame; a frame with more is noise. */
const MAX_TAGS = 16;

export function ethernet(c: Cursor): number {
  if (!c.nest()) return -Skip.NOT_IP;
  if (!c.has(ETHERNET_HEADER)) return c.missing(ETHERNET_HEADER);
  const type = c.view.getUint16(c.at + ETHER_TYPE);
  c.at += ETHERNET_HEADER;
  return etherType(c, type);
}

/** An mPacket (IEEE 802.3br, frame preemption), which is captured with its preamble. */
export function mpacket(c: Cursor): number {
  if (!c.has(MPACKET_PREAMBLE)) return c.missing(MPACKET_PREAMBLE);
  c.at += MPACKET_PREAMBLE;
  return ethernet(c);
}

/** The header at `at` has the ethertype `first`, or is LLC if `first` is a length. */
export function etherType(c: Cursor, first: number): number {
  const type = stripTags(c, first);
  switch (type) {
    case EtherType.IPV4:
      return Network.IPV4;
    case EtherType.IPV6:
      return Network.IPV6;
    case EtherType.MPLS:
    case EtherType.MPLS_UPSTREAM:
      return mpls(c);
    case EtherType.PPPOE:
      return pppoe(c);
    case EtherType.PPP:
      return ppp(c);
    case EtherType.BRIDGED:
      return ethernet(c);
  }
  if (type < 0) return type;
  return type < EtherType.FIRST ? llc(c) : -Skip.NOT_IP;
}

/** Moves past all tags; returns the ethertype after them, or a negative Skip code. */
function stripTags(c: Cursor, first: number): number {
  let type = first;
  for (let tags = 0; tags < MAX_TAGS; tags++) {
    const size = tagSize(type);
    if (size === 0) return type;
    if (!c.has(size)) return c.missing(size);
    if (size === VLAN_TAG) enterVlan(c);
    c.at += size;
    // Every tag ends with the ethertype of what follows it.
    type = c.view.getUint16(c.at - 2);
  }
  return -Skip.NOT_IP;
}

/** Size in bytes of a tag of this ethertype; 0 when it is not that of a tag. */
function tagSize(type: number): number {
  switch (type) {
    case EtherType.VLAN:
    case EtherType.QINQ:
    case EtherType.OLD_QINQ:
      return VLAN_TAG;
    case EtherType.E_TAG:
      return E_TAG;
    case EtherType.VN_TAG:
      return VN_TAG;
    case EtherType.CISCO_METADATA:
      return CISCO_METADATA;
    default:
      return 0;
  }
}

function enterVlan(c: Cursor): void {
  const id = c.view.getUint16(c.at) & VLAN_ID_MASK;
  // Id 0 is a priority tag: the frame belongs to no VLAN (802.1Q §9.6).
  if (id !== 0) c.enterScope(ScopeKind.VLAN, id);
}
