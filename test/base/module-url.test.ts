import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { moduleUrl, packageUrl } from '../../src/base/module-url.ts';

test('a module is found from any other, and from a file into which that one was joined', () => {
  for (const from of ['shard/pool.js', 'report/page/script.js', 'cli/main.js', 'index.js']) {
    const url = moduleUrl(`file:///home/src/pawscope/dist/src/${from}`, 'shard/worker');
    assert.equal(url.href, 'file:///home/src/pawscope/dist/src/shard/worker.js');
  }
  assert.equal(
    moduleUrl('file:///pawscope/src/shard/pool.ts', 'shard/worker').href,
    'file:///pawscope/src/shard/worker.ts',
  );
});

test('a file of the package is found from wherever its reader was joined into', () => {
  for (const from of ['capture/native.js', 'cli/main.js', 'index.js']) {
    const url = packageUrl(`file:///home/src/pawscope/dist/src/${from}`, 'package.json');
    assert.equal(url.href, 'file:///home/src/pawscope/package.json');
  }
});

const LOADS = /\b(?:from|import)\s*\(?\s*["'](\.[^"']*)["']/g;

for (const entry of ['index', 'cli/main', 'shard/worker', 'capture/compression/inflate-worker']) {
  test(`${entry} is one file, that loads no other of this program (npm ci, then npm run build)`, () => {
    const url = moduleUrl(import.meta.url.replace('/test/base/', '/src/base/'), entry);
    assert.ok(existsSync(url));
    assert.deepEqual([...readFileSync(url, 'utf8').matchAll(LOADS)], []);
  });
}
