/** Writes everything about a run except its findings: the run itself, its captures, its tally. */
import type { CaptureInfo } from '../../capture/capture-info.ts';
import type { Tally } from '../../shard/tally.ts';
import type { Database } from '../database.ts';
import type { Bounds } from '../retention.ts';
import type { RunStatus } from '../rows.ts';

export interface NewRun {
  startedNs: bigint;
  version: string;
  command: string;
  options: Readonly<Record<string, unknown>>;
  /** Whole seconds since the epoch, from which the instants of the run count (base/time.ts). */
  origin: number;
  captures: readonly CaptureInfo[];
  /** Limits on age and size, applied during the run by removing the oldest rows. */
  bounds?: Bounds;
}

export function insertRun(db: Database, { startedNs, version, command, options }: NewRun): number {
  const sql = `INSERT INTO run (started_ns, version, command, options, status) VALUES (?, ?, ?, ?, 'running')`;
  return Number(db.prepare(sql).run(startedNs, version, command, JSON.stringify(options)).lastInsertRowid);
}

export function updateRun(db: Database, run: number, status: RunStatus, finishedNs: bigint): void {
  db.prepare('UPDATE run SET status = ?, finished_ns = ? WHERE id = ?').run(status, finishedNs, run);
}

/** Inserts the rows of the captures and returns their ids, which are consecutive: it is one transaction. */
export function insertCaptures(db: Database, run: number, captures: readonly CaptureInfo[]): number[] {
  const insert = db.prepare(`
    INSERT INTO capture (run_id, source, format, link_types, first_ns, last_ns, frames, bytes, note)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  return captures.map(c => Number(insert.run(run, c.source, ...changing(c)).lastInsertRowid));
}

/** Returns a function that updates the rows `ids` from the current state of `captures`. */
export function captureUpdate(db: Database, ids: readonly number[], captures: readonly CaptureInfo[]): () => void {
  const update = db.prepare(`
    UPDATE capture SET format = ?, link_types = ?, first_ns = ?, last_ns = ?, frames = ?, bytes = ?, note = ?
    WHERE id = ?`);
  return () => {
    for (const [i, id] of ids.entries()) update.run(...changing(captures[i]), id);
  };
}

const changing = (c: CaptureInfo): unknown[] => [
  c.format,
  JSON.stringify(c.linkTypes),
  c.firstNs,
  c.lastNs,
  c.frames,
  c.bytes,
  JSON.stringify(c.notes),
];

export function insertTally(db: Database, run: number, tally: Readonly<Tally>): void {
  const insert = db.prepare('INSERT INTO tally (run_id, name, count) VALUES (?, ?, ?)');
  for (const name of Object.keys(tally).sort()) insert.run(run, name, tally[name]);
}
