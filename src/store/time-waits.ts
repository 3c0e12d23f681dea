/**
 * Writes TIME_WAIT intervals straight from their typed columns. A healthy capture has one for each connection, so
 * this is the hot loop of the store: 1.2 µs a row, half of it for the seven values that are bound.
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

const ROWS = 40;
const BOUND = 7;
/** Of the last word of a row, what the statement itself says: the capture, and how the interval ended. */
const ENDING = 7 << 1;
const STATED = (-1 << TIME_WAIT_CAPTURE_SHIFT) | ENDING;

/** Statements kept: all endings of a few captures. */
const MAX_STATEMENTS = 32;

/** Addresses repeat: a server's is in every row. Emptied when full, which costs one pass of formatting. */
const MAX_CACHED = 65_536;

/** Rows of the run's captures: the ids follow each other, capture 0 has `firstCapture`. */
export function timeWaitInsert(
  db: Database,
  run: number,
  origin: number,
  firstCapture: number,
): (rows: TimeWaitRows) => void {
  const sql = (stated: number) => (rows: number) => {
    const capture = firstCapture + (stated >>> TIME_WAIT_CAPTURE_SHIFT);
    const ending = ENDINGS[(stated & ENDING) >> 1];
    const times = new Array(TIME_WAIT_TIMES).fill(instant(origin)).join(', ');
    return `
      INSERT INTO time_wait
        (run_id, capture_id, owner, owner_port, peer, peer_port, entered_ns, start_ns, end_ns, ended_by)
      VALUES ${tuples(`(${run}, ${capture}, ?, ?, ?, ?, ${times}, '${ending}')`, rows)}`;
  };

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
  const bind = (values: unknown[], from: number, row: number): void => {
    const at = row * TIME_WAIT_WORDS;
    const isIPv6 = (words[at + 9] & 1) === 1;
    values[from] = address(words, at, isIPv6);
    values[from + 1] = words[at + 8] >>> 16;
    values[from + 2] = address(words, at + 4, isIPv6);
    values[from + 3] = words[at + 8] & 0xffff;
    for (let i = 0; i < TIME_WAIT_TIMES; i++) values[from + 4 + i] = times[row * TIME_WAIT_TIMES + i];
  };

  const inserts = new Map<number, Insert<number>>();
  const insertOf = (stated: number): Insert<number> => {
    let insert = inserts.get(stated);
    if (insert === undefined) {
      if (inserts.size >= MAX_STATEMENTS) inserts.clear();
      inserts.set(stated, (insert = new Insert<number>(db, BOUND, ROWS, sql(stated), bind)));
    }
    return insert;
  };
  return rows => {
    ({ times, words } = rows);
    const alike = new Map<number, number[]>();
    for (let row = 0; row < rows.count; row++) {
      const stated = words[row * TIME_WAIT_WORDS + 9] & STATED;
      const members = alike.get(stated);
      if (members === undefined) alike.set(stated, [row]);
      else members.push(row);
    }
    for (const [stated, members] of alike) insertOf(stated).run(members.length, i => members[i]);
  };
}
