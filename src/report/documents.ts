/**
 * The rows of the database as JSON documents: the same names, times as RFC 3339 in UTC with nanoseconds. All
 * machine-readable outputs have this form; SCHEMA_VERSION is its version.
 */
import { rfc3339 } from '../base/time.ts';
import type { CaptureRow, FindingRow, PacketRow, RunRow } from '../store/rows.ts';

/** Raised when a name is removed or changes its meaning; new names do not raise it. */
export const SCHEMA_VERSION = 1;

const time = (ns: bigint | null): string | null => (ns === null ? null : rfc3339(ns));

export const runDocument = (run: RunRow) => ({
  ...run,
  started_ns: rfc3339(run.started_ns),
  finished_ns: time(run.finished_ns),
});

export const captureDocument = (capture: CaptureRow) => ({
  ...capture,
  first_ns: time(capture.first_ns),
  last_ns: time(capture.last_ns),
});

const packetDocument = (packet: PacketRow) => ({ ...packet, ts_ns: rfc3339(packet.ts_ns) });

export const findingDocument = (finding: FindingRow) => ({
  ...finding,
  first_ns: rfc3339(finding.first_ns),
  last_ns: rfc3339(finding.last_ns),
  packets: finding.packets.map(packetDocument),
});
