/**
 * Walks from the first byte of a frame to its innermost TCP segment: link layer → IP → tunnels → innermost IP → TCP.
 * Fills the slab row and returns a Skip code. Guarantees to every shard that the innermost IP header and 20 bytes of
 * the TCP header are within the captured bytes. One pass; nothing is allocated.
 */
import type { Nanos } from '../base/time.ts';
import { Cursor, Network } from '../capture/link/cursor.ts';
import { ETHERNET_HEADER } from '../capture/link/ethernet.ts';
import { LinkType, stripLink } from '../capture/link/link.ts';
import type { Locate } from '../capture/locate.ts';
import { addon, bound, type Native } from '../capture/native.ts';
import { SCOPE_IPV6, Skip, type Slab } from '../capture/slab.ts';
import type { Frames } from '../capture/walker.ts';
import { gre } from './gre.ts';
import { foldIPv6, hostPairHash } from './host-pair.ts';
import { icmp } from './icmp.ts';
import { IcmpErrors } from './icmp-errors.ts';
import * as IPv4 from './ipv4.ts';
import * as IPv6 from './ipv6.ts';
import { Protocol } from './protocol.ts';
import { TcpHeader } from './tcp.ts';
import { udp } from './tunnel.ts';

const { NONE } = Skip;
const { ETHERNET } = LinkType;
const { TCP } = Protocol;
const TCP_HEADER = TcpHeader.MIN_LENGTH;
const IP_HEADER = IPv4.MIN_HEADER;
const { PROTOCOL, FRAGMENT, MORE_FRAGMENTS, FRAGMENT_OFFSET, TOTAL_LENGTH, SOURCE, DESTINATION } = IPv4;

/** Offsets in the common frame (Ethernet, IPv4 without options, TCP), which is recognised without a walk. */
const PLAIN_IP = ETHERNET_HEADER;
const PLAIN_TCP = PLAIN_IP + IPv4.MIN_HEADER;
const PLAIN_SIZE = PLAIN_TCP + TCP_HEADER;
/** Its ethertype is 0x0800, followed by IP version 4 and a header length of five words. */
const PLAIN_TYPE_AT = 12;
const PLAIN_TYPE = 0x0800;
const PLAIN_VERSION = 0x45;

export class Locator implements Locate {
  /** The ICMP errors seen so far that quote a TCP segment. */
  readonly errors = new IcmpErrors();
  readonly #cursor = new Cursor();
  readonly #native: Native | undefined;

  constructor(native = addon) {
    this.#native = native;
  }

  locatePlain(slab: Slab, row: number, frames: Frames, clock: Nanos, number: number, shards: number): number {
    const native = this.#native;
    if (native === undefined) return 0;
    const [from, to] = [bound(native, frames.columns), bound(native, slab.columns)];
    return native.locatePlain(from, frames.count, clock, number, shards, to, row);
  }

  locate(
    slab: Slab,
    row: number,
    linkType: number,
    start: number,
    end: number,
    length: number,
    shards: number,
  ): number {
    const { view, bytes } = slab;
    const ip = start + PLAIN_IP;
    if (
      linkType === ETHERNET &&
      start + PLAIN_SIZE <= end &&
      view.getUint16(start + PLAIN_TYPE_AT) === PLAIN_TYPE &&
      bytes[ip] === PLAIN_VERSION &&
      bytes[ip + PROTOCOL] === TCP &&
      (view.getUint16(ip + FRAGMENT) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) === 0
    ) {
      const total = view.getUint16(ip + TOTAL_LENGTH);
      if (total >= IP_HEADER + TCP_HEADER) {
        slab.ipAt[row] = ip;
        slab.tcpAt[row] = start + PLAIN_TCP;
        slab.end[row] = ip + total < end ? ip + total : end;
        slab.length[row] = total - IP_HEADER;
        slab.scope[row] = 0;
        slab.shard[row] = shards > 1 ? shardOfIPv4(view, ip, shards) : 0;
        return NONE;
      }
    }
    return this.#walk(slab, row, linkType, start, end, length, shards);
  }

  #walk(slab: Slab, row: number, linkType: number, start: number, end: number, length: number, shards: number): number {
    const c = this.#cursor;
    c.bytes = slab.bytes;
    c.view = slab.view;
    c.begin(start, end, length);
    let network = stripLink(c, linkType);
    while (network > 0) {
      if (!c.nest()) return Skip.NOT_TCP;
      let protocol = network === Network.IPV4 ? IPv4.enterIPv4(c) : IPv6.enterIPv6(c);
      if (protocol === Protocol.AUTHENTICATION) protocol = IPv6.skipExtensions(c, protocol);
      if (protocol < 0) return -protocol;
      if (protocol === Protocol.TCP) return fillRow(c, slab, row, network, shards);
      network = enterTunnel(c, protocol);
      // The frame has an IP header, so it does not count as NOT_IP, whatever the tunnel carries.
      if (network === -Skip.NOT_IP) return Skip.NOT_TCP;
      if (network === -Skip.ICMP_QUOTED) this.errors.add(c, slab.at[row]);
    }
    return -network;
  }
}

function enterTunnel(c: Cursor, protocol: number): number {
  switch (protocol) {
    case Protocol.IPV4:
      return Network.IPV4;
    case Protocol.IPV6:
      return Network.IPV6;
    case Protocol.GRE:
      return gre(c);
    case Protocol.UDP:
      return udp(c);
    case Protocol.ICMP:
    case Protocol.ICMPV6:
      return icmp(c, protocol);
    default:
      return -Skip.NOT_TCP;
  }
}

function fillRow(c: Cursor, slab: Slab, row: number, network: number, shards: number): number {
  if (!c.has(TCP_HEADER)) {
    // A first fragment may be too small for the TCP header (RFC 1858 §3).
    return c.moreFragments && c.at + TCP_HEADER > c.wireEnd ? Skip.FRAGMENT : -c.missing(TCP_HEADER);
  }
  const ipv4 = network === Network.IPV4;
  slab.ipAt[row] = c.ipAt;
  slab.tcpAt[row] = c.at;
  slab.end[row] = c.end;
  slab.length[row] = c.wireEnd - c.at;
  slab.scope[row] = ipv4 ? c.scope : c.scope | SCOPE_IPV6;
  const shardOf = ipv4 ? shardOfIPv4 : shardOfIPv6;
  slab.shard[row] = shards > 1 ? shardOf(c.view, c.ipAt, shards) : 0;
  return Skip.NONE;
}

const shardOfIPv4 = (view: DataView, ip: number, shards: number): number =>
  hostPairHash(view.getInt32(ip + SOURCE), view.getInt32(ip + DESTINATION)) % shards;

const shardOfIPv6 = (view: DataView, ip: number, shards: number): number =>
  hostPairHash(foldIPv6(view, ip + IPv6.SOURCE), foldIPv6(view, ip + IPv6.DESTINATION)) % shards;
