import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StoreError } from '../../src/base/errors.ts';
import type { ClockRow } from '../../src/detect/clocks/clock-row.ts';
import type { Finding } from '../../src/detect/finding.ts';
import type { CurveSeries } from '../../src/shard/curve.ts';
import { openForReading } from '../../src/store/database.ts';
import { readCaptures, readFindings, readRuns, readTally } from '../../src/store/reader.ts';
import { Database } from '../../src/store/sqlite.ts';
import { type Deferred, Store } from '../../src/store/store.ts';
import {
  captureInfo,
  finding,
  findings,
  flow,
  folder,
  newRun,
  ORIGIN,
  packet,
  type TimeWaitSample,
  timeWaits,
} from '../build/store-sample.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const at = (ns: bigint): bigint => BigInt(ORIGIN) * 1_000_000_000n + ns;

test('what is stored together is stored in its order, and all of it or nothing', t => {
  const store = new Store(join(folder(t), 'x.db'), newRun());
  t.after(() => store.close());
  const [one, two, three] = findings(3);
  const add = (finding: Finding): Deferred => ({ rows: 1, store: () => store.findings([finding], true) });
  const fail: Deferred = {
    rows: 0,
    store() {
      throw new StoreError('the disk is full');
    },
  };
  const titles = (): string[] => [...readFindings(store.database, {})].map(({ title }) => title);
  store.together([add(one!), add(two!), { rows: 1, store: () => store.revise([], [one!.id]) }]);
  assert.deepEqual(titles(), [two!.title]);
  assert.throws(() => store.together([add(three!), fail]), StoreError);
  assert.deepEqual(titles(), [two!.title]);
});

test('a database that is bounded stays within its bound however much is stored together', t => {
  const path = join(folder(t), 'x.db');
  const maxBytes = 16_000_000;
  const store = new Store(path, newRun({ command: 'live', bounds: { maxBytes } }));
  t.after(() => store.close());
  const long = 'x'.repeat(1_000);
  const many = findings(30_000).map(one => ({ ...one, title: long }));
  for (let from = 0; from < many.length; from += 1_000) {
    const batches = [
      [0, 850],
      [850, 900],
      [900, 1_000],
    ].map(([a, b]) => many.slice(from + a!, from + b!));
    store.together(batches.map(batch => ({ rows: batch.length, store: () => store.findings(batch, true) })));
    assert.ok(statSync(path).size <= maxBytes, `${statSync(path).size} bytes after ${from + 1_000}`);
  }
});

test('a run comes back as it was stored, to the nanosecond', t => {
  const path = join(folder(t), 'x.db');
  const captures = [captureInfo({ frames: 0 })];
  const store = new Store(path, newRun({ captures }));
  const told = finding({
    firstAt: -1,
    lastAt: 8_640_000_000_000_001,
    packets: [
      packet({ at: -1, tsval: null, tsecr: null, seq: 4_294_967_295, note: 'says "\\\n\u2028' }),
      packet({ at: 8_640_000_000_000_001, note: '' }),
    ],
  });
  store.findings([told]);
  captures[0].frames = 77;
  captures[0].notes.push({ kind: 'truncated', text: 'ends in the middle of a record', offset: 912 });
  store.finish('damaged', 1_800_000_001_000_000_000n, { frames: 77, 'findings.port-reuse': 1 });
  store.close();

  const db = openForReading(path);
  const [run] = readRuns(db);
  assert.deepEqual(
    [run.status, run.started_ns, run.finished_ns, run.options],
    ['damaged', 1_800_000_000_000_000_000n, 1_800_000_001_000_000_000n, { time_wait: 60 }],
  );
  const [capture] = readCaptures(db, [run.id]);
  assert.deepEqual([capture.frames, capture.note[0].offset, capture.last_ns], [77, 912, at(90_000_000_001n)]);
  assert.deepEqual(readTally(db, [run.id]), { 'findings.port-reuse': 1, frames: 77 });
  const [row] = readFindings(db, {});
  assert.deepEqual([row.first_ns, row.last_ns], [at(-1n), at(8_640_000_000_000_001n)]);
  assert.deepEqual(row.evidence, told.evidence);
  assert.deepEqual(
    row.packets.map(p => [p.ordinal, p.ts_ns, p.seq, p.tsval, p.note]),
    [
      [1, at(-1n), 4_294_967_295, null, 'says "\\\n\u2028'],
      [2, at(8_640_000_000_000_001n), 100, 1000, ''],
    ],
  );
  // The view says the same as the reader.
  const view = db.prepare('SELECT * FROM finding_packet ORDER BY ordinal').safeIntegers().all() as Record<
    string,
    unknown
  >[];
  for (const [i, p] of view.entries()) {
    const plain = Object.fromEntries(
      Object.entries(p).map(([k, v]) => [k, typeof v === 'bigint' && k !== 'ts_ns' ? Number(v) : v]),
    );
    assert.deepEqual(plain, { ...row.packets[i] });
  }
  db.close();
});

