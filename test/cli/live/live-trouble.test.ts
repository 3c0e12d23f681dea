/** Faults made on real kernels, found while they happen. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Live, type StreamedFinding } from '../../build/live.ts';
import { join, Namespace, needsNamespaces, needsNft, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { BIN, pawscope } from '../run.ts';

/** 30,000 datagrams, far more than the smallest buffer holds. */
const FLOOD = `const socket = require('node:dgram').createSocket('udp4');
  const next = n => socket.send('x', 9, '10.71.0.2', () => (n > 0 ? next(n - 1) : socket.close()));
  next(30_000);`;

/** Connections that the server resets, one after the other. */
const RESETS = `const next = n => n > 0 && require('node:net').connect(80, '10.71.0.2')
    .on('connect', function () { this.write('x'); }).on('error', () => {}).on('close', () => next(n - 1));
  next(Number(process.argv[1]));`;

const isCollision = ({ rule, evidence }: StreamedFinding): boolean =>
  rule === 'port-reuse' && evidence.class === 'in-time-wait';

test('two clients behind a masquerade that gives both the same port are found at the gateway', {
  skip: needsNft,
}, async t => {
  const cwd = folder(t);
  const [first, second, gateway, server] = ['first', 'second', 'gateway', 'server'].map(name => new Namespace(t, name));
  join(first, 'eth0', gateway, 'in0', 72);
  join(second, 'eth0', gateway, 'in1', 73);
  join(gateway, 'out', server, 'eth0', 74);
  first.ip('route', 'add', 'default', 'via', '10.72.0.2');
  second.ip('route', 'add', 'default', 'via', '10.73.0.2');
  gateway.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  // The NAT forgets a closed connection at once, and the one port it has goes to whoever comes next.
  gateway.run(
    'nft',
    ['-f', '-'],
    `
    table ip nat {
      chain post {
        type nat hook postrouting priority 100;
        oifname "out" ip protocol tcp masquerade to :40000
      }
    }`,
  );
  for (const name of ['time_wait', 'last_ack', 'close', 'fin_wait']) {
    gateway.run('sysctl', ['-qw', `net.netfilter.nf_conntrack_tcp_timeout_${name}=1`]);
  }
  await server.serve(t, '10.74.0.2', 80, 'end');
  const live = new Live(t, gateway, cwd, ['-i', 'out', '-Z', 'root', 'tcp']);
  await live.listening();
  first.connect('10.74.0.2', 80);
  await sleep(2_500);
  second.connect('10.74.0.2', 80);
  await live.until(({ findings }) => findings.some(isCollision), 'the collision is told while it goes on');
  assert.equal(await live.end('SIGINT'), 130);
  const collision = live.findings.find(isCollision)!;
  assert.deepEqual(
    [collision.client, collision.client_port, collision.server, collision.evidence.owner],
    ['10.74.0.1', 40_000, '10.74.0.2', 'server'],
  );
});

test('packets that the kernel dropped are counted, told, and cost certainty and the status', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, '10.71.0.2', 80, 'end');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-B', '64', '-Z', 'root', '-a', 'duration:8']);
  await live.listening();
  live.process.kill('SIGSTOP');
  client.run(process.execPath, ['-e', FLOOD]);
  live.process.kill('SIGCONT');
  await sleep(1_000);
  client.connect('10.71.0.2', 80, 40_000);
  client.connect('10.71.0.2', 80, 40_000);
  assert.equal(await live.end(), 3);
  assert.match(live.stderr, /^pawscope: eth0: \d+ packets were dropped by the kernel, whose buffer was full/m);
  assert.match(live.stderr, /^pawscope: eth0: [\d,]+ packets dropped so far$/m);
  assert.ok(live.findings.some(isCollision), 'what came after is found');
  assert.ok(
    live.findings.every(({ confidence }) => confidence !== 'proof'),
    'but nothing is proved any more',
  );
  const { tally } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.ok(tally['dropped.kernel'] > 0);
});

test('a reader of the stream that goes away ends the capture', { skip: needsNamespaces }, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, '10.71.0.2', 80, 'end');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root']);
  await live.listening();
  client.connect('10.71.0.2', 80, 40_000);
  client.connect('10.71.0.2', 80, 40_000);
  await live.until(({ findings }) => findings.some(isCollision), 'the collision');
  live.process.stdout!.destroy();
  client.connect('10.71.0.2', 80, 40_000);
  assert.equal(await live.end(), 0);
  assert.ok(JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout).findings.some(isCollision));
});

test('a reader who goes away from a link where nothing comes ends the capture: a socket', {
  skip: needsNamespaces,
}, async t => {
  const live = new Live(t, pair(t).server, folder(t), ['-i', 'eth0', '-Z', 'root', 'tcp']);
  await live.listening();
  live.process.stdout!.destroy();
  const left = performance.now();
  assert.equal(await live.end(), 0);
  assert.ok(performance.now() - left < 8_000, 'within a few seconds');
});

