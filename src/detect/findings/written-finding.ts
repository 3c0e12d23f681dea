/**
 * Findings on their way from a thread into the database. Evidence and packets are text, as they are stored. As objects
 * they would be dozens of values each, and copying those to another thread takes longer than making them. The text is
 * parsed only when somebody reads it.
 */
import { SECOND } from '../../base/time.ts';
import type { Finding, FindingPacket } from '../finding.ts';

/**
 * The origins of the numbers in the text: seconds since the epoch, and the row of the run's first capture, which the
 * others follow.
 */
export interface Numbering {
  origin: number;
  firstCapture: number;
}

/** The form between threads: an array, because names of properties would be copied with each finding. */
export type FindingValues = ReturnType<typeof valuesOf>;

export const valuesOf = (f: Finding, numbering: Numbering) =>
  [
    ...([f.id, f.rule, f.severity, f.confidence, f.title, f.symptom] as const),
    ...([f.epoch, f.at, f.capture, f.frame, f.firstAt, f.lastAt] as const),
    ...([f.client, f.clientPort, f.server, f.serverPort] as const),
    ...([JSON.stringify(f.evidence), packetsText(f.packets, numbering)] as const),
  ] as const;

export class WrittenFinding implements Finding {
  readonly id: string;
  readonly rule: string;
  readonly severity: Finding['severity'];
  readonly confidence: Finding['confidence'];
  readonly title: string;
  readonly symptom?: string;
  readonly epoch: number;
  readonly at: number;
  readonly capture: number;
  readonly frame: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly client: string;
  readonly clientPort: number;
  readonly server: string;
  readonly serverPort: number;
  readonly evidenceText: string;
  readonly packetsText: string;
  private readonly numbering: Numbering;

  constructor(values: FindingValues, numbering: Numbering) {
    const [id, rule, severity, confidence, title, symptom, epoch, at, capture, frame, firstAt, lastAt] = values;
    const [, , , , , , , , , , , , client, clientPort, server, serverPort, evidence, packets] = values;
    this.id = id;
    this.rule = rule;
    this.severity = severity;
    this.confidence = confidence;
    this.title = title;
    if (symptom !== undefined) this.symptom = symptom;
    this.epoch = epoch;
    this.at = at;
    this.capture = capture;
    this.frame = frame;
    this.firstAt = firstAt;
    this.lastAt = lastAt;
    this.client = client;
    this.clientPort = clientPort;
    this.server = server;
    this.serverPort = serverPort;
    this.evidenceText = evidence;
    this.packetsText = packets;
    this.numbering = numbering;
  }

  get evidence(): Finding['evidence'] {
    return JSON.parse(this.evidenceText);
  }

  get packets(): FindingPacket[] {
    return readPackets(this.packetsText, this.numbering);
  }

  /** A copy with evidence and packets as plain properties, for callers that derive another finding from it. */
  read(): Finding {
    const {
      symptom,
      evidence,
      packets,
      evidenceText: _,
      packetsText: __,
      numbering: ___,
      ...told
    } = this as WrittenFinding;
    return { ...told, ...(symptom === undefined ? {} : { symptom }), evidence, packets };
  }
}

/**
 * The array that the view finding_packet reads. The time is two numbers, because JSON.parse cannot hold nanoseconds
 * since the epoch exactly.
 */
export function packetsText(packets: readonly FindingPacket[], { origin, firstCapture }: Numbering): string {
  const values = packets.map((p): PacketValues => {
    const at = Math.round(p.at);
    const s = Math.floor(at / SECOND);
    const { frame, fromClient, flags, seq, ack, tsval, tsecr, length, note } = p;
    const [row, second, ns] = [firstCapture + p.capture, origin + s, at - s * SECOND];
    return [row, frame, second, ns, fromClient ? 1 : 0, flags, seq, ack, tsval, tsecr, length, note];
  });
  // At once: text that is put together from its parts leaves twice as much garbage.
  return JSON.stringify(values);
}

type PacketValues = [
  ...[row: number, frame: number, s: number, ns: number, fromClient: 0 | 1, flags: string, seq: number, ack: number],
  ...[tsval: number | null, tsecr: number | null, length: number, note: string],
];

function readPackets(text: string, { origin, firstCapture }: Numbering): FindingPacket[] {
  return (JSON.parse(text) as PacketValues[]).map(
    ([row, frame, s, ns, fromClient, flags, seq, ack, tsval, tsecr, length, note]) => {
      const at = (s - origin) * SECOND + ns;
      const capture = row - firstCapture;
      return { capture, frame, at, fromClient: fromClient === 1, flags, seq, ack, tsval, tsecr, length, note };
    },
  );
}
