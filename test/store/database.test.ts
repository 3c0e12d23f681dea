import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Anonymizer } from '../../src/base/anonymizer.ts';
import { StoreError } from '../../src/base/errors.ts';
import { hideAddresses } from '../../src/store/anonymized.ts';
import { close, openForReading, openForWriting } from '../../src/store/database.ts';
import { readCurves } from '../../src/store/incident.ts';
import { APPLICATION_ID, MIGRATIONS } from '../../src/store/migrations.ts';
import { readFindings } from '../../src/store/reader.ts';
import { Database } from '../../src/store/sqlite.ts';
import { folder } from '../build/store-sample.ts';

const create = (path: string): void => {
  close(openForWriting(path, () => {}));
};

/** One sentence that names the file. */
const refusal = (path: string, reason: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreError, String(error));
  assert.ok(error.message.startsWith(path), error.message);
  assert.match(error.message, reason);
  assert.ok(!error.message.includes('\n'));
  return true;
};

test('what SQLite holds in memory of a database that is written is 4 MB, whatever its pages are', t => {
  const path = join(folder(t), 'a.db');
  for (const state of ['new', 'old']) {
    const db = openForWriting(path, () => {});
    assert.deepEqual([db.pragma('page_size'), db.pragma('cache_size')], [16_384, -4_096], state);
    close(db);
  }
});

test('a new database is recognisable, at the newest schema, and one file at rest', t => {
  const path = join(folder(t), 'new.db');
  create(path);
  assert.deepEqual(readdirSync(join(path, '..')), ['new.db']);
  const db = openForReading(path);
  assert.equal(db.pragma('application_id'), APPLICATION_ID);
  assert.equal(db.pragma('user_version'), MIGRATIONS.length);
  assert.equal(db.pragma('journal_mode'), 'delete');
  db.close();
});

test('the schema has the tables and columns of the contract', t => {
  const path = join(folder(t), 'new.db');
  create(path);
  const db = openForReading(path);
  const columns = (table: string): string =>
    db.prepare(`SELECT group_concat(name, ' ') FROM pragma_table_info(?)`).pluck().get(table) as string;
  assert.equal(columns('run'), 'id started_ns finished_ns version command options status');
  assert.equal(columns('capture'), 'id run_id source format link_types first_ns last_ns frames bytes note');
  assert.equal(
    columns('finding'),
    'id run_id rule severity confidence title first_ns last_ns client client_port server server_port evidence packets',
  );
  assert.equal(
    columns('finding_packet'),
    'finding_id run_id ordinal capture_id frame ts_ns from_client flags seq ack tsval tsecr length note',
  );
  assert.equal(
    columns('time_wait'),
    'run_id capture_id owner owner_port peer peer_port entered_ns start_ns end_ns ended_by',
  );
  assert.equal(columns('time_wait_curve'), 'run_id bucket_ns owner peer peer_port open');
  assert.equal(columns('time_wait_hidden'), 'run_id bucket_ns owner peer peer_port hidden');
  assert.equal(columns('clock'), 'run_id client server hz regime hosts_low hosts_high lines');
  assert.equal(columns('tally'), 'run_id name count');
  db.close();
});

test('an empty file is a database to be filled', t => {
  const path = join(folder(t), 'mktemp.db');
  writeFileSync(path, '');
  create(path);
  openForReading(path).close();
});

test("another program's database is refused and not touched", t => {
  const path = join(folder(t), 'browser.db');
  const other = new Database(path);
  other.exec('CREATE TABLE bookmark (url TEXT)');
  other.close();
  const before = readFileSync(path);
  assert.throws(() => create(path), refusal(path, /another program/));
  assert.throws(() => openForReading(path), refusal(path, /another program/));
  assert.deepEqual(readFileSync(path), before);
});

test('a database of a newer version is refused and not touched', t => {
  const path = join(folder(t), 'future.db');
  create(path);
  const db = new Database(path);
  db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  const before = readFileSync(path);
  assert.throws(() => create(path), refusal(path, /newer pawscope.*update/));
  assert.throws(() => openForReading(path), refusal(path, /newer pawscope.*update/));
  assert.deepEqual(readFileSync(path), before);
});

