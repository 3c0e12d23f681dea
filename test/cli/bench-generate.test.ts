import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder } from '../build/store-sample.ts';
import { ROOT } from './run.ts';

test('the generator of benches refuses what it cannot do in a sentence, and leaves the file of that name alone', t => {
  const path = join(folder(t), 'kept.pcap');
  writeFileSync(path, 'kept');
  for (const [args, sentence] of [
    [['--packets', '100'], /^1000000 connections need at least 8000000 packets\n$/],
    [['--bogus'], /^Unknown option '--bogus'[^\n]*\n$/],
    [['--seed'], /^Option '--seed <value>' argument missing\n$/],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'dist/bench/generate.js'), path, ...args], {
      encoding: 'utf8',
    });
    assert.match(stderr, sentence);
    assert.equal(status, 2);
    assert.equal(readFileSync(path, 'utf8'), 'kept');
  }
});
