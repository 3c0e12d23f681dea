/** The addon stores what TypeScript stores, and opens no door that SQLite keeps shut. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { ADDON_PLACES } from '../../../src/capture/native.ts';
import { ENDINGS } from '../../../src/flow/time-wait-rows.ts';
import { Database } from '../../../src/store/sqlite.ts';
import { Store } from '../../../src/store/store.ts';
import { loadAddon } from '../../../src/store/write/extension.ts';
import { insertByAddon, insertByStatements, type TimeWaitInsert } from '../../../src/store/write/time-waits.ts';
import { newRun, ORIGIN, type TimeWaitSample, timeWaits } from '../../build/store-sample.ts';
import { BIN } from '../../cli/run.ts';

const addon = ADDON_PLACES.find(place => existsSync(place));
const needsAddon = { skip: addon === undefined ? 'skipped: needs the addon' : false };

/** Addresses are written in a way of their own where groups are zero or short. */
const group = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(1, 0xf, 0x10, 0x100, 0x1000),
);
const ipv6 = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map(groups => [0, 2, 4, 6].map(i => (groups[i] << 16) | groups[i + 1]));
const mapped = fc.integer().map(word => [0, 0, 0xffff, word]);
const ipv4 = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 0x0a6463c7)).map(word => [word]);
const port = fc.integer({ min: 0, max: 0xffff });
const instant = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, 1));

const row: fc.Arbitrary<TimeWaitSample> = fc.constantFrom(ipv4, ipv6, fc.oneof(ipv6, mapped)).chain(address =>
  fc.record({
    owner: address,
    peer: address,
    ownerPort: port,
    peerPort: port,
    times: fc.tuple(instant, instant, instant),
    ending: fc.constantFrom(...ENDINGS),
    capture: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(2 ** 26 - 1)),
    mayHoldOn: fc.boolean(),
  }),
);

function stored(insert: TimeWaitInsert, batches: readonly TimeWaitSample[][]): unknown[] {
  const store = new Store(':memory:', newRun());
  const { database } = store;
  const put = insert(database, 1, ORIGIN, 7);
  for (const batch of batches) put(timeWaits(batch));
  const rows = database.prepare('SELECT rowid, * FROM time_wait ORDER BY rowid').safeIntegers().raw().all();
  store.close();
  return rows;
}

test('the addon and the statements without it store equal rows, in the order in which they come', needsAddon, () => {
  // More than one statement's worth, and a rest.
  const batches = fc.array(fc.array(row, { minLength: 1, maxLength: 90 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(batches, given => {
      const rows = stored(insertByAddon, given);
      assert.equal(rows.length, given.flat().length);
      assert.deepEqual(rows, stored(insertByStatements, given));
    }),
  );
});

test('where there is an addon, the store uses it', needsAddon, () => {
  const store = new Store(':memory:', newRun());
  assert.ok(store.database.prepare('SELECT 1 FROM pragma_module_list WHERE name = ?').get('pawscope_time_waits'));
  store.close();
});

test('where there is none, or none that loads, the statements take its place', () => {
  const db = new Database(':memory:');
  assert.equal(loadAddon(db, ['/nowhere/pawscope.node', BIN]), false);
  db.close();
});

test('neither SQL nor a view or trigger of a database that somebody hands us gets at an extension', needsAddon, () => {
  const db = new Database(':memory:');
  assert.ok(loadAddon(db));
  assert.throws(() => db.prepare('SELECT load_extension(?)').get(addon), /not authorized/);
  db.exec(`CREATE VIEW v AS SELECT * FROM pawscope_time_waits(x'', x'')`);
  assert.throws(() => db.prepare('SELECT * FROM v').all(), /unsafe use of virtual table/);
  db.exec(`CREATE TABLE t (x);
    CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO t SELECT row FROM pawscope_time_waits(x'', x''); END`);
  assert.throws(() => db.exec('INSERT INTO t VALUES (1)'), /unsafe use of virtual table/);
  db.close();
});

test('columns that do not make whole rows are refused', needsAddon, () => {
  const db = new Database(':memory:');
  assert.ok(loadAddon(db));
  const count = db.prepare('SELECT count(*) FROM pawscope_time_waits(?, ?)').pluck();
  assert.equal(count.get(new Float64Array(6), new Int32Array(20)), 2);
  assert.equal(count.get(new Float64Array(0), new Int32Array(0)), 0);
  for (const [times, words] of [
    [6, 10],
    [3, 20],
    [4, 10],
    [0, 1],
  ] as const) {
    assert.throws(() => count.get(new Float64Array(times), new Int32Array(words)), /do not make rows/);
  }
  assert.throws(
    () => db.prepare('SELECT count(*) FROM pawscope_time_waits(?)').get(new Float64Array(3)),
    /no query solution/,
  );
  assert.equal(count.get(null, null), 0);
  db.close();
});
