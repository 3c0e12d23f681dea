/** A database that is written for weeks and stays bounded. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../src/detect/finding.ts';
import type { CurveSeries } from '../../src/shard/curve.ts';
import { openForReading } from '../../src/store/database.ts';
import { readRuns, readTally } from '../../src/store/reader.ts';
import type { Bounds } from '../../src/store/retention.ts';
import { Store } from '../../src/store/store.ts';
import { finding, flow, folder, newRun, ORIGIN, timeWaits } from '../build/store-sample.ts';

const MB = 1e6;
const LEAST: Bounds = { maxBytes: 16 * MB };
const PADDING = 'x'.repeat(1_550);

/** Findings `from` … `to` − 1, one a second, eight of which fill a page. */
const large = (from: number, to: number): Finding[] =>
  Array.from({ length: to - from }, (_, i) => {
    const at = (from + i) * 1e9;
    const id = (from + i).toString(16).padStart(16, '0');
    return finding({ id, at, firstAt: at, lastAt: at, evidence: { padding: PADDING } });
  });

const intervals = (from: number, to: number) =>
  timeWaits(
    Array.from({ length: to - from }, (_, i) => ({
      owner: [0x0a000001],
      peer: [0x0a000002],
      ownerPort: 80,
      peerPort: 40_000,
      times: [(from + i) * 1e9, (from + i) * 1e9, (from + i) * 1e9 + 60e9],
      ending: 'timer',
      capture: 0,
    })),
  );

const liveRun = (t: TestContext, path: string, bounds?: Bounds, command = 'live'): Store => {
  const store = new Store(path, newRun({ command, ...(bounds && { bounds }) }));
  t.after(() => store.close());
  return store;
};

interface Held {
  count: number;
  /** Seconds from the origin. */
  first: number;
  last: number;
}

function held(store: Store, table: string, time = 'last_ns', run = store.runId): Held {
  const second = (of: string): string => `${of}(${time}) / 1000000000 - ${ORIGIN}`;
  return store.database
    .prepare(
      `SELECT count(*) AS count, ${second('min')} AS first, ${second('max')} AS last FROM ${table} WHERE run_id = ?`,
    )
    .get(run) as Held;
}

const instant = (second: number): number => (ORIGIN + second) * 1e3;

test('over many batches the file stays below its bound, and what is newest stays', t => {
  const path = join(folder(t), 'x.db');
  const store = liveRun(t, path, LEAST);
  const end = 16_000;
  let most = 0;
  let longestLog = 0;
  for (let at = 0; at < end; at += 1_000) {
    store.findings(large(at, at + 1_000));
    store.timeWaits(intervals(at, at + 1_000));
    store.flows([flow({ firstAt: at * 1e9, lastAt: at * 1e9 })]);
    most = Math.max(most, statSync(path).size);
    longestLog = Math.max(longestLog, statSync(`${path}-wal`).size);
  }
  const found = held(store, 'finding');
  const waited = held(store, 'time_wait', 'entered_ns');
  store.finish('done', 1n, { frames: 7 });
  store.close();
  assert.ok(most <= 16 * MB && statSync(path).size <= 16 * MB, `${most}`);
  assert.ok(longestLog < 20 * MB, `${longestLog}`);
  assert.ok(most > 12 * MB, 'the bound is made use of');
  assert.deepEqual([found.last, waited.last], [end - 1, end - 1]);
  assert.equal(found.count, end - found.first, 'one stretch of time, without holes');
  assert.ok(Math.abs(found.first - waited.first) < 1_000, 'all tables begin at about the same time');
  const db = openForReading(path);
  const tally = readTally(db, [store.runId]);
  const flows = db.prepare('SELECT count(*) FROM flow').pluck().get() as number;
  assert.deepEqual(
    [tally['expired.findings'], tally['expired.time_wait'], tally['expired.flows'], tally.frames],
    [end - found.count, end - waited.count, 16 - flows, 7],
  );
  assert.equal(db.pragma('integrity_check'), 'ok');
  db.close();
});

