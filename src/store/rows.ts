/** Rows as read from the database: the documented columns under their own names, with JSON parsed. */
import type { CaptureNote } from '../capture/capture-info.ts';
import type { ContextEvidence, EvidenceOf, LossEvidence, Rule } from '../detect/evidence.ts';
import type { Confidence, Severity } from '../detect/finding.ts';

const RUN_STATUSES = ['running', 'done', 'damaged', 'failed', 'interrupted'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export interface RunRow {
  id: number;
  started_ns: bigint;
  /** Null during the run, and for good if it was killed. */
  finished_ns: bigint | null;
  version: string;
  command: string;
  options: Record<string, unknown>;
  status: RunStatus;
}

export interface CaptureRow {
  id: number;
  run_id: number;
  source: string;
  format: string;
  link_types: number[];
  first_ns: bigint | null;
  last_ns: bigint | null;
  frames: number;
  bytes: number;
  note: CaptureNote[];
}

export interface PacketRow {
  finding_id: string;
  run_id: number;
  /** From 1 on, in the order in which the finding lists its packets. */
  ordinal: number;
  capture_id: number;
  frame: number;
  ts_ns: bigint;
  from_client: 0 | 1;
  flags: string;
  seq: number;
  ack: number;
  tsval: number | null;
  tsecr: number | null;
  length: number;
  note: string;
}

interface Columns {
  id: string;
  run_id: number;
  severity: Severity;
  confidence: Confidence;
  title: string;
  first_ns: bigint;
  last_ns: bigint;
  client: string;
  client_port: number;
  server: string;
  server_port: number;
  packets: PacketRow[];
}

/** A finding of one of the rules `R`. */
export type FindingOf<R extends Rule> = {
  [K in R]: Columns & { rule: K; evidence: EvidenceOf[K] & ContextEvidence & LossEvidence };
}[R];

/**
 * A finding of any rule. If another version wrote it, this one may not have the rule: whatever is chosen by a rule has to
 * ask `isRule` first, as report/by-rule.ts does.
 */
export type FindingRow = FindingOf<Rule>;
