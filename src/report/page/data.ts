/**
 * The data for the script of the page: rows of all listed findings, and as many findings in full as there is room for.
 */
import { SEVERITIES } from '../../detect/finding.ts';
import { detailsOf, explainCommand, type FindingDetails } from '../incident/finding-details.ts';
import type { Incident } from '../incident/incident.ts';
import { causeWords } from '../incident/verdict.ts';
import { printable } from '../printable.ts';

/**
 * Id, index of the cause, index of the severity, milliseconds since `start`, client, its port, server, its port, title.
 */
export type Row = [string, number, number, number, string, number, string, number, string];

export interface PageData {
  severities: readonly string[];
  causes: { name: string; count: number; example: string }[];
  /** Milliseconds since the epoch. */
  start: number;
  /** By cause, worst first; within a cause in stored order. */
  rows: Row[];
  /** By id: those findings for which there is room. */
  details: Record<string, FindingDetails>;
  /** The command that shows a finding in a terminal; ID stands for its id. */
  command: string;
}

/** Limits in bytes, so that the whole file stays below three million whatever the run has. */
const ROOM_FOR_ROWS = 1_100_000;
const ROOM_FOR_DETAILS = 1_000_000;

export function pageData(incident: Incident): PageData {
  const { causes, captures, database, listed, span } = incident;
  const start = Number((span?.first ?? 0n) / 1_000_000n);
  const byCause = causes.map((_, i) => listed.filter(({ cause }) => cause === i));
  const rows: Row[] = [];
  let bytes = 0;
  for (const { finding, cause } of byCause.flat()) {
    const row: Row = [
      finding.id,
      cause,
      SEVERITIES.indexOf(finding.severity),
      Number(finding.first_ns / 1_000_000n) - start,
      finding.client,
      finding.client_port,
      finding.server,
      finding.server_port,
      printable(finding.title),
    ];
    const size = JSON.stringify(row).length + 1;
    // The worst finding of each cause is always included, as links point to it.
    if (bytes + size > ROOM_FOR_ROWS && finding.id !== causes[cause].worst.id) continue;
    bytes += size;
    rows.push(row);
  }
  return {
    severities: SEVERITIES,
    causes: causes.map(cause => ({
      name: `${cause.rule}${cause.cause === '' ? '' : `: ${causeWords(cause)}`}`,
      count: cause.count,
      example: cause.worst.id,
    })),
    start,
    rows,
    details: inFull(),
    command: explainCommand('ID', database),
  };

  /** The worst finding of each cause, then the first, second, … of all causes in turn, until the room is used up. */
  function inFull(): Record<string, FindingDetails> {
    const full: Record<string, FindingDetails> = {};
    let left = ROOM_FOR_DETAILS;
    const most = Math.max(0, ...byCause.map(group => group.length));
    for (let turn = -1; turn < most; turn++) {
      for (const [i, group] of byCause.entries()) {
        const finding = turn === -1 ? causes[i].worst : group[turn]?.finding;
        if (finding === undefined || full[finding.id] !== undefined) continue;
        const details = detailsOf(finding, captures, database);
        left -= JSON.stringify(details).length;
        if (left < 0) return full;
        full[finding.id] = details;
      }
    }
    return full;
  }
}
