import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { needsNamespaces, pair } from '../build/netns.ts';
import { folder } from '../build/store-sample.ts';
import { BIN } from './run.ts';

/** What the command loads first, which then cannot be too early for a signal. */
const SIGNALLED = `import { url } from 'node:inspector';
process.kill(process.pid, 'SIGUSR1');
await new Promise(resolve => setTimeout(resolve, 300));
export const start = () => console.log(url() ?? 'no debugger');`;

test('SIGUSR1 opens no debugger, however early it comes', t => {
  const place = folder(t);
  const [command, loaded] = [join(place, 'bin', 'pawscope.mjs'), join(place, 'dist', 'src', 'cli', 'start.js')];
  for (const file of [command, loaded]) mkdirSync(dirname(file), { recursive: true });
  writeFileSync(join(place, 'package.json'), '{"type":"module"}');
  copyFileSync(BIN, command);
  writeFileSync(loaded, SIGNALLED);
  const { status, stdout, stderr } = spawnSync(process.execPath, [command], { encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, 'no debugger\n', '']);
});

/** Before the first line of the command, when Node alone answers. */
const TOO_EARLY = `data:text/javascript,
process.kill(process.pid, 'SIGUSR1');
await new Promise(resolve => setTimeout(resolve, 300));`;
/** 127.0.0.1:9229 in /proc/net/tcp. */
const PORT = /:240D 00000000:0000 0A/;

test('live captures with no debugger open, even where SIGUSR1 came before it', { skip: needsNamespaces }, async t => {
  const { server } = pair(t);
  const live = ['--import', TOO_EARLY, BIN, 'live', '-i', 'eth0', '--db', ':memory:', '-Z', 'root'];
  const child = server.spawn(process.execPath, live);
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  for await (const text of child.stderr!.setEncoding('utf8')) if ((stderr += text).includes('listening on eth0')) break;
  assert.match(stderr, /Debugger listening/, 'by Node');
  assert.doesNotMatch(server.run('cat', ['/proc/net/tcp']), PORT);
});
