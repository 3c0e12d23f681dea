/**
 * Reads the database: rows in the order in which they were stored, findings one at a time, so that memory stays
 * bounded.
 */

import type { CaptureNote } from '../capture/capture-info.ts';
import { SEVERITIES, type Severity } from '../detect/finding.ts';
import type { Tally } from '../shard/tally.ts';
import type { Database } from './database.ts';
import { parsed } from './json.ts';
import type { CaptureRow, FindingRow, PacketRow, RunRow, RunStatus } from './rows.ts';
import { keepReachable } from './sqlite.ts';

/** Selects findings; all given conditions must hold. */
export interface FindingFilter {
  runs?: readonly number[];
  rules?: readonly string[];
  /** This severity or a worse one. */
  severity?: Severity;
  /** Stored after this row; rows are numbered in the order in which they are stored. */
  afterRow?: number;
  /** Excluded ids. */
  notIds?: readonly string[];
  /** This severity and no other. */
  only?: Severity;
  client?: string;
  server?: string;
  /** Findings with a packet in [sinceNs, untilNs], or packets on both sides of it. */
  sinceNs?: bigint;
  untilNs?: bigint;
  limit?: number;
}

/** A row as SQLite returns it, with integers as BigInt. */
type RawRow = Record<string, bigint | string | null>;

/** Every run, oldest first. */
export function readRuns(db: Database): RunRow[] {
  return raw(db, 'SELECT * FROM run ORDER BY id').map(row => ({
    id: Number(row.id),
    started_ns: row.started_ns as bigint,
    finished_ns: row.finished_ns as bigint | null,
    version: row.version as string,
    command: row.command as string,
    options: parsed<Record<string, unknown>>(row.options as string),
    status: row.status as RunStatus,
  }));
}

export function readCaptures(db: Database, runs: readonly number[]): CaptureRow[] {
  const sql = 'SELECT * FROM capture WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY id';
  return raw(db, sql, JSON.stringify(runs)).map(row => ({
    id: Number(row.id),
    run_id: Number(row.run_id),
    source: row.source as string,
    format: row.format as string,
    link_types: parsed<number[]>(row.link_types as string),
    first_ns: row.first_ns as bigint | null,
    last_ns: row.last_ns as bigint | null,
    frames: Number(row.frames),
    bytes: Number(row.bytes),
    note: parsed<CaptureNote[]>(row.note as string),
  }));
}

/** The tally, summed over the runs. */
export function readTally(db: Database, runs: readonly number[]): Tally {
  const sql = `SELECT name, sum(count) AS count FROM tally WHERE run_id IN (SELECT value FROM json_each(?))
    GROUP BY name ORDER BY name`;
  const tally: Tally = {};
  for (const row of raw(db, sql, JSON.stringify(runs))) tally[row.name as string] = Number(row.count);
  return tally;
}

/** The findings that meet the filter. During the iteration the connection can do nothing else. */
export function* readFindings(db: Database, filter: FindingFilter): Generator<FindingRow> {
  const { where, values } = conditions(filter);
  const sql = `SELECT * FROM finding WHERE ${where} ORDER BY rowid LIMIT ?`;
  const statement = db.prepare(sql).safeIntegers();
  for (const row of keepReachable(statement.iterate(...values, filter.limit ?? -1))) yield findingRow(row as RawRow);
}

/**
 * Returns a function that reads at most `limit` findings after row `afterRow` that meet the filter, with the rowid of
 * the last one. It is meant to be called repeatedly.
 */
export function findingReader(
  db: Database,
  filter: FindingFilter,
): (afterRow: number, limit: number) => { findings: FindingRow[]; last: number | undefined } {
  const { where, values } = conditions({ ...filter, afterRow: 0 });
  const place = values.lastIndexOf(0);
  // One statement and no iterators: sqlite.ts keeps each of these until the process ends.
  const statement = db
    .prepare(`SELECT rowid AS row, * FROM finding WHERE ${where} ORDER BY rowid LIMIT ?`)
    .safeIntegers();
  return (afterRow, limit) => {
    values[place] = afterRow;
    const rows = statement.all(...values, limit) as RawRow[];
    const last = rows.at(-1)?.row as bigint | undefined;
    return { findings: rows.map(findingRow), last: last === undefined ? undefined : Number(last) };
  };
}

