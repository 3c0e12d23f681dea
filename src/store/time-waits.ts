/**
 * Writes TIME_WAIT intervals straight from their typed columns. A healthy capture has one for each connection, so
 * this is the hot loop of the store: 1.5 µs a row, of which six bound values are most.
 */
import { formatIPv4, formatIPv6 } from '../base/address.ts';
import {
  ENDINGS,
  TIME_WAIT_CAPTURE_SHIFT,
  TIME_WAIT_TIMES,
  TIME_WAIT_WORDS,
  type TimeWaitRows,
} from '../flow/output.ts';
import type { Database } from './database.ts';
import { Insert, instant, tuples } from './insert.ts';

const ROWS = 50;
const BOUND = 6;

/** Addresses repeat: a server's is in every row. Emptied when full, which costs one pass of formatting. */
const MAX_CACHED = 65_536;

// Ports, ending and capture share one bound number, taken apart by SQL: 16 + 16 + 3 bits, the rest is the capture.
const ENDING_BITS = 3;
const PEER_PORT_SHIFT = ENDING_BITS;
const OWNER_PORT_SHIFT = PEER_PORT_SHIFT + 16;
const CAPTURE_SHIFT = OWNER_PORT_SHIFT + 16;

/** Rows of the run's captures: the ids follow each other, capture 0 has `firstCapture`. */
export function timeWaitInsert(
  db: Database,
  run: number,
  origin: number,
  firstCapture: number,
): (rows: TimeWaitRows) => void {
  const endings = ENDINGS.map((name, code) => `WHEN ${code} THEN '${name}'`).join(' ');
  const sql = (rows: number) => `
    WITH bound (owner, peer, packed, entered, start, stop) AS (VALUES ${tuples('(?, ?, ?, ?, ?, ?)', rows)}),
    row AS (SELECT owner, peer, CAST(packed AS INTEGER) AS packed, entered, start, stop FROM bound)
    INSERT INTO time_wait
      (run_id, capture_id, owner, owner_port, peer, peer_port, entered_ns, start_ns, end_ns, ended_by)
    SELECT ${run}, ${firstCapture} + (packed >> ${CAPTURE_SHIFT}),
      owner, (packed >> ${OWNER_PORT_SHIFT}) & 65535, peer, (packed >> ${PEER_PORT_SHIFT}) & 65535,
      ${instant(origin, 'entered')}, ${instant(origin, 'start')}, ${instant(origin, 'stop')},
      CASE packed & ${(1 << ENDING_BITS) - 1} ${endings} END
    FROM row`;

  const texts = new Map<number, string>();
  const address = (words: Int32Array, at: number, isIPv6: boolean): string => {
    if (isIPv6) return formatIPv6(words[at], words[at + 1], words[at + 2], words[at + 3]);
    let text = texts.get(words[at]);
    if (text === undefined) {
      if (texts.size >= MAX_CACHED) texts.clear();
      texts.set(words[at], (text = formatIPv4(words[at])));
    }
    return text;
  };

  let times: Float64Array = new Float64Array();
  let words: Int32Array = new Int32Array();
  const insert = new Insert<number>(db, BOUND, ROWS, sql, (values, from, row) => {
    const at = row * TIME_WAIT_WORDS;
    const info = words[at + 9];
    const isIPv6 = (info & 1) === 1;
    values[from] = address(words, at, isIPv6);
    values[from + 1] = address(words, at + 4, isIPv6);
    values[from + 2] =
      (info >>> TIME_WAIT_CAPTURE_SHIFT) * 2 ** CAPTURE_SHIFT +
      (words[at + 8] >>> 0) * 2 ** PEER_PORT_SHIFT +
      ((info >>> 1) & 7);
    values[from + 3] = times[row * TIME_WAIT_TIMES];
    values[from + 4] = times[row * TIME_WAIT_TIMES + 1];
    values[from + 5] = times[row * TIME_WAIT_TIMES + 2];
  });
  return rows => {
    ({ times, words } = rows);
    insert.run(rows.count, row => row);
  };
}
