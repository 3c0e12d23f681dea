/**
 * Writes TIME_WAIT intervals directly from their typed columns. A healthy capture has one for each connection, so this
 * is the hot loop of the store: 0.5 µs per row in the addon (native/time-waits.c), 1.0 µs in TypeScript where there is
 * no addon, half of it for binding values.
 */
import { formatIPv4, formatIPv6 } from '../../base/address.ts';
import {
  ENDINGS,
  TIME_WAIT_CAPTURE_SHIFT,
  TIME_WAIT_TIMES,
  TIME_WAIT_WORDS,
  type TimeWaitRows,
} from '../../flow/time-wait-rows.ts';
import type { Database } from '../database.ts';
import { loadAddon } from './extension.ts';
import { Insert, instant, tuples } from './insert.ts';

const INTO = `
  INSERT INTO time_wait
    (run_id, capture_id, owner, owner_port, peer, peer_port, entered_ns, start_ns, end_ns, ended_by)`;

const ROWS = 40;
const BOUND = 9;

/**
 * Most IPv4 addresses whose text is cached, as a server's address is in every row. A full cache is emptied, which costs
 * formatting each address once more.
 */
const MAX_CACHED = 65_536;

/** Returns a function that stores rows. The ids of the captures are consecutive: capture 0 has `firstCapture`. */
export type TimeWaitInsert = (
  db: Database,
  run: number,
  origin: number,
  firstCapture: number,
) => (rows: TimeWaitRows) => void;

export const timeWaitInsert: TimeWaitInsert = (db, ...run) =>
  (loadAddon(db) ? insertByAddon : insertByStatements)(db, ...run);

/** Stores all rows with one statement, which reads the columns itself. */
export const insertByAddon: TimeWaitInsert = (db, run, origin, firstCapture) => {
  const epoch = BigInt(origin) * 1_000_000_000n;
  const insert = db.prepare(`${INTO}
    SELECT ${run}, ${firstCapture} + capture, owner, owner_port, peer, peer_port,
      ${epoch} + entered, ${epoch} + started, ${epoch} + ended, ended_by
    FROM pawscope_time_waits(?, ?)`);
  return ({ times, words }) => {
    insert.run(times, words);
  };
};

export const insertByStatements: TimeWaitInsert = (db, run, origin, firstCapture) => {
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
    const info = words[at + 9];
    const isIPv6 = (info & 1) === 1;
    values[from] = firstCapture + (info >>> TIME_WAIT_CAPTURE_SHIFT);
    values[from + 1] = address(words, at, isIPv6);
    values[from + 2] = words[at + 8] >>> 16;
    values[from + 3] = address(words, at + 4, isIPv6);
    values[from + 4] = words[at + 8] & 0xffff;
    for (let i = 0; i < TIME_WAIT_TIMES; i++) values[from + 5 + i] = times[row * TIME_WAIT_TIMES + i];
    values[from + 8] = ENDINGS[(info >> 1) & 7];
  };
  const instants = new Array(TIME_WAIT_TIMES).fill(instant(origin)).join(', ');
  const sql = (rows: number): string => `${INTO} VALUES ${tuples(`(${run}, ?, ?, ?, ?, ?, ${instants}, ?)`, rows)}`;
  const insert = new Insert<number>(db, BOUND, ROWS, sql, bind);
  return rows => {
    ({ times, words } = rows);
    insert.run(rows.count, row => row);
  };
};