export function countFindings(db: Database, filter: FindingFilter): number {
  const { where, values } = conditions(filter);
  return db
    .prepare(`SELECT count(*) FROM finding WHERE ${where}`)
    .pluck()
    .get(...values) as number;
}

/**
 * The findings whose id begins with `prefix`, oldest run first. If `prefix` is a whole id, there is at most one per
 * run.
 */
export function readFindingsById(db: Database, prefix: string): FindingRow[] {
  const sql = 'SELECT * FROM finding WHERE substr(id, 1, ?) = ? ORDER BY run_id, rowid';
  return raw(db, sql, prefix.length, prefix).map(findingRow);
}

export function readFindingAt(db: Database, rowid: number): FindingRow {
  return findingRow(db.prepare('SELECT * FROM finding WHERE rowid = ?').safeIntegers().get(rowid) as RawRow);
}

/** The ids of the findings of all runs. */
export const readIds = (db: Database): string[] =>
  db.prepare('SELECT DISTINCT id FROM finding').pluck().all() as string[];

/** The rules that have findings. */
export const readRules = (db: Database): string[] =>
  db.prepare('SELECT DISTINCT rule FROM finding ORDER BY rule').pluck().all() as string[];

function findingRow(row: RawRow): FindingRow {
  const id = row.id as string;
  const run_id = Number(row.run_id);
  return {
    id,
    run_id,
    rule: row.rule as FindingRow['rule'],
    severity: row.severity as FindingRow['severity'],
    confidence: row.confidence as FindingRow['confidence'],
    title: row.title as string,
    first_ns: row.first_ns as bigint,
    last_ns: row.last_ns as bigint,
    client: row.client as string,
    client_port: Number(row.client_port),
    server: row.server as string,
    server_port: Number(row.server_port),
    evidence: parsed(row.evidence as string),
    packets: parsed<PacketArray[]>(row.packets as string).map((packet, i) => packetRow(packet, id, run_id, i + 1)),
  } as FindingRow;
}

/** The columns in the order of view finding_packet (migrations.ts). */
type PacketArray = [
  number,
  number,
  number,
  number,
  0 | 1,
  string,
  number,
  number,
  number | null,
  number | null,
  number,
  string,
];

function packetRow(packet: PacketArray, finding_id: string, run_id: number, ordinal: number): PacketRow {
  const [capture_id, frame, s, ns, from_client, flags, seq, ack, tsval, tsecr, length, note] = packet;
  const ts_ns = BigInt(s) * 1_000_000_000n + BigInt(ns);
  return {
    finding_id,
    run_id,
    ordinal,
    capture_id,
    frame,
    ts_ns,
    from_client,
    flags,
    seq,
    ack,
    tsval,
    tsecr,
    length,
    note,
  };
}

/** The SQL condition and the values to bind. `IN (SELECT value FROM json_each(?))` binds a list as one value. */
export function conditions(filter: FindingFilter): { where: string; values: unknown[] } {
  const worse = filter.severity && SEVERITIES.slice(SEVERITIES.indexOf(filter.severity));
  const all: readonly (readonly [sql: string, value: unknown])[] = [
    ['run_id IN (SELECT value FROM json_each(?))', filter.runs && JSON.stringify(filter.runs)],
    ['rule IN (SELECT value FROM json_each(?))', filter.rules && JSON.stringify(filter.rules)],
    ['severity IN (SELECT value FROM json_each(?))', worse && JSON.stringify(worse)],
    ['id NOT IN (SELECT value FROM json_each(?))', filter.notIds && JSON.stringify(filter.notIds)],
    ['severity = ?', filter.only],
    ['rowid > ?', filter.afterRow],
    ['client = ?', filter.client],
    ['server = ?', filter.server],
    ['last_ns >= ?', filter.sinceNs],
    ['first_ns <= ?', filter.untilNs],
  ];
  const given = all.filter(([, value]) => value !== undefined);
  return { where: given.map(([sql]) => sql).join(' AND ') || 'true', values: given.map(([, value]) => value) };
}

const raw = (db: Database, sql: string, ...values: unknown[]): RawRow[] =>
  db
    .prepare(sql)
    .safeIntegers()
    .all(...values) as RawRow[];
