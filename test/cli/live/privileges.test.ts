/** Giving up root, in a process of its own. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder } from '../../build/store-sample.ts';
import { BIN } from '../run.ts';

const PRIVILEGES = new URL('../../../src/cli/live/privileges.js', import.meta.url).href;
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

const able = (command: readonly string[]): boolean =>
  process.getuid?.() === 0 && spawnSync(command[0], [...command.slice(1), 'true'], { stdio: 'ignore' }).status === 0;

for (const [where, command] of [
  ['with CAP_NET_RAW alone', ['setpriv', '--bounding-set=-all,+net_raw', '--inh-caps=-all']],
  ['of a user namespace', ['unshare', '--user', '--map-root-user', '--net']],
] as const) {
  for (const kept of [[], ['-w', 'packets.pcap']]) {
    test(`a root ${where} who cannot become nobody is told what to do, and leaves nothing${kept.length > 0 ? ' with -w' : ''}`, {
      skip: able(command) ? false : `skipped: needs root and ${command[0]}`,
    }, t => {
      const cwd = folder(t);
      const [program, ...words] = [...command, process.execPath, BIN, 'live', '-i', 'lo', ...kept];
      const { status, stderr } = spawnSync(program, words, { cwd, encoding: 'utf8' });
      assert.match(stderr, /^pawscope: root cannot be given up: .* may not become nobody .*-Z root.*CAP_NET_RAW\n$/);
      assert.equal(status, 2);
      assert.deepEqual(readdirSync(cwd), []);
    });
  }
}

test('files that cannot be given to the user that root becomes are a sentence, and 2', {
  skip: able(['setpriv', '--bounding-set=-chown']) ? false : 'skipped: needs root and setpriv',
}, t => {
  const cwd = folder(t);
  const live = [process.execPath, BIN, 'live', '-i', 'lo', '-Z', 'nobody', '-a', 'duration:1'];
  const { status, stderr } = spawnSync('setpriv', ['--bounding-set=-chown', '--inh-caps=-all', ...live], {
    cwd,
    encoding: 'utf8',
  });
  assert.match(stderr, /^pawscope: root cannot be given up: .* may not become nobody .*: EPERM.*\n$/);
  assert.equal(status, 2);
});
