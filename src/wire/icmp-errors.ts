/**
 * ICMP errors by the TCP segment that they quote (RFC 792, RFC 4443 §3): which host reports that the segment could not
 * be delivered, and why. They are rare and are not segments themselves, so they reach no flow, but they may explain why
 * a SYN got no answer.
 */
import { formatIPv4, formatIPv6 } from '../base/address.ts';
import type { Nanos } from '../base/time.ts';
import type { Cursor } from '../capture/link/cursor.ts';
import * as IPv4 from './ipv4.ts';
import * as IPv6 from './ipv6.ts';
import { TcpHeader } from './tcp.ts';

/** Most quoted segments remembered, the newest ones. A finding about a SYN comes 75 s after the SYN at the latest. */
export const MOST_QUOTED = 1 << 14;
/** Bytes of the quoted segment that RFC 792 guarantees: ports and sequence number. */
const QUOTED = 8;
const CODES = 0x100;

/** ICMP errors that end an attempt, by type × 256 + code. Others ask for smaller or fewer packets or another route. */
const OF_ICMP: Readonly<Record<number, string>> = {
  [3 * CODES]: 'network unreachable',
  [3 * CODES + 1]: 'host unreachable',
  [3 * CODES + 2]: 'protocol unreachable',
  [3 * CODES + 3]: 'port unreachable',
  [3 * CODES + 9]: 'network administratively prohibited',
  [3 * CODES + 10]: 'host administratively prohibited',
  [3 * CODES + 13]: 'administratively prohibited',
  [11 * CODES]: 'time exceeded: a routing loop',
};
const OF_ICMPV6: Readonly<Record<number, string>> = {
  [1 * CODES]: 'no route to destination',
  [1 * CODES + 1]: 'administratively prohibited',
  [1 * CODES + 3]: 'address unreachable',
  [1 * CODES + 4]: 'port unreachable',
  [1 * CODES + 5]: 'source address failed policy',
  [1 * CODES + 6]: 'reject route to destination',
  [3 * CODES]: 'hop limit exceeded: a routing loop',
};

export interface IcmpError {
  /** Address of the host that sent it. */
  from: string;
  what: string;
  /** When it came; of several that quote the same segment, the first. */
  cameAt: Nanos;
}

/** Key of a segment, made alike from an error's quote and from a finding's evidence. */
export const quotedSegment = (src: string, srcPort: number, dst: string, dstPort: number, seq: number): string =>
  `${src} ${srcPort} ${dst} ${dstPort} ${seq}`;

export class IcmpErrors {
  private readonly bySegment = new Map<string, IcmpError>();
  private added: string[] = [];

  get isEmpty(): boolean {
    return this.bySegment.size === 0;
  }

  of(segment: string): IcmpError | undefined {
    return this.bySegment.get(segment);
  }

  /** The segments quoted for the first time since the last call; undefined: none. */
  takeAdded(): readonly string[] | undefined {
    if (this.added.length === 0) return undefined;
    const { added } = this;
    this.added = [];
    return added;
  }

  /** `c` is at the quoted TCP header, which may be cut short. */
  add(c: Cursor, cameAt: Nanos): void {
    const { view, at, ipAt, errorIp, errorAt } = c;
    if (!c.has(QUOTED)) return;
    const ofIPv4 = isIPv4(view, errorIp);
    const what = (ofIPv4 ? OF_ICMP : OF_ICMPV6)[view.getUint16(errorAt)];
    if (what === undefined) return;
    const [src, dst] = isIPv4(view, ipAt) ? [IPv4.SOURCE, IPv4.DESTINATION] : [IPv6.SOURCE, IPv6.DESTINATION];
    const segment = quotedSegment(
      address(view, ipAt, src),
      view.getUint16(at + TcpHeader.SRC_PORT),
      address(view, ipAt, dst),
      view.getUint16(at + TcpHeader.SRC_PORT + 2),
      view.getUint32(at + TcpHeader.SEQ),
    );
    if (this.bySegment.has(segment)) return;
    const from = address(view, errorIp, ofIPv4 ? IPv4.SOURCE : IPv6.SOURCE);
    this.bySegment.set(segment, { from, what, cameAt });
    this.added.push(segment);
    if (this.bySegment.size > MOST_QUOTED) this.bySegment.delete(this.bySegment.keys().next().value!);
  }
}

const isIPv4 = (view: DataView, ip: number): boolean => view.getUint8(ip) >>> 4 === 4;

function address(view: DataView, ip: number, offset: number): string {
  const at = ip + offset;
  if (isIPv4(view, ip)) return formatIPv4(view.getUint32(at));
  return formatIPv6(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));
}
