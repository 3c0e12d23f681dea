/**
 * Strips the link layer: from a frame's first byte to its network layer, by LINKTYPE_ number
 * (https://www.tcpdump.org/linktypes.html). The answer is a Network or a negative Skip code.
 */
import { type Cursor, Network } from './cursor.ts';
import { ethernet, etherType, llc, pppoe } from './ethernet.ts';
import { nflog } from './nflog.ts';
import { ciscoHdlc, ppp, pppSerial } from './ppp.ts';
import { Skip } from './slab.ts';
import { prism, radiotap, wifi } from './wifi.ts';

export const LinkType = {
  NULL: 0,
  ETHERNET: 1,
  PPP: 9,
  FDDI: 10,
  RAW_BSD: 12,
  RAW_OPENBSD: 14,
  PPP_HDLC: 50,
  PPP_ETHER: 51,
  RAW: 101,
  C_HDLC: 104,
  IEEE802_11: 105,
  LOOP: 108,
  LINUX_SLL: 113,
  PRISM: 119,
  RADIOTAP: 127,
  ARCNET_LINUX: 129,
  AVS: 163,
  PPI: 192,
  IPV4: 228,
  IPV6: 229,
  NFLOG: 239,
  ETHERNET_MPACKET: 274,
  LINUX_SLL2: 276,
} as const;

/** A record that tshark numbers though no packet is in it (capture/pcapng.ts). */
export const NO_PACKET = -1;
/** A frame that the user's filter leaves out. */
export const FILTERED = -2;

const NAMES = new Map<number, string>(Object.entries(LinkType).map(([name, number]) => [number, name]));

export const isSupported = (linkType: number): boolean => NAMES.has(linkType);

/** Names of common link types that hold no IP which could be read, for messages. */
const OTHERS = new Map<number, string>([
  [2, 'EXP_ETHERNET'],
  [6, 'IEEE802_5'],
  [8, 'SLIP'],
  [107, 'FRELAY'],
  [117, 'PFLOG'],
  [147, 'USER0'],
  [187, 'BLUETOOTH_HCI_H4'],
  [189, 'USB_LINUX'],
  [195, 'IEEE802_15_4_WITHFCS'],
  [197, 'ERF'],
  [201, 'BLUETOOTH_HCI_H4_WITH_PHDR'],
  [220, 'USB_LINUX_MMAPPED'],
  [227, 'CAN_SOCKETCAN'],
  [249, 'USBPCAP'],
  [253, 'NETLINK'],
]);

export function linkTypeName(linkType: number): string {
  const name = NAMES.get(linkType) ?? OTHERS.get(linkType);
  return name === undefined ? `link type ${linkType}` : `link type ${linkType} (${name})`;
}

const FAMILY_IPV4 = 2;
/** Linux, the BSDs' OpenBSD and NetBSD, FreeBSD, macOS, Windows. */
const FAMILIES_IPV6: readonly number[] = [10, 24, 28, 30, 23];
const NULL_HEADER = 4;

const SLL_PROTOCOL = 14;
const SLL_HEADER = 16;
const SLL2_PROTOCOL = 0;
const SLL2_HEADER = 20;

const FDDI_HEADER = 13;
const ARCNET_PROTOCOL = 4;
const ARCNET_RFC1051_IP = 240;
const ARCNET_RFC1201_IP = 212;
const ARCNET_RFC1051_HEADER = 5;
const ARCNET_RFC1201_HEADER = 8;
const MPACKET_PREAMBLE = 8;
const PPI_LENGTH = 2;
const PPI_LINK_TYPE = 4;
const PPI_MIN = 8;

