import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mock, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Database } from '../../src/store/sqlite.ts';

const SQLITE = fileURLToPath(new URL('../../src/store/sqlite.js', import.meta.url));

test('what a process drops of statements, iterators and databases is not collected between its callbacks', () => {
  const script = `
    import { Database, keepReachable } from ${JSON.stringify(SQLITE)};
    for (let i = 0; i < 50; i++) {
      const db = new Database(':memory:');
      for (let j = 0; j < 100; j++) db.prepare('SELECT ' + j).get();
      for (const row of keepReachable(db.prepare('SELECT 1 UNION SELECT 2').iterate())) row.name;
      db.pragma('user_version');
      if (i % 2) db.close();
    }
    // Garbage in pauses makes V8 collect from a task of its own, where no JavaScript runs.
    for (let pause = 0; pause < 200; pause++) {
      globalThis.garbage = Array.from({ length: 20_000 }, (_, i) => ({ i, of: [i] }));
      await new Promise(resume => setTimeout(resume, 1));
    }`;
  const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script]);
  assert.deepEqual([status, signal, stderr.toString()], [0, null, '']);
});

test('a pragma that is asked again and again is one statement', () => {
  const database = new Database(':memory:');
  const prepare = mock.method(database, 'prepare');
  assert.deepEqual([database.pragma('page_count'), database.pragma('page_count')], [0, 0]);
  database.exec('CREATE TABLE t (x)');
  assert.equal(database.pragma('page_count'), 2);
  assert.equal(prepare.mock.callCount(), 1);
  database.close();
});

test('SQLite that was compiled for another Node, or not at all, is a sentence that says what to run, and no fault', () => {
  const failing = (message: string, code?: string): string =>
    `process.dlopen = () => { throw Object.assign(new Error(${JSON.stringify(message)}), { code: '${code}' }); };`;
  const wrong = failing(
    'The module was compiled against another Node using\nNODE_MODULE_VERSION 115',
    'ERR_DLOPEN_FAILED',
  );
  const cases: [before: string, why: RegExp][] = [
    [wrong, /it was compiled for another version of Node/],
    [failing('Could not locate the bindings file. Tried:\n → /x.node'), /it was not compiled at installation/],
    [failing('/x.node: GLIBC_2.38 not found', 'ERR_DLOPEN_FAILED'), /GLIBC_2\.38 not found/],
  ];
  for (const [before, why] of cases) {
    const script = `
      ${before}
      const { Database } = await import(${JSON.stringify(SQLITE)});
      try { new Database(':memory:'); } catch ({ name, message }) { console.log(name + ': ' + message); }`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script]);
    assert.match(String(stdout), why);
    assert.match(String(stdout), /^StoreError: SQLite [^\n]+"npm run install --prefix [^\n]+better-sqlite3" [^\n]+\n$/);
  }
});
