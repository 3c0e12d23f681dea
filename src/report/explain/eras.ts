/**
 * Decides to which connection each packet of a finding belongs: to the one before the SYN that raised it, to the one
 * that this SYN opens, or to another of the same hosts. Only numbers decide, as for the receiver of the packet.
 */
import { firstAnswer } from '../../detect/reuse/outcome.ts';
import type { FindingRow, PacketRow } from '../../store/rows.ts';

/** `one`: all packets belong to one connection, which needs no name. */
export type Era = 'old' | 'new' | 'other' | 'one';

export const endOf = ({ seq, length, flags }: PacketRow): number =>
  (seq + length + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0)) >>> 0;

export const isSyn = ({ flags }: PacketRow): boolean => flags.includes('S') && !flags.includes('A');
/** The RST with which a client answers an ACK that its SYN does not call for (RFC 9293 §3.10.7.3). */
export const answersAck = (rst: PacketRow, ack: PacketRow | undefined): boolean =>
  rst.flags.startsWith('R') && rst.seq === ack?.ack;

const isBareAck = ({ flags, length }: PacketRow): boolean => flags === 'A' && length === 0;

/** The packet that raised the finding: the one at the time of the finding that is of the kind its rule looks at. */
export function raisedBy({ rule, first_ns, packets }: FindingRow): PacketRow | undefined {
  const wanted = rule === 'reset-close' ? (p: PacketRow) => p.flags.includes('R') : isSyn;
  const then = packets.filter(({ ts_ns }) => ts_ns === first_ns);
  return then.find(wanted) ?? then[0] ?? packets[0];
}

export interface Eras {
  of(packet: PacketRow): Era;
  /** The ACK of the old connection that answered the new SYN. */
  oldAck: PacketRow | undefined;
  /** The SYN that opens the new connection. */
  syn: PacketRow | undefined;
}

/** Rules whose findings show packets of several connections, only one of which raised it. */
const OF_SEVERAL: ReadonlySet<string> = new Set([
  'idle-timer',
  'shared-address',
  'recycle-signature',
  'port-exhaustion',
  'time-wait-overflow',
]);

export function erasOf(finding: FindingRow): Eras {
  const { rule, packets } = finding;
  const raised = raisedBy(finding);
  const syn = raised && isSyn(raised) ? raised : packets.find(isSyn);
  if (rule === 'revealed-setting' && finding.evidence.remembered_tsval !== undefined)
    return apartFrom(packets.findLast(isSyn));
  // An RST may answer an old ACK. Any other finding that no SYN raised is about one connection, as for SYN-ACKs that
  // are repeated or not heard.
  const isOfSynAcks = rule === 'unanswered-syn' && finding.evidence.syn_acks !== undefined;
  if (syn === undefined || (syn !== raised && rule !== 'reset-close') || isOfSynAcks) {
    const all: Era = OF_SEVERAL.has(rule) ? 'other' : 'one';
    return { of: () => all, oldAck: undefined, syn };
  }
  const after = OF_SEVERAL.has(rule) ? [] : packets.slice(packets.indexOf(syn) + 1);
  const oldAck = after.find(p => isBareAck(p) && p.from_client !== syn.from_client && p.ack !== endOf(syn));
  if (rule === 'reset-close' && oldAck === undefined) return { of: () => 'one', oldAck, syn };
  const isSameTuple =
    rule === 'port-reuse' ||
    rule === 'revealed-setting' ||
    (rule === 'timestamp-regress' && finding.evidence.same_tuple);
  const isForeign = answersForNone(finding);
  const of = (packet: PacketRow): Era => {
    if (packets.indexOf(packet) < packets.indexOf(syn)) return isSameTuple ? 'old' : 'other';
    if (packet === oldAck || answersAck(packet, oldAck)) return isForeign ? 'other' : 'old';
    return opensAnother(packet, syn) ? 'other' : 'new';
  };
  return { of, oldAck: isForeign ? undefined : oldAck, syn };
}

/** Whether what answered the SYN has the numbers of no connection that was captured. */
function answersForNone(finding: FindingRow): boolean {
  switch (finding.rule) {
    case 'reset-close':
      return finding.evidence.unfitting !== undefined;
    case 'unanswered-syn':
      return finding.evidence.seen === 'foreign-ack';
    case 'port-reuse':
      return firstAnswer(finding.evidence.outcome) === 'foreign-ack';
    default:
      return false;
  }
}

/** The packets before the SYN are of the connection that it is compared with. */
function apartFrom(syn: PacketRow | undefined): Eras {
  const isBefore = ({ ordinal }: PacketRow): boolean => syn !== undefined && ordinal < syn.ordinal;
  return { of: packet => (isBefore(packet) ? 'other' : 'new'), oldAck: undefined, syn };
}

/** A SYN with another sequence number, or the SYN-ACK that answers one. */
function opensAnother(packet: PacketRow, syn: PacketRow): boolean {
  if (!packet.flags.includes('S')) return false;
  return packet.from_client === syn.from_client ? packet.seq !== syn.seq : !isSyn(packet) && packet.ack !== endOf(syn);
}
