/**
 * Strips the link layer: from a frame's first byte to its network layer, by LINKTYPE_ number
 * (https://www.tcpdump.org/linktypes.html). Returns a Network or a negative Skip code.
 */

import { Skip } from '../slab.ts';
import { arcnet } from './arcnet.ts';
import { type Cursor, Network } from './cursor.ts';
import { ethernet, mpacket } from './ethernet.ts';
import { fddi } from './llc.ts';
import { loopback } from './loopback.ts';
import { nflog } from './nflog.ts';
import { ppi } from './ppi.ts';
import { ciscoHdlc, ppp, pppoe, pppSerial } from './ppp.ts';
import { sll, sll2 } from './sll.ts';
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

/** Link type of a record that tshark numbers although it contains no packet (capture/format/pcapng.ts). */
export const NO_PACKET = -1;
/** Link type of a frame that the user's filter excludes. */
export const FILTERED = -2;

const NAMES = new Map(
  Object.entries(LinkType).map(([name, number]) => [number as number, name as keyof typeof LinkType]),
);

export const isSupported = (linkType: number): boolean => NAMES.has(linkType);

/** Names, for messages, of common link types from which no IP can be read. */
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

type Strip = (c: Cursor) => number;

/** The function that strips each link layer. */
const STRIP: Readonly<Record<keyof typeof LinkType, Strip>> = {
  NULL: loopback,
  ETHERNET: ethernet,
  PPP: ppp,
  FDDI: fddi,
  RAW_BSD: rawIP,
  RAW_OPENBSD: rawIP,
  PPP_HDLC: pppSerial,
  PPP_ETHER: pppoe,
  RAW: rawIP,
  C_HDLC: ciscoHdlc,
  IEEE802_11: wifi,
  LOOP: loopback,
  LINUX_SLL: sll,
  PRISM: prism,
  RADIOTAP: radiotap,
  ARCNET_LINUX: arcnet,
  AVS: prism,
  PPI: ppi,
  IPV4: () => Network.IPV4,
  IPV6: () => Network.IPV6,
  NFLOG: nflog,
  ETHERNET_MPACKET: mpacket,
  LINUX_SLL2: sll2,
};

const BY_NUMBER: (Strip | undefined)[] = [];
for (const [number, name] of NAMES) BY_NUMBER[number] = STRIP[name];

export function stripLink(c: Cursor, linkType: number): number {
  if (linkType === NO_PACKET) return -Skip.NOT_IP;
  if (linkType === FILTERED) return -Skip.FILTERED;
  const strip = BY_NUMBER[linkType];
  return strip === undefined ? -Skip.UNSUPPORTED_LINK_TYPE : strip(c);
}

/** IP without a link layer: the version nibble says which. */
export function rawIP(c: Cursor): number {
  if (!c.has(1)) return c.missing(1);
  const version = c.bytes[c.at] >>> 4;
  return version === Network.IPV4 || version === Network.IPV6 ? version : -Skip.NOT_IP;
}
