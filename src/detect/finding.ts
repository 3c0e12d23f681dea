/** What the whole program exists to produce. The columns and keys are the contract of the database and the reports. */
import { compareText } from '../base/order.ts';
import type { Nanos } from '../base/time.ts';
import { compareCaptured } from '../flow/packet.ts';

export const SEVERITIES = ['info', 'notice', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export type Confidence = 'proof' | 'strong' | 'weak';

/** One packet that proves a finding. Absent options are null; `seq` and `ack` are as on the wire, unsigned. */
export interface FindingPacket {
  /** Index of the capture in the run, from 0. */
  capture: number;
  /** From 1, as tshark numbers it. */
  frame: number;
  at: Nanos;
  fromClient: boolean;
  /** Letters in the order S F R P A U E C. */
  flags: string;
  seq: number;
  ack: number;
  tsval: number | null;
  tsecr: number | null;
  /** Payload bytes. */
  length: number;
  note: string;
}

export interface Finding {
  /** Stable over re-runs and cuts: see detect/findings/reporter.ts. */
  id: string;
  rule: string;
  severity: Severity;
  confidence: Confidence;
  /** The verdict in one sentence. */
  title: string;
  /**
   * The part of the title that the packets show, for titles that continue with causes that a host may refute
   * (host-judges.ts).
   */
  symptom?: string;
  /**
   * Number of clock steps before it; and time, capture and frame of the packet that raised it. Findings are ordered by
   * these.
   */
  epoch: number;
  at: Nanos;
  capture: number;
  frame: number;
  /** From the packet that raised it (earlier packets are background) to the last packet that belongs to it. */
  firstAt: Nanos;
  lastAt: Nanos;
  client: string;
  clientPort: number;
  server: string;
  serverPort: number;
  evidence: Readonly<Record<string, unknown>>;
  packets: readonly FindingPacket[];
}

/** What a finding is about, apart from its details. */
export type Event = Pick<Finding, 'epoch' | 'at' | 'capture' | 'frame' | 'rule'>;

/** Time (starting again after a clock step), capture, frame, then rule. */
export const compareEvents = (a: Event, b: Event): number =>
  a.epoch - b.epoch || compareCaptured(a, b) || compareText(a.rule, b.rule);

/** Order of storage: that of the events, then class. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareEvents(a, b) ||
    compareText(String(a.evidence.class ?? ''), String(b.evidence.class ?? '')) ||
    compareText(a.id, b.id)
  );
}
