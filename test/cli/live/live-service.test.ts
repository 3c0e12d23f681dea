/** What `live` tells the service manager that started it: a datagram socket, in Python since Node has none. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceManager } from '../../../src/cli/live/service-manager.ts';
import { needsNamespaces, needsPython, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { BIN } from '../run.ts';

/** With a second word its queue is full at first, and it begins to read after half a second. */
const LISTEN = `import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0'))
if len(sys.argv) > 2:
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    full.setblocking(False)
    try:
        while True: full.sendto(b'before', s.getsockname())
    except BlockingIOError: pass
print('bound', flush=True)
if len(sys.argv) > 2: time.sleep(0.5)
while True: print(s.recv(4096).decode().replace('\\n', ' '), flush=True)`;

/** What comes at the address, a line each. */
async function listener(t: TestContext, address: string, ...full: 'full'[]): Promise<string[]> {
  const python = spawn('python3', ['-c', LISTEN, address, ...full], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => python.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: python.stdout }).on('line', line => lines.push(line));
  await happens(() => lines.length > 0);
  return lines;
}

/** Waits for it, ten seconds at most: what is asserted afterwards says what is missing. */
async function happens(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await sleep(20);
}

const count = (lines: readonly string[], word: string): number => lines.filter(line => line === word).length;

test('live says when it captures and that it lives though nothing comes, and when it ends', {
  skip: needsNamespaces || needsPython,
}, async t => {
  const cwd = folder(t);
  const { server } = pair(t);
  const address = join(cwd, 'notify');
  const lines = await listener(t, address);
  const environment = [`NOTIFY_SOCKET=${address}`, 'WATCHDOG_USEC=2400000'];
  const options = ['live', '-q', '-i', 'eth0', '-Z', 'root', '--workers', '2', 'tcp'];
  const live = server.spawn('env', [...environment, process.execPath, BIN, ...options], cwd);
  t.after(() => live.kill('SIGKILL'));
  const ended = once(live, 'exit');
  await happens(() => count(lines, 'WATCHDOG=1') >= 3);
  assert.match(lines[1], /^READY=1 STATUS=0 frames \(0\/s\), 0 dropped, 0 findings, /);
  assert.ok(count(lines, 'WATCHDOG=1') >= 3, lines.join('\n'));
  live.kill('SIGTERM');
  assert.deepEqual(await ended, [143, null]);
  assert.equal(count(lines, 'STOPPING=1'), 1);
});

test('the watchdog is fed while the analysis moves, and starves when it does not', { skip: needsPython }, async t => {
  const address = `@pawscope-test-${process.pid}`;
  const lines = await listener(t, address);
  let until = 1;
  const standing = () => ({ until, counts: {}, shards: 1, slabs: 0, timeWaits: undefined });
  const environment = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '100000' };
  const manager = serviceManager({ standing, status: () => 'well' }, environment)!;
  t.after(() => manager.close());
  manager.ready();
  const moving = setInterval(() => until++, 10);
  await happens(() => count(lines, 'WATCHDOG=1') >= 3);
  clearInterval(moving);
  await sleep(150);
  const before = count(lines, 'WATCHDOG=1');
  await sleep(300);
  assert.equal(count(lines, 'WATCHDOG=1'), before);
  manager.stopping();
  await happens(() => count(lines, 'WATCHDOG=1') > before);
  assert.ok(count(lines, 'WATCHDOG=1') > before, 'what is told at the end takes as long as it takes');
  assert.equal(lines[1], 'READY=1 STATUS=well');
});

test('that it is ready is not lost on a service manager that is behind', { skip: needsPython }, async t => {
  const address = `@pawscope-test-${process.pid}-behind`;
  const lines = await listener(t, address, 'full');
  const manager = serviceManager({ standing: () => undefined, status: () => 'well' }, { NOTIFY_SOCKET: address })!;
  t.after(() => manager.close());
  manager.ready();
  await happens(() => lines.includes('READY=1 STATUS=well'));
  assert.equal(lines.at(-1), 'READY=1 STATUS=well');
  assert.ok(lines.includes('before'));
});

test('nothing is told where no service manager has started the process', () => {
  assert.equal(serviceManager({ standing: () => undefined, status: () => '' }, {}), undefined);
});
