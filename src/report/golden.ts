/**
 * The golden document: what `x.findings.json` beside a capture holds. Each finding as the other machine-readable
 * outputs say it (documents.ts), but straight from the run: nothing in it depends on a database, on where the capture
 * lies or on when it was analysed.
 */
import { epochNanos, type Nanos, rfc3339 } from '../base/time.ts';
import type { Finding, FindingPacket } from '../detect/finding.ts';
import type { FindingRow, PacketRow } from '../store/rows.ts';

/** The columns of table `finding` without the run; times as RFC 3339. */
export type FindingDocument = Omit<FindingRow, 'run_id' | 'first_ns' | 'last_ns' | 'packets'> & {
  first_ns: string;
  last_ns: string;
  packets: PacketDocument[];
};

/** The columns of view `finding_packet` without run, capture and finding; time as RFC 3339. */
export type PacketDocument = Omit<PacketRow, 'finding_id' | 'run_id' | 'capture_id' | 'ts_ns'> & { ts_ns: string };

/** The text of a golden. `origin` is the run's: base/time.ts. */
export const goldenText = (findings: readonly Finding[], origin: number): string =>
  `${JSON.stringify(
    findings.map(finding => findingDocument(finding, origin)),
    null,
    2,
  )}\n`;

export function findingDocument(finding: Finding, origin: number): FindingDocument {
  const time = (at: Nanos): string => rfc3339(epochNanos(origin, at));
  return {
    id: finding.id,
    rule: finding.rule,
    severity: finding.severity,
    confidence: finding.confidence,
    title: finding.title,
    first_ns: time(finding.firstAt),
    last_ns: time(finding.lastAt),
    client: finding.client,
    client_port: finding.clientPort,
    server: finding.server,
    server_port: finding.serverPort,
    evidence: finding.evidence,
    packets: finding.packets.map((packet, i) => packetDocument(packet, i + 1, time)),
  };
}

const packetDocument = (packet: FindingPacket, ordinal: number, time: (at: Nanos) => string): PacketDocument => ({
  ordinal,
  frame: packet.frame,
  ts_ns: time(packet.at),
  from_client: packet.fromClient ? 1 : 0,
  flags: packet.flags,
  seq: packet.seq,
  ack: packet.ack,
  tsval: packet.tsval,
  tsecr: packet.tsecr,
  length: packet.length,
  note: packet.note,
});
