import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { Store } from '../../src/store/store.ts';
import { parseSarif } from '../build/sarif-log.ts';
import { finding, folder, newRun } from '../build/store-sample.ts';
import { parseXml } from '../build/xml.ts';
import { pawscope } from './run.ts';

function database(path: string, ...runs: Partial<Finding>[][]): void {
  for (const all of runs) {
    const store = new Store(path, newRun());
    store.findings(all.map((difference, i) => finding({ id: `f${i}`, ...difference })));
    store.finish('done', 0n, { frames: 10 });
    store.close();
  }
}

const RUN: Partial<Finding>[] = [
  { severity: 'info', client: '2001:db8::1' },
  { severity: 'error', rule: 'reset-close', lastAt: 50e9 },
];

const ids = (stdout: string): string[] =>
  stdout === ''
    ? []
    : stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line).id);

test('filters narrow what is listed', t => {
  const cwd = folder(t);
  database(join(cwd, 'x.db'), RUN);
  const list = (...args: string[]): string[] => {
    const { status, stdout, stderr } = pawscope(cwd, ['findings', 'x.db', '--format', 'ndjson', ...args]);
    assert.equal(status, 0, stderr);
    return ids(stdout);
  };
  assert.deepEqual(list(), ['f0', 'f1']);
  assert.deepEqual(list('--severity', 'warning'), ['f1']);
  assert.deepEqual(list('--rule', 'reset-close,recycle-hazard'), ['f1']);
  assert.deepEqual(list('--rule', 'reset-close, recycle-hazard'), ['f1']);
  assert.deepEqual(list('--client', '2001:DB8:0:0::1'), ['f0']);
  assert.deepEqual(list('--since', '2023-11-14T22:14:00Z'), ['f1']);
  assert.deepEqual(list('--until', '1'), []);
  assert.deepEqual(list('--limit', '1'), ['f0']);
});

test('all runs are listed unless one is named', t => {
  const cwd = folder(t);
  database(join(cwd, 'pawscope.db'), RUN, RUN.slice(1));
  const list = (...args: string[]): string[] => ids(pawscope(cwd, ['findings', '--format', 'ndjson', ...args]).stdout);
  assert.equal(list().length, 3);
  assert.equal(list('--run', '1').length, 2);
  assert.equal(list('--run', 'last').length, 1);
  const missing = pawscope(cwd, ['findings', '--run', '9']);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /no run 9 in this database; its runs are 1 to 2/);
  const document = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.deepEqual([document.run.id, document.runs.length, document.tally.frames], [2, 2, 20]);
});

test('text says when nothing matches and when not all is shown', t => {
  const cwd = folder(t);
  database(join(cwd, 'x.db'), RUN);
  assert.match(pawscope(cwd, ['findings', 'x.db', '--client', '192.0.2.99']).stdout, /^No finding in x\.db matches/);
  assert.match(pawscope(cwd, ['findings', 'x.db', '--limit', '1']).stderr, /^pawscope: 1 of 2 findings shown\n$/);
});

test('a database that cannot be read is one sentence and 2, and nothing is created', t => {
  const cwd = folder(t);
  writeFileSync(join(cwd, 'notes.txt'), 'no database '.repeat(1000));
  writeFileSync(join(cwd, 'empty.db'), '');
  for (const [name, sentence] of [
    ['missing.db', /there is no such database/],
    ['', /the name of the database is empty; is a variable not set\?/],
    ['notes.txt', /is not a database/],
    ['empty.db', /is empty/],
    ['.', /is a folder/],
  ] as const) {
    const { status, stdout, stderr } = pawscope(cwd, ['findings', name]);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
    assert.equal(stdout, '');
  }
  assert.deepEqual(readdirSync(cwd).sort(), ['empty.db', 'notes.txt']);
});

test('reading leaves no file beside the database', t => {
  const cwd = folder(t);
  database(join(cwd, 'x.db'), RUN);
  pawscope(cwd, ['findings', 'x.db']);
  assert.deepEqual(readdirSync(cwd), ['x.db']);
});

test('every format of CI and tickets is written out of a database, what is limited worst first', t => {
  const cwd = folder(t);
  database(join(cwd, 'x.db'), RUN, RUN.slice(1));
  const told = (format: string): string => pawscope(cwd, ['findings', 'x.db', '--format', format]).stdout;
  assert.match(
    told('github'),
    /^::error [\s\S]*::error [\s\S]*::notice [\s\S]*pawscope: 3 findings: 2 error, 1 info\n$/,
  );
  assert.match(told('md'), /\n3 findings: 2 error, 1 info\.\n$/);
  const [suite] = parseXml(told('junit')).children;
  assert.deepEqual([suite.attributes.tests, suite.attributes.failures], ['2', '2'], 'a capture of each run');
  const [{ results }] = parseSarif(told('sarif')).runs;
  assert.deepEqual(
    results.map(({ level }) => level),
    ['error', 'error', 'note'],
  );
});