test('what is older than --keep goes, as time goes on, from every table; the run and its capture stay', t => {
  const store = liveRun(t, join(folder(t), 'x.db'), { keep: 3_600 });
  store.findings(large(0, 10));
  store.findings(large(5_000, 5_010));
  store.timeWaits(intervals(0, 20));
  store.timeWaits(intervals(5_000, 5_001));
  store.flows([flow({ lastAt: 0 }), flow({ lastAt: 5_000e9 })]);
  const hosts = ['192.0.2.1', '192.0.2.2'];
  const steps = { seconds: [0, 1, 5_000], open: [1, 2, 3], hidden: { seconds: [1, 5_000], count: [4, 5] } };
  store.curve(hosts.map(owner => ({ owner, peer: '', peerPort: 0, ...steps })));
  store.refresh(instant(3_600));
  assert.equal(held(store, 'finding').count, 20, 'exactly as old as that is not older');
  store.refresh(instant(3_605));
  assert.deepEqual([held(store, 'finding').first, held(store, 'time_wait', 'entered_ns').count], [5, 21]);
  store.refresh(instant(5_100));
  assert.deepEqual([held(store, 'finding').count, held(store, 'finding').first], [10, 5_000]);
  assert.deepEqual([held(store, 'time_wait', 'entered_ns').count, held(store, 'flow').count], [1, 1]);
  assert.deepEqual(held(store, 'time_wait_curve', 'bucket_ns'), { count: 2, first: 5_000, last: 5_000 });
  assert.deepEqual(held(store, 'time_wait_hidden', 'bucket_ns'), { count: 2, first: 5_000, last: 5_000 });
  store.finish('done', 1n, {});
  const [{ runs, captures }] = store.database
    .prepare('SELECT (SELECT count(*) FROM run) AS runs, (SELECT count(*) FROM capture) AS captures')
    .all() as { runs: number; captures: number }[];
  assert.deepEqual([runs, captures], [1, 1]);
  assert.deepEqual(readTally(store.database, [store.runId]), {
    'expired.findings': 10,
    'expired.flows': 1,
    'expired.time_wait': 20,
    'expired.time_wait_curve': 4,
    'expired.time_wait_hidden': 2,
  });
});

test('what --keep has taken of a curve stays gone when the curve is told more coarsely', t => {
  const store = liveRun(t, join(folder(t), 'x.db'), { keep: 3_600 });
  const every = (width: number, until: number): CurveSeries => {
    const seconds = Array.from({ length: until / width }, (_, i) => i * width);
    const open = seconds.map(second => second / width + 1);
    return { owner: '192.0.2.1', peer: '', peerPort: 0, seconds, open, hidden: { seconds, count: open } };
  };
  const kept = (): Held[] => ['time_wait_curve', 'time_wait_hidden'].map(table => held(store, table, 'bucket_ns'));
  store.curveSoFar([every(1, 5_000)]);
  store.refresh(instant(8_000));
  assert.deepEqual(kept()[0], { count: 600, first: 4_400, last: 4_999 });
  store.curveSoFar([every(2, 5_000)]);
  assert.deepEqual(kept(), new Array(2).fill({ count: 300, first: 4_400, last: 4_998 }));
  store.refresh(instant(8_010));
  store.curveSoFar([every(2, 6_000)]);
  assert.deepEqual(kept(), new Array(2).fill({ count: 795, first: 4_410, last: 5_998 }));
  store.refresh(instant(8_020));
  store.curve([every(4, 6_000)]);
  assert.deepEqual(kept(), new Array(2).fill({ count: 395, first: 4_420, last: 5_996 }));
});

