/** Writes findings in the order in which they come, which is the order in which they are read again. */
import { SECOND } from '../base/time.ts';
import type { Finding, FindingPacket } from '../detect/finding.ts';
import type { Database } from './database.ts';
import { Insert, instant, tuples } from './insert.ts';

const ROWS = 20;

const COLUMNS = `id, run_id, rule, severity, confidence, title, first_ns, last_ns,
  client, client_port, server, server_port, evidence, packets`;
const BOUND = 13;
/** All that is not its identity. */
const REVISED = COLUMNS.split(',')
  .map(column => column.trim())
  .filter(column => column !== 'id' && column !== 'run_id')
  .map(column => `${column} = excluded.${column}`)
  .join(', ');

/** `captureIds[i]` is the row of the run's capture i. `again`: for findings that are there and now say something else. */
export function findingInsert(
  db: Database,
  run: number,
  origin: number,
  captureIds: readonly number[],
  again = false,
): Insert<Finding> {
  const at = instant(origin);
  const tuple = `(?, ${run}, ?, ?, ?, ?, ${at}, ${at}, ?, ?, ?, ?, ?, ?)`;
  // One event has one id. Should it be told twice (a capture given under two names), the first telling stays.
  const known = again ? `DO UPDATE SET ${REVISED}` : 'DO NOTHING';
  const sql = (rows: number) =>
    `INSERT INTO finding (${COLUMNS}) VALUES ${tuples(tuple, rows)} ON CONFLICT (run_id, id) ${known}`;
  return new Insert(db, BOUND, ROWS, sql, (values, from, finding) => {
    values[from] = finding.id;
    values[from + 1] = finding.rule;
    values[from + 2] = finding.severity;
    values[from + 3] = finding.confidence;
    values[from + 4] = finding.title;
    values[from + 5] = finding.firstAt;
    values[from + 6] = finding.lastAt;
    values[from + 7] = finding.client;
    values[from + 8] = finding.clientPort;
    values[from + 9] = finding.server;
    values[from + 10] = finding.serverPort;
    values[from + 11] = JSON.stringify(finding.evidence);
    values[from + 12] = packetsJson(finding.packets, origin, captureIds);
  });
}

/**
 * The array that the view finding_packet takes apart. Time is two numbers, because nanoseconds since the epoch do not
 * survive JSON.parse.
 */
function packetsJson(packets: readonly FindingPacket[], origin: number, captureIds: readonly number[]): string {
  return JSON.stringify(
    packets.map(p => {
      const at = Math.round(p.at);
      const s = Math.floor(at / SECOND);
      return [
        captureIds[p.capture],
        p.frame,
        origin + s,
        at - s * SECOND,
        p.fromClient ? 1 : 0,
        p.flags,
        p.seq,
        p.ack,
        p.tsval,
        p.tsecr,
        p.length,
        p.note,
      ];
    }),
  );
}