test('findings of a live run keep the order in which they come, whatever the size of a batch', () => {
  for (const count of [0, 1, 19, 20, 21, 59, 60, 200]) {
    const store = new Store(':memory:', newRun({ command: 'live' }));
    const all = findings(count).reverse();
    store.findings(all);
    assert.deepEqual(
      [...readFindings(store.database, {})].map(f => f.id),
      all.map(f => f.id),
    );
    store.close();
  }
});

test('time-wait rows of both families, every ending and several captures come out of their columns', () => {
  const store = new Store(':memory:', newRun({ captures: [captureInfo(), captureInfo({ source: 'second.pcap' })] }));
  const v4 = { owner: [0xc0000201], peer: [0xffffffff], ownerPort: 65_535, peerPort: 443 };
  const v6 = { owner: [0x20010db8, 0, 0, 1], peer: [0x20010db8, 0, 0, 2], ownerPort: 80, peerPort: 40_000 };
  const times: [number, number, number] = [-5, 1, 60_000_000_001];
  const rows = [
    { ...v4, times, ending: 'timer', capture: 0 },
    { ...v6, times, ending: 'capture-end', capture: 1 },
    { ...v4, times, ending: 'rst', capture: 1 },
    { ...v4, times, ending: 'syn', capture: 0 },
    { ...v4, times, ending: 'reuse', capture: 0 },
  ] as const;
  // More than one statement's worth, and a rest.
  const many = Array.from({ length: 43 }, () => rows).flat();
  store.timeWaits(timeWaits(many.map(row => ({ ...row, owner: [...row.owner], peer: [...row.peer] }))));
  const grouped = store.database.prepare(
    'SELECT *, count(*) FROM time_wait GROUP BY ended_by, owner ORDER BY min(rowid)',
  );
  const read = grouped.safeIntegers().raw().all();
  const [first, second] = [1n, 2n];
  const instants = [at(-5n), at(1n), at(60_000_000_001n)];
  assert.deepEqual(read, [
    [1n, first, '192.0.2.1', 65_535n, '255.255.255.255', 443n, ...instants, 'timer', 43n],
    [1n, second, '2001:db8::1', 80n, '2001:db8::2', 40_000n, ...instants, 'capture-end', 43n],
    [1n, second, '192.0.2.1', 65_535n, '255.255.255.255', 443n, ...instants, 'rst', 43n],
    [1n, first, '192.0.2.1', 65_535n, '255.255.255.255', 443n, ...instants, 'syn', 43n],
    [1n, first, '192.0.2.1', 65_535n, '255.255.255.255', 443n, ...instants, 'reuse', 43n],
  ]);
  store.close();
});

test('flows are stored when they come', () => {
  const store = new Store(':memory:', newRun());
  store.flows([flow(), flow({ clientPort: 40_001, lastAt: 2e9 })]);
  const rows = store.database.prepare('SELECT client_port, last_ns, history FROM flow').safeIntegers().raw().all();
  assert.deepEqual(rows, [
    [40_000n, at(1_000_000_000n), 'ShADadFf'],
    [40_001n, at(2_000_000_000n), 'ShADadFf'],
  ]);
  store.close();
});

