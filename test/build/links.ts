/** Puts IP datagrams into link layers, each with the LINKTYPE_ of its capture. */
import { concat, u16, u32 } from './bytes.ts';

export interface Link {
  linkType: number;
  wrap(datagram: Uint8Array): Uint8Array;
}

export const LINKTYPE = {
  NULL: 0,
  ETHERNET: 1,
  PPP: 9,
  RAW_BSD: 12,
  RAW_OPENBSD: 14,
  PPP_SERIAL: 50,
  PPP_ETHER: 51,
  RAW: 101,
  IEEE802_11: 105,
  LOOP: 108,
  LINUX_SLL: 113,
  RADIOTAP: 127,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
};

const ETHERTYPE = {
  IPV4: 0x0800,
  ARP: 0x0806,
  VLAN: 0x8100,
  IPV6: 0x86dd,
  MPLS: 0x8847,
  PPPOE: 0x8864,
  QINQ: 0x88a8,
};

const isV6 = (datagram: Uint8Array): boolean => datagram[0] >>> 4 === 6;
const etherType = (datagram: Uint8Array): number => (isV6(datagram) ? ETHERTYPE.IPV6 : ETHERTYPE.IPV4);

const CLIENT_MAC = [2, 0, 0, 0, 0, 1];
const SERVER_MAC = [2, 0, 0, 0, 0, 2];
const MIN_ETHERNET = 60;

/** An Ethernet II frame; with `pad` padded to the minimum, as on a receiving card. */
export const ethernetFrame = (type: number, payload: Uint8Array, pad = false): Uint8Array => {
  const whole = concat(SERVER_MAC, CLIENT_MAC, u16(type), payload);
  return pad && whole.length < MIN_ETHERNET ? concat(whole, new Uint8Array(MIN_ETHERNET - whole.length)) : whole;
};

const link = (linkType: number, wrap: Link['wrap']): Link => ({ linkType, wrap });
const ethernet = (wrap: Link['wrap']): Link => link(LINKTYPE.ETHERNET, wrap);

export const ETHERNET: Link = ethernet(d => ethernetFrame(etherType(d), d));

/** Ethernet with its padding to 60 bytes. */
export const PADDED: Link = ethernet(d => ethernetFrame(etherType(d), d, true));

/** VLAN tags from the outermost; two or more start with a QinQ tag (802.1ad). */
export function vlan(...ids: readonly number[]): Link {
  return ethernet(d => {
    const tags = ids.flatMap((id, i) => [...u16(id), ...u16(i === ids.length - 1 ? etherType(d) : ETHERTYPE.VLAN)]);
    return ethernetFrame(ids.length > 1 ? ETHERTYPE.QINQ : ETHERTYPE.VLAN, concat(tags, d));
  });
}

/** MPLS labels from the outermost. */
export function mpls(...labels: readonly number[]): Link {
  const stack = labels.flatMap((label, i) => u32((label << 12) | (i === labels.length - 1 ? 0x100 : 0) | 64));
  return ethernet(d => ethernetFrame(ETHERTYPE.MPLS, concat(stack, d)));
}

const pppProtocol = (datagram: Uint8Array): number[] => u16(isV6(datagram) ? 0x0057 : 0x0021);

const pppoeSession = (d: Uint8Array): Uint8Array => concat([0x11, 0], u16(7), u16(d.length + 2), pppProtocol(d), d); // version 1, type 1, session data, session 7

export const PPPOE: Link = ethernet(d => ethernetFrame(ETHERTYPE.PPPOE, pppoeSession(d)));

export const PPP: Link = link(LINKTYPE.PPP, d => concat([0xff, 0x03], pppProtocol(d), d));

/** Raw IP under any of its link types. */
export const raw = (linkType: number = LINKTYPE.RAW): Link => link(linkType, d => d);

/** BSD loopback: the address family in the byte order of the host that captured; IPv6 is 24, 28 or 30 by system. */
export const bsdNull = (options: { bigEndian?: boolean; ipv6Family?: number } = {}): Link =>
  link(LINKTYPE.NULL, d => {
    const family = u32(isV6(d) ? (options.ipv6Family ?? 30) : 2);
    return concat(options.bigEndian ? family : family.reverse(), d);
  });

/** OpenBSD loopback: as NULL, but always in network byte order. */
export const LOOP: Link = link(LINKTYPE.LOOP, d => concat(u32(isV6(d) ? 24 : 2), d));

export const PACKET_TYPE = { TO_US: 0, BROADCAST: 1, TO_OTHER: 3, FROM_US: 4 };

/** Linux cooked capture, version 1. */
export const sll = (packetType = PACKET_TYPE.TO_US): Link =>
  link(LINKTYPE.LINUX_SLL, d => concat(u16(packetType), u16(1), u16(6), CLIENT_MAC, [0, 0], u16(etherType(d)), d));

/** Linux cooked capture, version 2: `-i any` says from which interface each copy comes. */
export const sll2 = (options: { ifindex?: number; packetType?: number } = {}): Link =>
  link(LINKTYPE.LINUX_SLL2, d =>
    concat(
      u16(etherType(d)),
      u16(0),
      u32(options.ifindex ?? 2),
      u16(1), // ARPHRD_ETHER
      [options.packetType ?? PACKET_TYPE.TO_US, 6],
      CLIENT_MAC,
      [0, 0],
      d,
    ),
  );

const llcSnap = (d: Uint8Array): Uint8Array => concat([0xaa, 0xaa, 0x03, 0, 0, 0], u16(etherType(d)), d);

/** An unencrypted 802.11 data frame from a station to its access point; with `qos` two bytes longer. */
export const wifi = (options: { qos?: boolean } = {}): Link =>
  link(LINKTYPE.IEEE802_11, d => wifiFrame(d, options.qos ?? true));

function wifiFrame(d: Uint8Array, qos: boolean): Uint8Array {
  const DATA = 0x08;
  const QOS_DATA = 0x88;
  const TO_DS = 0x01;
  const sequence = [0, 0];
  const qosControl = qos ? [0, 0] : [];
  const header = concat([qos ? QOS_DATA : DATA, TO_DS, 0, 0], SERVER_MAC, CLIENT_MAC, SERVER_MAC, sequence, qosControl);
  return concat(header, llcSnap(d));
}

/** 802.11 after a radiotap header of `size` bytes. */
export const radiotap = (size = 8): Link =>
  link(LINKTYPE.RADIOTAP, d => concat([0, 0, size, 0], new Uint8Array(size - 4), wifiFrame(d, true)));

/** 802.3 with LLC/SNAP instead of Ethernet II. */
export const SNAP: Link = ethernet(d => ethernetFrame(d.length + 8, llcSnap(d)));

/** An ARP request, which is not IP. */
export const arp = (): Uint8Array =>
  ethernetFrame(
    ETHERTYPE.ARP,
    concat(u16(1), u16(ETHERTYPE.IPV4), [6, 4], u16(1), CLIENT_MAC, [192, 0, 2, 10], new Uint8Array(6), [192, 0, 2, 1]),
  );