test('of several runs the oldest goes first, and nothing of a run that somebody else still writes', t => {
  const path = join(folder(t), 'x.db');
  const done = liveRun(t, path);
  const other = liveRun(t, path);
  done.findings(large(0, 2_000));
  other.findings(large(2_000, 3_000));
  done.finish('done', BigInt(ORIGIN) * 1_000_000_000n, {});
  done.close();
  const store = liveRun(t, path, LEAST);
  store.findings(large(3_000, 8_000));
  const left = held(store, 'finding', 'last_ns', done.runId);
  assert.ok(left.count > 0 && left.count < 2_000, `${left.count}`);
  assert.equal(left.last, 1_999);
  store.findings(large(8_000, 14_000));
  assert.equal(held(store, 'finding', 'last_ns', done.runId).count, 0);
  assert.equal(held(store, 'finding', 'last_ns', other.runId).count, 1_000);
  assert.ok(held(store, 'finding').first > 3_000);
  store.refresh(instant(14_000));
  other.findings(large(14_000, 14_010));
  assert.equal(held(store, 'finding', 'last_ns', other.runId).count, 1_010);
});

test('a capture of last year that was analysed today is as old as its run', t => {
  const path = join(folder(t), 'x.db');
  const analysed = liveRun(t, path, undefined, 'analyze');
  analysed.findings(large(0, 10));
  analysed.finish('done', BigInt(instant(400 * 86_400)) * 1_000_000n, {});
  analysed.close();
  const store = liveRun(t, path, { keep: 7 * 86_400 });
  store.refresh(instant(401 * 86_400));
  assert.equal(held(store, 'finding', 'last_ns', analysed.runId).count, 10);
  store.refresh(instant(408 * 86_400));
  assert.equal(held(store, 'finding', 'last_ns', analysed.runId).count, 0);
});

test('a database that grew without a bound grows no more; one that was made with a bound shrinks', t => {
  for (const made of [undefined, { maxBytes: 100 * MB }]) {
    const path = join(folder(t), 'x.db');
    const before = liveRun(t, path, made);
    before.findings(large(0, 13_000));
    before.finish('done', BigInt(ORIGIN) * 1_000_000_000n, {});
    before.close();
    const size = statSync(path).size;
    assert.ok(size > 24 * MB, `${size}`);
    const store = liveRun(t, path, LEAST);
    assert.equal(store.stuck, made === undefined);
    store.findings(large(13_000, 15_000));
    for (let s = 0; s < 120; s++) store.refresh(instant(15_000 + s));
    assert.equal(held(store, 'finding').count, 2_000);
    const left = held(store, 'finding', 'last_ns', before.runId).count;
    assert.ok(left > 3_000 && left < 6_000, `as much as the bound has room for: ${left}`);
    store.finish('done', 1n, {});
    store.close();
    const after = statSync(path).size;
    if (made === undefined) assert.equal(after, size);
    else assert.ok(after <= 16 * MB, `${after}`);
  }
});

const modules = ['../../src/store/store.js', '../build/store-sample.js'].map(
  path => new URL(path, import.meta.url).href,
);
/** Writes without end. */
const WRITER = `
  const [{ Store }, { finding, newRun }] = await Promise.all(${JSON.stringify(modules)}.map(path => import(path)));
  const store = new Store(process.argv[1], newRun({ command: 'live', bounds: { maxBytes: 16e6, keep: 1e9 } }));
  const evidence = { padding: 'x'.repeat(2000) };
  const batch = from => Array.from({ length: 500 }, (_, i) => finding({ id: String(from + i), lastAt: from + i, evidence }));
  for (let from = 0; ; from += 500) {
    store.findings(batch(from));
    if (from === 8000) console.log('full');
    store.refresh(Date.now());
  }`;

test('killed at any moment it opens, is whole, and the rows of the killed run are the next to go', async t => {
  const path = join(folder(t), 'x.db');
  for (let kills = 1; kills <= 4; kills++) {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => writer.kill('SIGKILL'));
    await once(writer.stdout, 'data');
    await sleep(Math.random() * 150);
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const db = openForReading(path);
    assert.equal(db.pragma('integrity_check'), 'ok');
    assert.equal(readRuns(db).length, kills);
    // 8,000 findings of the newest run filled the database: nothing is left of those that were killed before.
    assert.equal(db.prepare('SELECT count(DISTINCT run_id) FROM finding').pluck().get(), 1);
    db.close();
    assert.ok(statSync(path).size <= 16 * MB);
  }
});
