/** `pawscope live` where somebody looks: on a terminal, which Python makes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { needsNamespaces, needsPython, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { BIN, pawscope } from '../run.ts';

const skip = needsNamespaces || needsPython;

/** Runs a command on a terminal of its own, which asks it how it goes and is closed, when it has shown its line. */
const TERMINAL = `import os, pty, signal, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
shown = b''
while b'listening on' not in shown: shown += os.read(fd, 4096)
until = time.time() + 1.5
os.set_blocking(fd, False)
told = False
while time.time() < until:
    if not told and time.time() > until - 0.4: told = os.kill(pid, signal.SIGUSR1) is None
    try: shown += os.read(fd, 4096)
    except BlockingIOError: time.sleep(0.02)
os.close(fd)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(status)
sys.stdout.write(shown.hex())`;

async function onTerminal(t: TestContext, cwd: string): Promise<{ status: number; shown: string }> {
  const { server } = pair(t);
  const command = [process.execPath, BIN, 'live', '-i', 'eth0', '-Z', 'root'];
  const python = server.spawn('python3', ['-c', TERMINAL, ...command], cwd);
  t.after(() => python.kill('SIGKILL'));
  const told = python.stdout!.setEncoding('utf8').toArray();
  await once(python, 'exit');
  const [status, shown = ''] = (await told).join('').split('\n');
  return { status: Number(status), shown: Buffer.from(shown, 'hex').toString() };
}

test('a terminal that is closed ends the run like SIGTERM, with everything kept', { skip }, async t => {
  const cwd = folder(t);
  const { status } = await onTerminal(t, cwd);
  assert.equal(status, 129);
  const { run } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.notEqual(run.status, 'running');
});

test('sentences stand on lines of their own, above the one that is renewed', { skip }, async t => {
  const { shown } = await onTerminal(t, folder(t));
  const before = shown.split('pawscope: ').slice(0, -1);
  assert.equal(before.length, 2, shown);
  for (const text of before)
    assert.ok(
      ['', '\n', '\x1b[2K'].some(end => text === end || (end && text.endsWith(end))),
      shown,
    );
});
