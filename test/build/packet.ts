/**
 * Makes frames from descriptions. A `Packet` has the fields that tcpdump would print; `tcp()` makes the segment,
 * `datagram()` puts it into IP with correct checksums, and a `Link` (links.ts) or tunnel (tunnels.ts) encapsulates
 * that:
 *
 *   const syn = { t: 0, src: '192.0.2.10', sport: 40000, dst: '198.51.100.80', dport: 80, flags: 'S', seq: 100 };
 *   pcap(frames([syn], vlan(7)))
 */
import { addressBytes, checksum, concat, filler, isIPv6, u8, u16, u32 } from './bytes.ts';
import { ETHERNET, type Link } from './links.ts';

export interface Packet {
  /** Seconds from the capture's base time, rounded to the nanosecond. */
  t: number;
  src: string;
  sport: number;
  dst: string;
  dport: number;
  /** Letters of S F R P A U E C, as in the vectors. */
  flags: string;
  seq: number;
  ack?: number;
  /** Payload bytes. */
  payload?: number;
  tsval?: number | undefined;
  tsecr?: number | undefined;
  window?: number;
  mss?: number;
  wscale?: number;
  sackPermitted?: boolean;
  /** Raw option bytes, perhaps malformed, instead of the options above. A multiple of four. */
  options?: readonly number[];
  ttl?: number;
  /** IPv4 identification; `frames()` numbers packets without one per direction. */
  ipId?: number;
  /** Raw IPv4 option bytes. A multiple of four. */
  ipOptions?: readonly number[];
  /** IPv6 extension headers between the fixed header and TCP. */
  extensions?: readonly Extension[];
  /** Makes only this fragment of the datagram: its offset in bytes, and whether more follow. */
  fragment?: { offset: number; more: boolean };
  /** IPv4 total length 0, as captured before segmentation offload. */
  tso?: boolean;
  /** Bytes captured of the frame; the length on the wire is not changed. */
  snap?: number;
}

/** IPv6 extension header: hop-by-hop 0, routing 43, destination options 60, mobility 135; `size` in bytes. */
export interface Extension {
  header: number;
  size?: number;
}

/** A frame to be written to a capture file. */
export interface Frame {
  t: number;
  bytes: Uint8Array;
  linkType: number;
  /** Number of captured bytes, if less than the length of `bytes`. */
  snap?: number;
  /** Number of the interface in a pcapng file. */
  iface?: number;
}

export const PROTOCOL = {
  HOP_BY_HOP: 0,
  ICMP: 1,
  IPIP: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  FRAGMENT: 44,
  GRE: 47,
  ICMPV6: 58,
};

const FLAG_BITS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32, E: 64, C: 128 };
const MSS = 2;
const WINDOW_SCALE = 3;
const SACK_PERMITTED = 4;
const TIMESTAMPS = 8;
const NOP = 1;

/** Options in the order of Linux. */
function tcpOptions(p: Packet): readonly number[] {
  if (p.options !== undefined) return p.options;
  const options: number[] = [];
  if (p.mss !== undefined) options.push(MSS, 4, ...u16(p.mss));
  if (p.sackPermitted) options.push(SACK_PERMITTED, 2);
  if (p.tsval !== undefined) {
    if (!p.sackPermitted) options.push(NOP, NOP);
    options.push(TIMESTAMPS, 10, ...u32(p.tsval), ...u32(p.tsecr ?? 0));
  } else if (p.sackPermitted) options.push(NOP, NOP);
  if (p.wscale !== undefined) options.push(NOP, WINDOW_SCALE, 3, p.wscale);
  return options;
}

/** The TCP segment, with a checksum over the pseudo header of its addresses. */
export function tcp(p: Packet): Uint8Array {
  const options = tcpOptions(p);
  const flags = [...p.flags].reduce((bits, letter) => bits | FLAG_BITS[letter], 0);
  const header = [
    ...u16(p.sport),
    ...u16(p.dport),
    ...u32(p.seq),
    ...u32(p.ack ?? 0),
    ((20 + options.length) / 4) << 4,
    flags,
    ...u16(p.window ?? 64240),
    ...u16(0), // checksum
    ...u16(0), // urgent pointer
  ];
  const segment = concat(header, options, filler(p.payload ?? 0));
  segment.set(u16(checksum(concat(pseudoHeader(p.src, p.dst, PROTOCOL.TCP, segment.length), segment))), 16);
  return segment;
}

