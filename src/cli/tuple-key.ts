import { SCOPE_IPV6, type Slab } from '../capture/slab.ts';
import * as IPv4 from '../wire/ipv4.ts';
import * as IPv6 from '../wire/ipv6.ts';

const PORT = 2;
const IPV4_ADDRESS = 4;
const IPV6_ADDRESS = 16;

/**
 * The tuple of a row as text, the same in both directions. VLAN and tunnel are left out, so that duplicates captured on
 * another VLAN belong to it.
 */
export function tupleOf(slab: Slab, row: number): string {
  const ip = slab.ipAt[row];
  const tcp = slab.tcpAt[row];
  const v6 = (slab.scope[row] & SCOPE_IPV6) !== 0;
  const size = v6 ? IPV6_ADDRESS : IPV4_ADDRESS;
  const hex = (from: number, length: number): string =>
    Buffer.from(slab.bytes.subarray(from, from + length)).toString('hex');
  const { SOURCE, DESTINATION } = v6 ? IPv6 : IPv4;
  const a = hex(ip + SOURCE, size) + hex(tcp, PORT);
  const b = hex(ip + DESTINATION, size) + hex(tcp + PORT, PORT);
  return a < b ? a + b : b + a;
}
