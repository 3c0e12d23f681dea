import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Live } from '../../build/live.ts';
import { needsNamespaces, needsPython, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { pawscope } from '../run.ts';

const SERVER = '10.71.0.2';
const SYNS = 150_000;
/** SYNs a second, where the machine is fast enough: a closed flow outlives half a second of them. */
const RATE = 75_000;
const MAX_FLOWS = 40_000;

/** SYNs of as many tuples to one port, in frames that no host takes for its own. */
const FLOOD = `import socket, struct, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0x0800))
ethernet = bytes([2] * 6 + [4] * 6) + struct.pack('!H', 0x0800)
began = time.monotonic()
for i in range(${SYNS}):
    if i % 250 == 0: time.sleep(max(0, began + i / ${RATE} - time.monotonic()))
    ip = struct.pack('!BBHHHBBHII', 0x45, 0, 40, i & 0xffff, 0, 64, 6, 0, 0x0b000000 + i * 7, 0x0a470002)
    s.send(ethernet + ip + struct.pack('!HHIIHHHH', 1024 + i % 60000, 443, i, 0, 0x5002, 64240, 0, 0) + bytes(6))
`;

test('a SYN flood costs no more memory than was allowed, is counted, and hides no real fault in its middle', {
  skip: needsNamespaces || needsPython,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'end');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root', '--max-flows', String(MAX_FLOWS), 'tcp']);
  await live.listening();
  const flood = client.spawn('python3', ['-c', FLOOD]);
  const over = once(flood, 'exit');
  await sleep(700);
  assert.equal(client.connectTwice(SERVER, 80, 40_000), 'closed closed');
  assert.equal(flood.exitCode, null, 'the flood goes on');
  assert.equal((await over)[0], 0);
  await live.until(
    ({ findings }) => findings.some(({ rule, client_port }) => rule === 'port-reuse' && client_port === 40_000),
    'the real TIME_WAIT collision',
  );
  const status = readFileSync(`/proc/${live.process.pid}/status`, 'latin1');
  const memory = Number(/VmHWM:\s*(\d+)/.exec(status)![1]) / 1024;
  await live.end('SIGINT');
  const { tally } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  const seen = tally.frames - 20;
  assert.ok(tally.flows >= seen && tally['evicted.flows'] >= seen - MAX_FLOWS, JSON.stringify(tally));
  assert.ok(tally.frames + (tally['dropped.kernel'] ?? 0) >= SYNS, JSON.stringify(tally));
  assert.ok(memory < 500, `${memory} MiB`);
});
