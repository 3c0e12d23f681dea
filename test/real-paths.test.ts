/**
 * No false accusation of real kernels whose path loses, overtakes and doubles packets: a program forwards between two
 * TUN devices, each the only way out of a network namespace.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RESET_CLASSES } from '../src/flow/resets.ts';
import { Namespace, needsNamespaces, needsPython, needsTcpdump, type Scope } from './build/netns.ts';
import {
  assertAtMost,
  LATE_COPIES,
  LATE_SYNS,
  MAY_HAVE_COST,
  NO_RECYCLE,
  OVERTAKEN,
  PER_CONNECTION,
} from './build/no-accusation.ts';
import { folder } from './build/store-sample.ts';
import { tcpdump } from './build/tcpdump.ts';

/** Arguments: the two namespaces, then shares of packets lost, overtaken, doubled, and how late the last two may be. */
const FORWARD = `
import ctypes, fcntl, heapq, os, random, select, struct, sys, time
libc = ctypes.CDLL(None)
def tun(name):
    own, other = (os.open(path, os.O_RDONLY) for path in ('/proc/self/ns/net', '/var/run/netns/' + name))
    assert libc.setns(other, 0) == 0
    device = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, 0x400454ca, struct.pack('16sH22x', b'eth0', 0x1001))
    assert libc.setns(own, 0) == 0
    return device
a, b = tun(sys.argv[1]), tun(sys.argv[2])
lost, overtaken, doubled, late = map(float, sys.argv[3:])
chance, queue, number = random.Random(1), [], 0
poll = select.poll()
for device in (a, b): poll.register(device, select.POLLIN)
print('ready', flush=True)
while True:
    while queue and queue[0][0] <= time.monotonic():
        _, _, device, packet = heapq.heappop(queue)
        try: os.write(device, packet)
        except OSError: pass
    wait = max(0, (queue[0][0] - time.monotonic()) * 1000) if queue else 1000
    for device, _ in poll.poll(wait):
        try: packet = os.read(device, 65536)
        except OSError: continue
        if chance.random() < lost: continue
        at = time.monotonic() + 0.002
        if chance.random() < overtaken: at += chance.uniform(0, late)
        for again in range(2 if chance.random() < doubled else 1):
            number += 1
            heapq.heappush(queue, (at + again * chance.uniform(0, late), number, a if device == b else b, packet))
`;

const CONNECTIONS = 15;
/** Each connection has a port of its own: of those that the kernel draws, now and then two are the same. */
const FIRST_PORT = 20_000;
const CLIENT = '10.84.0.1';
const SERVER = '10.84.0.2';
/** Late copies make kernels send RSTs, each of which is told. None ends a connection that anybody still uses. */
const ANSWERED_COPIES = [
  ...RESET_CLASSES.map(kind => `reset-close info ${kind}`),
  ...['tw-assassination', 'ineffective', 'challenged'].map(kind => `reset-close notice ${kind}`),
];
/** Who closes first. */
const PORTS = { 80: 'end', 81: 'wait' } as const;

async function path(t: Scope, ...shares: readonly number[]): Promise<{ client: Namespace; server: Namespace }> {
  const [client, server] = [new Namespace(t, 'client'), new Namespace(t, 'server')];
  const forward = spawn('python3', ['-c', FORWARD, client.name, server.name, ...shares.map(String)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => forward.kill('SIGKILL'));
  await once(forward.stdout, 'data');
  for (const [end, address] of [
    [client, CLIENT],
    [server, SERVER],
  ] as const) {
    end.ip('address', 'add', `${address}/24`, 'dev', 'eth0');
    end.ip('link', 'set', 'eth0', 'up');
  }
  return { client, server };
}

for (const [what, shares] of [
  ['loses 3 %', [0.03, 0, 0, 0]],
  ['lets 20 % be overtaken', [0, 0.2, 0, 0.03]],
  ['doubles 20 %, the copy up to half a second later', [0, 0, 0.2, 0.5]],
  ['does all of it', [0.02, 0.1, 0.1, 0.2]],
] as const) {
  test(`real kernels, a path that ${what}`, { skip: needsNamespaces || needsPython || needsTcpdump }, async t => {
    const { client, server } = await path(t, ...shares);
    const files = await Promise.all(
      Object.entries({ client, server }).map(async ([name, end]) => {
        const file = join(folder(t), `${name}.pcap`);
        return { file, capture: await tcpdump(t, end, file) };
      }),
    );
    // The first line is there before the first packet is.
    await sleep(300);
    for (const [port, mode] of Object.entries(PORTS)) await server.serve(t, SERVER, Number(port), mode);
    const runs = [80, 81, 80, 81].map((port, run) =>
      client.connectingMany(SERVER, port, CONNECTIONS, FIRST_PORT + run * CONNECTIONS),
    );
    await Promise.all(runs);
    await sleep(600);
    for (const { capture } of files) await capture.end();
    for (const { file } of files) {
      // No port was used twice.
      await assertAtMost(
        { name: what, path: file },
        ...PER_CONNECTION,
        NO_RECYCLE,
        ...MAY_HAVE_COST,
        ...LATE_SYNS,
        'unanswered-syn info unknown',
        ...ANSWERED_COPIES,
        LATE_COPIES,
        OVERTAKEN,
      );
    }
  });
}