test('a reader who goes away from a link where nothing comes ends the capture, and no sooner: a pipe', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const command = [process.execPath, BIN, 'live', '-i', 'eth0', '--format', 'ndjson', '-Z', 'root', 'tcp'];
  const live = pair(t).server.spawn(
    'sh',
    ['-c', '{ "$@"; echo "status $?" >&2; } | { sleep 4; echo left >&2; }', 'sh', ...command],
    cwd,
  );
  t.after(() => live.kill('SIGKILL'));
  const started = performance.now();
  let stderr = '';
  for await (const text of live.stderr!.setEncoding('utf8')) stderr += text;
  const took = performance.now() - started;
  assert.ok(took < 12_000, `${took} ${stderr}`);
  assert.match(stderr, /^left\n.*ended after 0 frames, with 0 findings.*\nstatus 0\n$/m);
});

test('a stream that cannot be written ends the capture, says why, and leaves the findings in the database', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, '10.71.0.2', 80, 'end');
  const command = [process.execPath, BIN, 'live', '-i', 'eth0', '--format', 'ndjson', '-Z', 'root'];
  const live = server.spawn('sh', ['-c', 'exec "$@" >/dev/full', 'sh', ...command], cwd);
  t.after(() => live.kill('SIGKILL'));
  const closed = once(live, 'close');
  let stderr = '';
  live.stderr!.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  while (!stderr.includes('listening on')) await sleep(50);
  client.connect('10.71.0.2', 80, 40_000);
  client.connect('10.71.0.2', 80, 40_000);
  assert.equal((await closed)[0], 2);
  assert.match(stderr, /^pawscope: standard output cannot be written: no space left on the disk$/m);
  assert.ok(JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout).findings.some(isCollision));
});

test('whoever does not read the findings cannot keep live from ending, and what he has not taken is said', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, '10.71.0.2', 80, 'reset');
  const words = ['live', '-i', 'eth0', '--format', 'ndjson', '-Z', 'root', '--metrics', '9477'];
  const live = server.spawn(process.execPath, [BIN, ...words], cwd);
  t.after(() => live.kill('SIGKILL'));
  const exited = once(live, 'exit');
  let stderr = '';
  live.stderr!.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  while (!stderr.includes('listening on')) await sleep(50);
  const COUNT = 400;
  client.run(process.execPath, ['-e', RESETS, String(COUNT)]);
  const stored = (): number => {
    const { findings } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
    return findings.length;
  };
  for (let tries = 0; !stderr.includes('nobody reads standard output: findings wait in the database'); tries++) {
    assert.ok(tries < 200, `${stored()} ${stderr}`);
    await sleep(200);
  }
  const health = server.run('curl', ['-s', 'http://127.0.0.1:9477/healthz']);
  assert.match(health, /nobody has read standard output for \d+ s: findings wait in the database/);
  const told = performance.now();
  live.kill('SIGTERM');
  assert.equal((await exited)[0], 143);
  assert.ok(performance.now() - told < 8_000, 'within a few seconds');
  const [, untaken] = /(\d+) findings were not written to standard output, which nobody reads; all are in/.exec(
    stderr,
  )!;
  assert.ok(Number(untaken) > 100 && Number(untaken) < stored(), stderr);
  const { runs, run } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.equal((runs?.[0] ?? run).status, 'done');
});

test('a database that does not come back ends the run, so that a service begins anew', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { server } = pair(t);
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root', '--db', 'gone.db']);
  await live.listening();
  rmSync(path.join(cwd, 'gone.db'));
  assert.equal(await live.end(), 2);
  assert.match(live.stderr, /gone\.db has not come back: the run ends/);
});

for (const format of ['text', 'ndjson']) {
  for (const user of ['nobody', 'root']) {
    test(`a database that is removed is told when it is seen, and no findings are promised in it: ${format}, ${user}`, {
      skip: needsNamespaces,
    }, async t => {
      const cwd = folder(t);
      chmodSync(cwd, 0o755);
      const { client, server } = pair(t);
      await server.serve(t, '10.71.0.2', 80, 'end');
      const words = ['live', '-i', 'eth0', '--db', 'gone.db', '--format', format, '-Z', user, 'tcp'];
      const live = server.spawn(process.execPath, [BIN, ...words], cwd);
      t.after(() => live.kill('SIGKILL'));
      const closed = once(live, 'close');
      let stderr = '';
      let stdout = '';
      live.stderr!.setEncoding('utf8').on('data', text => {
        stderr += text;
      });
      live.stdout!.setEncoding('utf8').on('data', text => {
        stdout += text;
      });
      while (!stderr.includes('listening on')) await sleep(50);
      client.connect('10.71.0.2', 80, 40_000);
      client.connect('10.71.0.2', 80, 40_000);
      const file = path.join(cwd, 'gone.db');
      rmSync(file);
      while (!stderr.includes('gone.db was removed or replaced: findings are written where nobody')) await sleep(50);
      await sleep(1_500);
      live.kill('SIGINT');
      // No clean flush, whoever ended it.
      assert.equal((await closed)[0], 2);
      assert.doesNotMatch(stdout, /gone\.db/);
      const [noticed, ...end] = stderr.split('\n').filter(line => line.includes('gone.db'));
      assert.match(noticed!, /was removed or replaced: findings are written where nobody can read them; start again$/);
      assert.equal(end.length, 1, stderr);
      const stays = existsSync(`${file}-wal`) ? '; gone.db-wal belongs to it, and to no new one' : '';
      const sentence = 'was removed, renamed or replaced while it was written: the findings went with it';
      assert.equal(end[0], `pawscope: gone.db ${sentence}${stays}`);
    });
  }
}