test('a second run is appended, with the same finding ids', t => {
  const path = join(folder(t), 'x.db');
  for (const _ of [1, 2]) {
    const store = new Store(path, newRun());
    store.findings(findings(3));
    store.finish('done', 0n, {});
    store.close();
  }
  const db = openForReading(path);
  assert.deepEqual(
    readRuns(db).map(r => [r.id, r.status]),
    [
      [1, 'done'],
      [2, 'done'],
    ],
  );
  const ids = (run: number): string[] => [...readFindings(db, { runs: [run] })].map(f => f.id);
  assert.equal(ids(1).length, 3);
  assert.deepEqual(ids(1), ids(2));
  db.close();
});

test('one event that is told twice is stored once', () => {
  const store = new Store(':memory:', newRun());
  store.findings([finding(), finding({ title: 'again' })]);
  store.findings([finding()]);
  assert.deepEqual(
    [...readFindings(store.database, {})].map(f => f.title),
    [finding().title],
  );
  store.close();
});

test('a verdict is revised in its row, is gone when it is taken back, and can be told again', () => {
  const store = new Store(':memory:', newRun({ command: 'live' }));
  const [first, second, third] = findings(3);
  store.findings([first!]);
  store.findings([second!], true);
  store.findings([third!]);
  const stored = (): string[][] => [...readFindings(store.database, {})].map(({ id, title }) => [id, title]);
  const told = (it: typeof first, title = it!.title): string[] => [it!.id, title];
  store.revise([{ ...second!, title: 'twice as many' }], []);
  assert.deepEqual(stored(), [told(first), told(second, 'twice as many'), told(third)]);
  store.revise([], [second!.id]);
  assert.deepEqual(stored(), [told(first), told(third)]);
  store.findings([second!, second!], true);
  assert.deepEqual(stored(), [told(first), told(third), told(second)]);
  store.database.exec('DELETE FROM finding WHERE rowid = last_insert_rowid()');
  store.findings([finding({ id: 'ff00000000000000', title: 'in its row' })]);
  store.revise([{ ...second!, title: 'three times' }], []);
  assert.deepEqual(stored().slice(2), [['ff00000000000000', 'in its row'], told(second, 'three times')]);
  store.close();
});

test('what is told again takes the place of its row behind all others, until it is settled', () => {
  const store = new Store(':memory:', newRun({ command: 'live' }));
  const [first, second] = findings(2);
  const stored = (): string[] => [...readFindings(store.database, {})].map(({ title }) => title);
  const say = (title: string): number => store.findings([{ ...first!, title }], true);
  assert.equal(store.findings([first!, second!], true), 2);
  assert.equal(say('and now'), 0, 'no more than before');
  assert.deepEqual(stored(), [second!.title, 'and now']);
  store.settled([first!.id]);
  assert.equal(say('the same event under another name'), 0);
  assert.equal(store.revise([], [first!.id, second!.id]), 1, 'only what was still to be revised');
  assert.deepEqual(stored(), ['and now']);
  store.close();
});

test('a full disk is one sentence, and what had been committed stays', t => {
  const path = join(folder(t), 'x.db');
  const store = new Store(path, newRun());
  store.findings(findings(20));
  // SQLite's own limit gives the error that a full disk gives.
  store.database.pragma('max_page_count = 40');
  const more = findings(2000, { title: 'x'.repeat(500) }).map((f, i) => ({ ...f, id: `more${i}` }));
  assert.throws(
    () => store.findings(more),
    (error: unknown) => error instanceof StoreError && /x\.db: the disk is full; free some space/.test(error.message),
  );
  store.fail(5n);
  store.close();
  const db = openForReading(path);
  assert.equal(readRuns(db)[0].status, 'failed');
  assert.equal([...readFindings(db, {})].length, 20);
  db.close();
});

