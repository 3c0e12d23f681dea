import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { blocks, writeWhole } from '../../src/cli/atomic-file.ts';
import { folder } from '../build/store-sample.ts';

const ATOMIC_FILE = new URL('../../src/cli/atomic-file.js', import.meta.url).href;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('a file is there when it is complete, for its owner alone; one that is replaced keeps its rights', t => {
  const cwd = folder(t);
  const file = join(cwd, 'out');
  writeWhole(file, [bytes(1, 2), bytes(3)]);
  assert.deepEqual([...readFileSync(file)], [1, 2, 3]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  chmodSync(file, 0o644);
  symlinkSync('out', join(cwd, 'link'));
  writeWhole(join(cwd, 'link'), [bytes(4)]);
  assert.deepEqual([...readFileSync(file)], [4], 'what a link points to is replaced, not the link');
  assert.equal(statSync(file).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(cwd).sort(), ['link', 'out']);
});

const NOBODY = 65_534;
const asRoot = { skip: process.getuid?.() === 0 ? false : 'skipped: needs root' };

test("root that replaces a user's file leaves it the user's", asRoot, t => {
  const file = join(folder(t), 'out');
  writeFileSync(file, 'before');
  chownSync(file, NOBODY, NOBODY);
  chmodSync(file, 0o640);
  writeWhole(file, [bytes(1)]);
  const { uid, gid, mode } = statSync(file);
  assert.deepEqual([uid, gid, mode & 0o777, ...readFileSync(file)], [NOBODY, NOBODY, 0o640, 1]);
});

test('a file of ours in a folder of somebody else is written over, and no new one is made there', asRoot, t => {
  const cwd = folder(t);
  const file = join(cwd, 'out');
  writeFileSync(file, 'before');
  chmodSync(cwd, 0o755);
  chownSync(file, NOBODY, NOBODY);
  const script = `const { writeWhole } = await import('${ATOMIC_FILE}');
    process.setgroups([]), process.setgid(${NOBODY}), process.setuid(${NOBODY});
    writeWhole(${JSON.stringify(file)}, [Uint8Array.of(1)]);
    try { writeWhole(${JSON.stringify(join(cwd, 'new'))}, []); } catch ({ code }) { console.log(code); }`;
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(told, 'EACCES\n');
  assert.deepEqual([...readFileSync(file)], [1]);
  assert.deepEqual(readdirSync(cwd), ['out']);
});

test('where writing fails, what was there before is there still, and nothing else', t => {
  const cwd = folder(t);
  const file = join(cwd, 'out');
  writeFileSync(file, 'before');
  const failing = function* (): Generator<Uint8Array> {
    yield new Uint8Array(3 << 20);
    throw new Error('no more');
  };
  assert.throws(() => writeWhole(file, failing()), /no more/);
  assert.equal(readFileSync(file, 'utf8'), 'before');
  assert.deepEqual(readdirSync(cwd), ['out']);
});

test('a device is written as it is', () => {
  writeWhole('/dev/null', [bytes(1)]);
  assert.ok(statSync('/dev/null').isCharacterDevice());
  assert.throws(() => writeWhole('/dev/full', [bytes(1)]), /ENOSPC/);
});

test('parts of any size come out in one piece', () => {
  const parts = [bytes(1), new Uint8Array(3 << 20).fill(2), bytes(3), new Uint8Array(1 << 20).fill(4), bytes()];
  // Each is valid until the next is asked for.
  const copied: Buffer[] = [];
  for (const block of blocks(parts)) copied.push(Buffer.from(block));
  assert.deepEqual(Buffer.concat(copied), Buffer.concat(parts));
});