export function stripLink(c: Cursor, linkType: number): number {
  switch (linkType) {
    case LinkType.ETHERNET:
      return ethernet(c);
    case LinkType.LINUX_SLL:
      return cooked(c, SLL_PROTOCOL, SLL_HEADER);
    case LinkType.LINUX_SLL2:
      return cooked(c, SLL2_PROTOCOL, SLL2_HEADER);
    case LinkType.RAW:
    case LinkType.RAW_BSD:
    case LinkType.RAW_OPENBSD:
      return rawIP(c);
    case LinkType.IPV4:
      return Network.IPV4;
    case LinkType.IPV6:
      return Network.IPV6;
    case LinkType.NULL:
    case LinkType.LOOP:
      return loopback(c);
    case LinkType.PPP:
      return ppp(c);
    case LinkType.PPP_HDLC:
      return pppSerial(c);
    case LinkType.PPP_ETHER:
      return pppoe(c);
    case LinkType.C_HDLC:
      return ciscoHdlc(c);
    case LinkType.IEEE802_11:
      return wifi(c);
    case LinkType.RADIOTAP:
      return radiotap(c);
    case LinkType.PRISM:
    case LinkType.AVS:
      return prism(c);
    case LinkType.NFLOG:
      return nflog(c);
    case LinkType.FDDI:
      return skipTo(c, FDDI_HEADER, llc);
    case LinkType.ARCNET_LINUX:
      return arcnet(c);
    case LinkType.PPI:
      return ppi(c);
    case LinkType.ETHERNET_MPACKET:
      return skipTo(c, MPACKET_PREAMBLE, ethernet);
    case NO_PACKET:
      return -Skip.NOT_IP;
    case FILTERED:
      return -Skip.FILTERED;
    default:
      return -Skip.UNSUPPORTED_LINK_TYPE;
  }
}

/** IP without a link layer says its version itself. */
export function rawIP(c: Cursor): number {
  if (!c.has(1)) return c.missing(1);
  const version = c.bytes[c.at] >>> 4;
  return version === Network.IPV4 || version === Network.IPV6 ? version : -Skip.NOT_IP;
}

function skipTo(c: Cursor, size: number, next: (c: Cursor) => number): number {
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  return next(c);
}

/** Linux cooked capture: an ethertype, or 4 for LLC, in both versions; the rest of the header does not matter here. */
function cooked(c: Cursor, protocol: number, size: number): number {
  if (!c.has(size)) return c.missing(size);
  const type = c.view.getUint16(c.at + protocol);
  c.at += size;
  return etherType(c, type);
}

/** The address family, in the byte order of the machine that captured (NULL) or of the network (LOOP). */
function loopback(c: Cursor): number {
  if (!c.has(NULL_HEADER)) return c.missing(NULL_HEADER);
  const big = c.view.getUint32(c.at);
  // Families are small numbers: in the wrong order they are huge.
  const family = big > 0xffff ? c.view.getUint32(c.at, true) : big;
  c.at += NULL_HEADER;
  if (family === FAMILY_IPV4) return Network.IPV4;
  return FAMILIES_IPV6.includes(family) ? Network.IPV6 : -Skip.NOT_IP;
}

function arcnet(c: Cursor): number {
  if (!c.has(ARCNET_RFC1051_HEADER)) return c.missing(ARCNET_RFC1051_HEADER);
  const protocol = c.bytes[c.at + ARCNET_PROTOCOL];
  if (protocol !== ARCNET_RFC1051_IP && protocol !== ARCNET_RFC1201_IP) return -Skip.NOT_IP;
  const size = protocol === ARCNET_RFC1051_IP ? ARCNET_RFC1051_HEADER : ARCNET_RFC1201_HEADER;
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  return Network.IPV4;
}

/** Per-packet information: fields to skip, then a frame of a link type of its own. */
function ppi(c: Cursor): number {
  if (!c.has(PPI_MIN)) return c.missing(PPI_MIN);
  const size = c.view.getUint16(c.at + PPI_LENGTH, true);
  const linkType = c.view.getUint32(c.at + PPI_LINK_TYPE, true);
  if (size < PPI_MIN || linkType === LinkType.PPI) return -Skip.BAD_HEADER;
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  const network = stripLink(c, linkType);
  // The capture's own link type is supported; what one frame holds inside is a matter of that frame.
  return network === -Skip.UNSUPPORTED_LINK_TYPE ? -Skip.NOT_IP : network;
}
