/**
 * ICMP errors quote the datagram that they are about (RFC 792, RFC 4443 §3). A quoted TCP header is that of an earlier
 * segment, sent by the receiver of the error: it must never reach a flow. Always returns a negative Skip code; with
 * -ICMP_QUOTED the cursor is at the quoted TCP header.
 */
import { type Cursor, Network } from '../capture/link/cursor.ts';
import { Skip } from '../capture/slab.ts';
import { enterIPv4 } from './ipv4.ts';
import { enterIPv6 } from './ipv6.ts';
import { Protocol } from './protocol.ts';

const HEADER = 8;
/** Unreachable, source quench, redirect, time exceeded, parameter problem. */
const ICMP_ERRORS: readonly number[] = [3, 4, 5, 11, 12];
/** Types below this are errors (RFC 4443 §2.1). */
const ICMPV6_FIRST_INFORMATIONAL = 128;

export function icmp(c: Cursor, protocol: number): number {
  if (!c.has(HEADER + 1)) return -Skip.NOT_TCP;
  const type = c.bytes[c.at];
  const error = protocol === Protocol.ICMP ? ICMP_ERRORS.includes(type) : type < ICMPV6_FIRST_INFORMATIONAL;
  if (!error) return -Skip.NOT_TCP;
  c.errorIp = c.ipAt;
  c.errorAt = c.at;
  c.at += HEADER;
  const version = c.bytes[c.at] >>> 4;
  const quoted = version === Network.IPV4 ? enterIPv4(c) : version === Network.IPV6 ? enterIPv6(c) : -Skip.NOT_TCP;
  return quoted === Protocol.TCP ? -Skip.ICMP_QUOTED : -Skip.NOT_TCP;
}