test('a program that holds the database is waited for by the first step of a failed run, and by no other', t => {
  const path = join(folder(t), 'x.db');
  const store = new Store(path, newRun());
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  store.database.exec('PRAGMA busy_timeout = 20');
  store.fail(5n);
  assert.equal(store.database.pragma('busy_timeout'), 0);
  assert.equal(store.close(), 'in-use');
  other.exec('ROLLBACK');
  other.close();
  const db = openForReading(path);
  t.after(() => db.close());
  assert.equal(readRuns(db)[0].status, 'running', 'as after a kill');
});

test('a run that is killed leaves a database that opens and shows what had been committed', t => {
  const path = join(folder(t), 'x.db');
  const script = `
    import { Store } from ${JSON.stringify(new URL('../../src/store/store.js', import.meta.url).href)};
    import { findings, newRun } from ${JSON.stringify(new URL('../build/store-sample.js', import.meta.url).href)};
    const store = new Store(${JSON.stringify(path)}, newRun());
    store.findings(findings(500));
    store.database.exec('BEGIN'); // the next batch is under way
    store.database.exec("UPDATE finding SET title = 'half-written'");
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(child.signal, 'SIGKILL', child.stderr);
  const db = openForReading(path);
  assert.equal(readRuns(db)[0].status, 'running');
  const titles = new Set([...readFindings(db, {})].map(f => f.title));
  assert.deepEqual([...titles], [finding().title]);
  db.close();
  // The next run recovers what the killed one left behind.
  const store = new Store(path, newRun());
  store.findings(findings(1));
  store.finish('done', 0n, {});
  store.close();
  const after = openForReading(path);
  assert.deepEqual([...readFindings(after, {})].length, 501);
  after.close();
});

test('the curve of TIME_WAITs comes back by second, and sums up over the peers of a host', () => {
  const store = new Store(':memory:', newRun());
  const series = (peer: string, seconds: number[], open: number[]) => ({
    owner: '192.0.2.10',
    peer,
    peerPort: 80,
    seconds,
    open,
    hidden: { seconds: [], count: [] },
  });
  store.curve([series('198.51.100.80', [-1, 2, 61], [3, 5, 0]), series('198.51.100.81', [1, 61], [1, 0])]);
  const rows = store.database
    .prepare('SELECT bucket_ns, peer, open FROM time_wait_curve WHERE run_id = ? AND owner = ?')
    .safeIntegers()
    .raw()
    .all(store.runId, '192.0.2.10');
  assert.deepEqual(rows[0], [at(-1_000_000_000n), '198.51.100.80', 3n]);
  assert.equal(rows.length, 5);
  const sql = /```sql\n(WITH.*?)```/s.exec(readFileSync(join(ROOT, 'docs/time-wait-curve.md'), 'utf8'))![1];
  const sums = store.database.prepare(sql).raw().all() as [string, number, number][];
  assert.deepEqual(
    sums.map(([, bucket, open]) => [bucket / 1e9 - ORIGIN, open]),
    [
      [-1, 3],
      [1, 4],
      [2, 6],
      [61, 0],
    ],
  );
  store.close();
});

test('the band of TIME_WAITs that the documentation asks for has those that ran out late, and what a NAT may hide', () => {
  const store = new Store(':memory:', newRun());
  const row = { owner: [0xc6336450 | 0], peer: [0x0a000001], ownerPort: 40_000, peerPort: 80, capture: 0 };
  const lasts = (from: number, to: number, ending: 'timer' | 'reuse'): TimeWaitSample => ({
    ...row,
    times: [from * 1e9, from * 1e9, to * 1e9],
    ending,
  });
  store.timeWaits(timeWaits([lasts(1, 61, 'timer'), lasts(2, 9, 'reuse'), lasts(9, 69, 'timer')]));
  const series = { owner: '198.51.100.80', peer: '10.0.0.1', seconds: [], open: [] };
  store.curve([
    { ...series, peerPort: 80, hidden: { seconds: [9, 67], count: [1, 0] } },
    { ...series, peerPort: 81, hidden: { seconds: [20, 21, 90], count: [5, 4, 0] } },
  ]);
  const sql = /```sql\n(SELECT\n.*?)```/s.exec(readFileSync(join(ROOT, 'docs/time-wait-curve.md'), 'utf8'))![1];
  const band = store.database.prepare(sql).raw();
  const bands = [5, 15, 30, 63, 80].map(second => band.get({ at: BigInt(ORIGIN + second) * 10n ** 9n }));
  assert.deepEqual(bands, [
    [2, 2],
    [2, 3],
    [2, 7],
    [1, 7],
    [0, 4],
  ]);
  store.close();
});

test('a curve that is written while a run goes on is the same in the end, whatever retention has taken of it', () => {
  const steps = (seconds: number[], open: number[]) => ({ seconds, open, hidden: { seconds, count: open } });
  const series = (owner: string, seconds: number[], open: number[]): CurveSeries => ({
    owner,
    peer: '198.51.100.80',
    peerPort: 80,
    ...steps(seconds, open),
  });
  for (const bounds of [undefined, { maxBytes: 16e6 }]) {
    const store = new Store(':memory:', { ...newRun(), ...(bounds && { bounds }) });
    const rows = (table: string): unknown[] =>
      store.database
        .prepare(`SELECT owner, bucket_ns / 1000000000 - ${ORIGIN}, * FROM ${table} ORDER BY owner, bucket_ns`)
        .raw()
        .all()
        .map(row => (row as unknown[]).filter((_, i) => i < 2 || i === 7));
    store.curveSoFar([series('192.0.2.1', [1, 2, 3], [1, 2, 1]), series('192.0.2.9', [5], [1])]);
    const kept = store.database.prepare('SELECT rowid FROM time_wait_curve ORDER BY rowid').pluck().all();
    store.curveSoFar([series('192.0.2.1', [1, 2, 3, 4], [1, 2, 2, 0]), series('192.0.2.2', [4], [7])]);
    const expected = [1, 2, 2, 0].map((open, i) => ['192.0.2.1', i + 1, open]).concat([['192.0.2.2', 4, 7]]);
    assert.deepEqual(rows('time_wait_curve'), expected);
    assert.deepEqual(rows('time_wait_hidden'), expected);
    const now = store.database.prepare('SELECT rowid FROM time_wait_curve ORDER BY rowid').pluck().all();
    assert.deepEqual(now.slice(0, 2), kept.slice(0, 2), 'what is still so has not been written again');
    store.database.exec(`DELETE FROM time_wait_curve WHERE bucket_ns < ${ORIGIN + 2} * 1000000000`);
    store.curve([series('192.0.2.1', [1, 2, 3, 4], [1, 2, 2, 1]), series('192.0.2.2', [4], [7])]);
    assert.deepEqual(rows('time_wait_curve'), [...expected.slice(1, 3), ['192.0.2.1', 4, 1], ['192.0.2.2', 4, 7]]);
    store.close();
  }
});

test('clocks that are known while a run goes on take the place of one another, and the end that of all', () => {
  const store = new Store(':memory:', newRun());
  const clock = (client: string, hz: number): ClockRow => ({
    client,
    server: '198.51.100.80',
    hz,
    regime: 'single',
    hostsLow: 1,
    hostsHigh: 1,
    lines: [],
  });
  const rows = (): unknown[] => store.database.prepare('SELECT client, hz FROM clock ORDER BY rowid').raw().all();
  store.clocksSoFar([
    { place: 0, row: clock('192.0.2.1', 100) },
    { place: 1, row: clock('192.0.2.2', 250) },
  ]);
  store.clocksSoFar([{ place: 0, row: clock('192.0.2.3', 1000) }]);
  assert.deepEqual(rows(), [
    ['192.0.2.3', 1000],
    ['192.0.2.2', 250],
  ]);
  store.clocks([clock('192.0.2.9', 300)]);
  assert.deepEqual(rows(), [['192.0.2.9', 300]]);
  store.close();
});