export function pseudoHeader(src: string, dst: string, protocol: number, length: number): Uint8Array {
  return concat(addressBytes(src), addressBytes(dst), u32(length), u32(protocol));
}

/** The fields of a packet description that concern the IP header. */
export type IpFields = Pick<Packet, 'src' | 'dst' | 'ttl' | 'ipId' | 'ipOptions' | 'extensions' | 'fragment' | 'tso'>;

/** An IPv4 or IPv6 datagram, depending on the addresses, with the `payload` of an IP protocol. */
export function ip(p: IpFields, protocol: number, payload: Uint8Array): Uint8Array {
  return isIPv6(p.src) ? ipv6(p, protocol, payload) : ipv4(p, protocol, payload);
}

/** The packet as an IP datagram, or the fragment of it that `fragment` selects. */
export const datagram = (p: Packet): Uint8Array => ip(p, PROTOCOL.TCP, tcp(p));

function ipv4(p: IpFields, protocol: number, payload: Uint8Array): Uint8Array {
  const options = p.ipOptions ?? [];
  const size = 20 + options.length;
  const body = p.fragment === undefined ? payload : payload.subarray(p.fragment.offset);
  const place = p.fragment === undefined ? 0x4000 : (p.fragment.more ? 0x2000 : 0) | (p.fragment.offset >>> 3);
  const header = Uint8Array.from([
    0x40 | (size / 4),
    0, // DSCP, ECN
    ...u16(p.tso ? 0 : size + body.length),
    ...u16(p.ipId ?? 0),
    ...u16(place),
    ...u8(p.ttl ?? 64),
    protocol,
    ...u16(0), // checksum
    ...addressBytes(p.src),
    ...addressBytes(p.dst),
    ...options,
  ]);
  header.set(u16(checksum(header)), 10);
  return concat(header, body);
}

function ipv6(p: IpFields, protocol: number, payload: Uint8Array): Uint8Array {
  const chain: { header: number; bytes: (next: number) => number[] }[] = (p.extensions ?? []).map(e => ({
    header: e.header,
    bytes: next => [next, (e.size ?? 8) / 8 - 1, ...new Array<number>((e.size ?? 8) - 2).fill(0)],
  }));
  let body = payload;
  if (p.fragment !== undefined) {
    const { offset, more } = p.fragment;
    body = payload.subarray(offset);
    chain.push({
      header: PROTOCOL.FRAGMENT,
      bytes: next => [next, 0, ...u16(offset | (more ? 1 : 0)), ...u32(p.ipId ?? 1)],
    });
  }
  const kinds = [...chain.map(link => link.header), protocol];
  const extensions = chain.flatMap((link, i) => link.bytes(kinds[i + 1]));
  const header = [
    ...u32(0x60000000),
    ...u16(extensions.length + body.length),
    kinds[0],
    ...u8(p.ttl ?? 64),
    ...addressBytes(p.src),
    ...addressBytes(p.dst),
  ];
  return concat(header, extensions, body);
}

/** A datagram in a frame of a link, captured at `t`. */
export const frameOf = (t: number, bytes: Uint8Array, link: Link = ETHERNET): Frame => ({
  t,
  bytes: link.wrap(bytes),
  linkType: link.linkType,
});

/** One packet as a frame; `tunnel` encapsulates the datagram first. */
export function frame(p: Packet, link: Link = ETHERNET, tunnel = (inner: Uint8Array): Uint8Array => inner): Frame {
  const made = frameOf(p.t, tunnel(datagram(p)), link);
  return p.snap === undefined ? made : { ...made, snap: p.snap };
}

/** Packets as frames in the given order, with IPv4 ids that count up per direction. */
export const frames = (packets: readonly Packet[], link?: Link, tunnel?: (inner: Uint8Array) => Uint8Array): Frame[] =>
  withIpIds(packets).map(p => frame(p, link, tunnel));

/** Gives each packet without an IPv4 id the next one of its direction. */
export function withIpIds(packets: readonly Packet[]): Packet[] {
  const last = new Map<string, number>();
  return packets.map(p => {
    if (p.ipId !== undefined) return p;
    const direction = `${p.src}>${p.dst}`;
    const ipId = ((last.get(direction) ?? 0) + 1) & 0xffff || 1;
    last.set(direction, ipId);
    return { ...p, ipId };
  });
}
