/** Giving up root, in a process of its own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder } from '../build/store-sample.ts';

const PRIVILEGES = new URL('../../src/cli/privileges.js', import.meta.url).href;
const NOBODY = 65_534;

test('new files go to the user that root becomes, and what a link names in their place does not', {
  skip: process.getuid?.() === 0 ? false : 'skipped: needs root',
}, t => {
  const cwd = folder(t);
  const [created, victim, link] = ['pawscope.db', 'victim', 'pawscope.db-wal'].map(name => join(cwd, name));
  writeFileSync(created!, '');
  writeFileSync(victim!, '');
  symlinkSync(victim!, link!);
  const user = JSON.stringify({ name: 'nobody', uid: NOBODY, gid: NOBODY });
  const files = JSON.stringify([created, link, join(cwd, 'absent')]);
  const script = `const { become } = await import('${PRIVILEGES}');
    become(${user}, false, ${files});
    console.log(process.getuid(), process.getgroups().filter(group => group === 0).length);`;
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(told, `${NOBODY} 0\n`);
  assert.deepEqual(
    [created!, victim!].map(file => statSync(file).uid),
    [NOBODY, 0],
  );
});
