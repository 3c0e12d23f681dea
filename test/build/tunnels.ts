/** Tunnels, which encapsulate datagrams, and packets that are not TCP: UDP, and ICMP errors that quote TCP. */
import { checksum, concat, isIPv6, u16, u24, u32 } from './bytes.ts';
import { ETHERNET, ethernetFrame } from './links.ts';
import { ip, PROTOCOL } from './packet.ts';

export type Tunnel = (inner: Uint8Array) => Uint8Array;

const OUTER = { src: '203.0.113.1', dst: '203.0.113.2' };
type Ends = { src?: string; dst?: string };

const isV6 = (datagram: Uint8Array): boolean => datagram[0] >>> 4 === 6;
const etherType = (datagram: Uint8Array): number => (isV6(datagram) ? 0x86dd : 0x0800);

/** IPv4 or IPv6 directly in IP: IPIP, 6in4, 4in6. */
export const ipip =
  (ends: Ends = {}): Tunnel =>
  inner =>
    ip({ ...OUTER, ...ends }, isV6(inner) ? PROTOCOL.IPV6 : PROTOCOL.IPIP, inner);

/** GRE (RFC 2784, 2890) with its optional checksum, key and sequence number. */
export const gre =
  (options: Ends & { checksum?: boolean; key?: number; sequence?: number } = {}): Tunnel =>
  inner => {
    const CHECKSUM = 0x8000;
    const KEY = 0x2000;
    const SEQUENCE = 0x1000;
    const { key, sequence } = options;
    const bits =
      (options.checksum ? CHECKSUM : 0) | (key === undefined ? 0 : KEY) | (sequence === undefined ? 0 : SEQUENCE);
    const header = [
      ...u16(bits),
      ...u16(etherType(inner)),
      ...(options.checksum ? u32(0) : []),
      ...(key === undefined ? [] : u32(key)),
      ...(sequence === undefined ? [] : u32(sequence)),
    ];
    return ip(
      { ...OUTER, src: options.src ?? OUTER.src, dst: options.dst ?? OUTER.dst },
      PROTOCOL.GRE,
      concat(header, inner),
    );
  };

/** ERSPAN type II in GRE with a sequence number: contains the mirrored Ethernet frame. */
export const erspan =
  (session = 1): Tunnel =>
  inner => {
    const ERSPAN_II = 0x88be;
    const header = concat(u16(0x1000), u16(ERSPAN_II), u32(1), u16(0x1000), u16(session), u32(0));
    return ip(OUTER, PROTOCOL.GRE, concat(header, ETHERNET.wrap(inner)));
  };

/** A UDP datagram in IP. */
export function udp(p: { src: string; sport: number; dst: string; dport: number }, payload: Uint8Array): Uint8Array {
  return ip(p, PROTOCOL.UDP, concat(u16(p.sport), u16(p.dport), u16(8 + payload.length), u16(0), payload));
}

const VXLAN_PORT = 4789;
const GENEVE_PORT = 6081;

export const vxlan =
  (vni: number, ends: Ends = {}): Tunnel =>
  inner =>
    udp(
      { ...OUTER, ...ends, sport: 50000, dport: VXLAN_PORT },
      concat([0x08, 0, 0, 0], u24(vni), [0], ETHERNET.wrap(inner)),
    );

/** Geneve carrying Ethernet, with `options` bytes of options. */
export const geneve =
  (vni: number, ends: Ends & { options?: number } = {}): Tunnel =>
  inner => {
    const TRANSPARENT_ETHERNET = 0x6558;
    const size = ends.options ?? 0;
    const header = concat([size / 4, 0], u16(TRANSPARENT_ETHERNET), u24(vni), [0], new Uint8Array(size));
    const outer = { src: ends.src ?? OUTER.src, dst: ends.dst ?? OUTER.dst, sport: 50000, dport: GENEVE_PORT };
    return udp(outer, concat(header, ETHERNET.wrap(inner)));
  };

/** An ICMP(v6) destination unreachable from `from` that quotes the start of `datagram`, as routers do. */
export function icmpUnreachable(
  from: string,
  to: string,
  datagram: Uint8Array,
  code = isIPv6(from) ? 4 : 1,
): Uint8Array {
  const v6 = isIPv6(from);
  const quoted = datagram.subarray(0, v6 ? 1232 : 548);
  const message = concat([v6 ? 1 : 3, code], u16(0), u32(0), quoted);
  // The checksum of ICMPv6 includes a pseudo header; no test needs it.
  if (!v6) message.set(u16(checksum(message)), 2);
  return ip({ src: from, dst: to }, v6 ? PROTOCOL.ICMPV6 : PROTOCOL.ICMP, message);
}

/** An Ethernet frame with an unassigned type. */
export const unknownEtherType = (): Uint8Array => ethernetFrame(0x9999, new Uint8Array(46));
