/**
 * The golden document, `x.findings.json` beside a capture. Each finding is as in the other machine-readable outputs
 * (documents.ts), but comes directly from the run: nothing depends on a database, on where the capture is, or on when
 * it was analysed.
 */
import { PawscopeError } from '../../base/errors.ts';
import { epochNanos, type Nanos, rfc3339 } from '../../base/time.ts';
import { compareFindings, type Finding, type FindingPacket } from '../../detect/finding.ts';
import type { FindingRow, PacketRow } from '../../store/rows.ts';

/** The columns of table `finding` without the run; times are RFC 3339. */
export type GoldenFinding = Omit<FindingRow, 'run_id' | 'rule' | 'first_ns' | 'last_ns' | 'evidence' | 'packets'> & {
  rule: string;
  first_ns: string;
  last_ns: string;
  evidence: Finding['evidence'];
  packets: GoldenPacket[];
};

/** The columns of view `finding_packet` without run, capture and finding; the time is RFC 3339. */
type GoldenPacket = Omit<PacketRow, 'finding_id' | 'run_id' | 'capture_id' | 'ts_ns'> & { ts_ns: string };

/** The findings of a run, in any order, as a golden document. `origin`: that of the run (base/time.ts). */
export const goldenDocument = (findings: readonly Finding[], origin: number): GoldenFinding[] =>
  findings.toSorted(compareFindings).map(finding => goldenFinding(finding, origin));

/** A golden document as text. */
export const goldenText = (documents: readonly GoldenFinding[]): string => `${JSON.stringify(documents, null, 2)}\n`;

/** Parses a golden. Throws an error with one sentence about `name` if the text is not a golden. */
export function parseGolden(text: string, name: string): GoldenFinding[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new PawscopeError(`${name} is not JSON (${(error as Error).message}); rewrite it with --update`);
  }
  if (Array.isArray(value) && value.every(isDocument)) return value;
  throw new PawscopeError(`${name} is not a list of findings; rewrite it with --update`);
}

/** Columns that are needed to report a finding that is gone; a missing other column is an ordinary difference. */
const TOLD = ['id', 'rule', 'severity', 'confidence', 'title', 'first_ns'] as const;

const isDocument = (value: unknown): value is GoldenFinding =>
  typeof value === 'object' &&
  value !== null &&
  TOLD.every(column => typeof (value as Record<string, unknown>)[column] === 'string');

function goldenFinding(finding: Finding, origin: number): GoldenFinding {
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
    packets: finding.packets.map((packet, i) => goldenPacket(packet, i + 1, time)),
  };
}

const goldenPacket = (packet: FindingPacket, ordinal: number, time: (at: Nanos) => string): GoldenPacket => ({
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
