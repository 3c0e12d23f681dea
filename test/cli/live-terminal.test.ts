/** `pawscope live` where somebody looks: on a terminal, which Python makes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { needsNamespaces, needsPython, pair } from '../build/netns.ts';
import { folder } from '../build/store-sample.ts';
import { BIN, pawscope } from './run.ts';

const skip = needsNamespaces || needsPython;

/** Runs a command on a terminal of its own, which closes when `listening` has come and a second has passed. */
const TERMINAL = `import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
shown = b''
while b'listening on' not in shown: shown += os.read(fd, 4096)
until = time.time() + 1.5
os.set_blocking(fd, False)
while time.time() < until:
    try: shown += os.read(fd, 4096)
    except BlockingIOError: time.sleep(0.02)
os.close(fd)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(status)
sys.stdout.write(repr(shown.decode()))`;

async function onTerminal(t: TestContext, cwd: string): Promise<{ status: number; shown: string }> {
  const { server } = pair(t);
  const command = [process.execPath, BIN, 'live', '-i', 'eth0', '-Z', 'root'];
  const python = server.spawn('python3', ['-c', TERMINAL, ...command], cwd);
  t.after(() => python.kill('SIGKILL'));
  const told = python.stdout!.setEncoding('utf8').toArray();
  await once(python, 'exit');
  const [status, shown = ''] = (await told).join('').split('\n');
  return { status: Number(status), shown };
}

test('a terminal that is closed ends the run like SIGTERM, with everything kept', { skip }, async t => {
  const cwd = folder(t);
  const { status } = await onTerminal(t, cwd);
  assert.equal(status, 129);
  const { run } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.notEqual(run.status, 'running');
});