test('a database of the first version is read as it is, and keeps its findings and their order when it is written', t => {
  const path = join(folder(t), 'first.db');
  const first = new Database(path);
  first.exec(`${MIGRATIONS[0]} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1;
    INSERT INTO run VALUES (1, 0, 1, '0.1.0', 'analyze', '{}', 'done');
    INSERT INTO time_wait_curve VALUES (1, 7000000000, '192.0.2.1', '198.51.100.1', 80, 3)`);
  const insert = first.prepare(`INSERT INTO finding VALUES (?, 1, 'port-reuse', 'warning', 'proof', 'reused', 5, 6,
    '192.0.2.1', 40000, '198.51.100.1', 80, '{}', '[[1, 7, 1700000000, 5, 1, "S", 1, 0, null, null, 0, "SYN"]]')`);
  const ids = ['ff00000000000001', '0000000000000002', '8000000000000003'];
  for (const id of ids) insert.run(id);
  first.close();
  const stored = (): unknown[] => {
    const db = openForReading(path);
    const rows = db.prepare('SELECT finding_id, frame FROM finding_packet').all();
    const found = [...readFindings(db, {})].map(({ id }) => id);
    const version = db.pragma('user_version');
    hideAddresses(db, new Anonymizer('secret'));
    const curves = readCurves(db, 1, 4, 10).map(({ most, steps }) => [most, steps]);
    db.close();
    return [version, found, rows.length, curves];
  };
  const curves = [[3, [[7, 3, 3]]]];
  assert.deepEqual(stored(), [1, ids, 3, curves]);
  create(path);
  assert.deepEqual(stored(), [MIGRATIONS.length, ids, 3, curves]);
});

test('what is no database is refused: text, a folder, a folder that is not there', t => {
  const base = folder(t);
  const text = join(base, 'notes.txt');
  writeFileSync(text, 'these are my notes, and they are longer than a database header would be\n'.repeat(20));
  assert.throws(() => create(text), refusal(text, /not a database/));
  assert.throws(() => openForReading(text), refusal(text, /not a database/));
  const directory = join(base, 'directory');
  mkdirSync(directory);
  assert.throws(() => create(directory), refusal(directory, /is a folder/));
  assert.throws(() => openForReading(directory), refusal(directory, /is a folder/));
  const nowhere = join(base, 'no', 'such', 'x.db');
  assert.throws(() => create(nowhere), refusal(nowhere, /does not exist/));
  assert.ok(!existsSync(join(base, 'no')));
});

test('a place that cannot be written is refused in a sentence', { skip: !existsSync('/proc/self') }, () => {
  assert.throws(() => create('/proc/pawscope.db'), refusal('/proc/pawscope.db', /cannot be opened|cannot be written/));
});

test('a name that SQLite would be given without its white space is refused, and nothing is created', t => {
  const base = folder(t);
  for (const path of [' ', '\n', join(base, 'office.db '), join(base, 'office.db\n')]) {
    assert.throws(() => create(path), { message: /begin or end with white space/ });
  }
  assert.deepEqual(readdirSync(base), []);
  const path = join(base, 'office.db ');
  writeFileSync(path, '');
  assert.throws(() => openForReading(path), { message: /begin or end with white space/ });
});

test('reading a database that is not there creates nothing', t => {
  const base = folder(t);
  const path = join(base, 'missing.db');
  assert.throws(() => openForReading(path), refusal(path, /no such database/));
  assert.deepEqual(readdirSync(base), []);
});

test('a database that was created for a run which could not begin is removed', t => {
  const base = folder(t);
  const path = join(base, 'new.db');
  assert.throws(
    () =>
      openForWriting(path, () => {
        throw new Error('no run');
      }),
    /no run/,
  );
  assert.deepEqual(readdirSync(base), []);
});

const skip = process.getuid?.() === 0 ? false : 'skipped: needs root, to become another user';
test('a database that another program began to use before its first run could begin stays', t => {
  const path = join(folder(t), 'p.db');
  let other: Database | undefined;
  const claim = (db: Database): void => {
    db.exec('PRAGMA busy_timeout = 0');
    other = new Database(path);
    other.exec('CREATE TABLE theirs (x); BEGIN IMMEDIATE');
  };
  assert.throws(() => openForWriting(path, () => {}, claim), /SQLITE_BUSY|SQLITE_LOCKED/);
  other!.exec('COMMIT');
  assert.deepEqual(other!.prepare('SELECT name FROM sqlite_master').all(), [{ name: 'theirs' }]);
  other!.close();
  assert.ok(existsSync(path));
});

test("a database that is root's and nobody else's: whose it is, not that its folder is missing", { skip }, t => {
  const path = join(folder(t), 'roots.db');
  create(path);
  chmodSync(join(path, '..'), 0o755);
  chmodSync(path, 0o600);
  const module = new URL('../../src/store/database.js', import.meta.url).href;
  // Used first: the files of this clone, some of which load late, need not be readable to others.
  const script = `const { close, openForReading } = await import(${JSON.stringify(module)});
    close(openForReading(${JSON.stringify(path)}));
    process.setuid(65534);
    try { openForReading(${JSON.stringify(path)}); } catch ({ message }) { console.log(message); }`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(
    stdout,
    `${path}: this user may not read the database, which belongs to root; read it as that user, or with sudo\n`,
  );
});

test('a database that cannot be opened: where else to write, and how to do without', () => {
  // Nobody makes files there, not even root.
  const path = '/proc/pawscope.db';
  const advised = /: the database cannot be opened; check that .*another file with --db, .* with --db :memory: /;
  assert.throws(() => openForWriting(path, () => {}), refusal(path, advised));
});
