/** Writes flows, which are stored only with --flows. */
import type { FlowRow } from '../../flow/flow-row.ts';
import type { Database } from '../database.ts';
import { Insert, instant, tuples } from './insert.ts';

const ROWS = 20;
const BOUND = 16;

const COLUMNS = `run_id, capture_id, client, client_port, server, server_port, scope, first_ns, last_ns,
  client_packets, server_packets, client_bytes, server_bytes, conn_state, history, close, community_id`;

export function flowInsert(db: Database, run: number, origin: number, captureIds: readonly number[]): Insert<FlowRow> {
  const at = instant(origin);
  const tuple = `(${run}, ?, ?, ?, ?, ?, ?, ${at}, ${at}, ?, ?, ?, ?, ?, ?, ?, ?)`;
  const sql = (rows: number) => `INSERT INTO flow (${COLUMNS}) VALUES ${tuples(tuple, rows)}`;
  return new Insert(db, BOUND, ROWS, sql, (values, from, flow) => {
    values[from] = captureIds[flow.capture];
    values[from + 1] = flow.client;
    values[from + 2] = flow.clientPort;
    values[from + 3] = flow.server;
    values[from + 4] = flow.serverPort;
    values[from + 5] = flow.scope;
    values[from + 6] = flow.firstAt;
    values[from + 7] = flow.lastAt;
    values[from + 8] = flow.clientPackets;
    values[from + 9] = flow.serverPackets;
    values[from + 10] = flow.clientBytes;
    values[from + 11] = flow.serverBytes;
    values[from + 12] = flow.connState;
    values[from + 13] = flow.history;
    values[from + 14] = flow.close;
    values[from + 15] = flow.communityId;
  });
}
