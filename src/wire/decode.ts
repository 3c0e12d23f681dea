/**
 * The hot loop: a shard's rows of a slab become segments. It never throws: the reader has checked that 20 bytes of
 * TCP header were captured, and a header that contradicts its segment is counted as `bad-header`.
 */
import { type Batch, SCOPE_IPV6, Skip, type Slab } from '../capture/slab.ts';
import type { Hosts } from './hosts.ts';
import type { Segments } from './segments.ts';
import { ACK, FLAGS, Flag, headerLength, MIN_HEADER, SEQ, SRC_PORT, WINDOW } from './tcp.ts';
import { NO_WINDOW_SCALE, TcpOptions, Timestamps } from './tcp-options.ts';

const IPV4_ID = 4;
const IPV4_TTL = 8;
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const IPV6_HOP_LIMIT = 7;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;

const options = new TcpOptions();

/** Appends the rows of shard `shard` to `out`, in slab order. `skips` counts by Skip code. */
export function decode(slab: Slab, batch: Batch, shard: number, hosts: Hosts, out: Segments, skips: Uint32Array): void {
  const { view, bytes } = slab;
  out.reserve(batch.rows);
  let n = out.count;
  for (let row = 0; row < batch.rows; row++) {
    if (slab.shard[row] !== shard) continue;
    const tcp = slab.tcpAt[row]!;
    const length = slab.length[row]!;
    const header = headerLength(bytes, tcp, length);
    if (header === 0) {
      skips[Skip.BAD_HEADER]!++;
      continue;
    }
    const flags = bytes[tcp + FLAGS]!;
    out.at[n] = slab.at[row]!;
    out.frame[n] = slab.frame[row]!;
    out.capture[n] = batch.capture;
    out.ports[n] = view.getInt32(tcp + SRC_PORT);
    out.seq[n] = view.getInt32(tcp + SEQ);
    out.ack[n] = (flags & Flag.ACK) === 0 ? 0 : view.getInt32(tcp + ACK);
    out.length[n] = length - header;
    out.window[n] = view.getUint16(tcp + WINDOW);
    out.flags[n] = flags;

    if (header > MIN_HEADER) {
      options.parse(view, tcp + MIN_HEADER, tcp + header, slab.end[row]!);
      out.timestamps[n] = options.timestamps;
      out.tsval[n] = options.tsval;
      out.tsecr[n] = options.tsecr;
      out.windowScale[n] = options.windowScale;
    } else {
      out.timestamps[n] = Timestamps.ABSENT;
      out.windowScale[n] = NO_WINDOW_SCALE;
    }

    const ip = slab.ipAt[row]!;
    const scope = slab.scope[row]!;
    out.scope[n] = scope;
    if ((scope & SCOPE_IPV6) === 0) {
      out.src[n] = view.getInt32(ip + IPV4_SOURCE);
      out.dst[n] = view.getInt32(ip + IPV4_DESTINATION);
      out.ttl[n] = bytes[ip + IPV4_TTL]!;
      out.ipId[n] = view.getUint16(ip + IPV4_ID);
    } else {
      out.src[n] = hosts.intern(view, ip + IPV6_SOURCE);
      out.dst[n] = hosts.intern(view, ip + IPV6_DESTINATION);
      out.ttl[n] = bytes[ip + IPV6_HOP_LIMIT]!;
      out.ipId[n] = 0;
    }
    n++;
  }
  out.count = n;
}
