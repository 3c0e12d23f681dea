/**
 * Decodes a row of a slab into a segment. Never throws: the reader has checked that the IP header and 20 bytes of the
 * TCP header were captured, and a header that contradicts its segment's length is reported by the result.
 */
import { SCOPE_IPV6, type Slab } from '../capture/slab.ts';
import { fingerprint, hashTuple } from './fingerprint.ts';
import type { Hosts } from './hosts.ts';
import type { Segment } from './segment.ts';
import { Flag, headerLength, TcpHeader } from './tcp.ts';
import { NO_WINDOW_SCALE, parseOptions, parseSyn, Timestamps } from './tcp-options.ts';

const H = TcpHeader;
const { ACK, SYN } = Flag;
const { ABSENT } = Timestamps;
const NO_SCALE = NO_WINDOW_SCALE;
const IPV6 = SCOPE_IPV6;

const IPV4_ID = 4;
const IPV4_TTL = 8;
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const IPV6_HOP_LIMIT = 7;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;

/** Overwrites `out`. Returns false when the TCP header is impossible; `out` must then not be used. */
export function decode(slab: Slab, row: number, capture: number, hosts: Hosts, out: Segment): boolean {
  const { view, bytes } = slab;
  const tcp = slab.tcpAt[row];
  const length = slab.length[row];
  const header = headerLength(bytes, tcp, length);
  if (header === 0) return false;
  const flags = bytes[tcp + H.FLAGS];
  out.at = slab.at[row];
  out.frame = slab.frame[row];
  out.capture = capture;
  out.ports = view.getInt32(tcp + H.SRC_PORT);
  out.seq = view.getInt32(tcp + H.SEQ);
  out.ack = (flags & ACK) === 0 ? 0 : view.getInt32(tcp + H.ACK);
  out.length = length - header;
  out.window = view.getUint16(tcp + H.WINDOW);
  out.flags = flags;
  if (header > H.MIN_LENGTH) parseOptions(view, tcp + H.MIN_LENGTH, tcp + header, slab.end[row], out);
  else {
    out.timestamps = ABSENT;
    out.tsval = out.tsecr = 0;
    out.windowScale = NO_SCALE;
  }
  if ((flags & SYN) !== 0) parseSyn(view, tcp + H.MIN_LENGTH, tcp + header, slab.end[row], out);
  else out.mss = out.synOptions = 0;

  const ip = slab.ipAt[row];
  const scope = slab.scope[row];
  out.scope = scope;
  if ((scope & IPV6) === 0) {
    out.src = view.getInt32(ip + IPV4_SOURCE);
    out.dst = view.getInt32(ip + IPV4_DESTINATION);
    out.ttl = bytes[ip + IPV4_TTL];
    out.ipId = view.getUint16(ip + IPV4_ID);
  } else {
    decodeIPv6Hosts(view, ip, hosts, out);
    out.ttl = bytes[ip + IPV6_HOP_LIMIT];
    out.ipId = 0;
  }
  hashTuple(out);
  fingerprint(out);
  return true;
}

/** Sets the host numbers of `out`. `ip` is the offset of the IPv6 header. */
export function decodeIPv6Hosts(view: DataView, ip: number, hosts: Hosts, out: Segment): void {
  out.src = hosts.intern(view, ip + IPV6_SOURCE);
  out.dst = hosts.intern(view, ip + IPV6_DESTINATION);
}
