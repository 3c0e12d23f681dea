import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openForReading } from '../../../src/store/database.ts';
import { Live, type StreamedFinding } from '../../build/live.ts';
import { needsNamespaces, needsTcpdump, pair } from '../../build/netns.ts';
import { folder } from '../../build/store-sample.ts';
import { BIN, pawscope } from '../run.ts';

const SERVER = '10.71.0.2';

/** What a finding says, without what depends on the nanosecond at which a packet was stamped. */
const findingKey = ({ rule, severity, client, client_port, server, server_port, evidence }: StreamedFinding): string =>
  [rule, severity, `${client}:${client_port}`, `${server}:${server_port}`, evidence.class, evidence.outcome].join(' ');

/**
 * Twelve million bytes, for a buffer of eight; cut, they are 50 kB. They are few, since the kernel hands over a block of
 * its ring after some milliseconds, full or not.
 */
const LARGE_DATAGRAMS = `const sender = require('dgram').createSocket('udp4');
let left = 200;
const next = () => left-- > 0 ? sender.send(Buffer.alloc(60_000), 9, '${SERVER}', next) : sender.close();
next();`;

const stored = (cwd: string, database: string): StreamedFinding[] =>
  JSON.parse(pawscope(cwd, ['findings', database, '--format', 'json']).stdout).findings;

test('live and tcpdump see the same traffic and give the same findings', { skip: needsTcpdump }, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'end');
  await server.serve(t, SERVER, 81, 'reset');
  const dump = server.spawn('tcpdump', ['-i', 'eth0', '-U', '--immediate-mode', '-w', join(cwd, 'dump.pcap'), 'tcp']);
  await once(dump.stderr!, 'data');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '--db', 'live.db', '-Z', 'root', 'tcp']);
  await live.listening();
  client.connect(SERVER, 80, 40_000);
  client.connect(SERVER, 80, 40_000); // meets the TIME_WAIT that the server holds
  client.connect(SERVER, 81);
  client.connect(SERVER, 82); // nobody listens there
  const isReuse = ({ rule, evidence }: StreamedFinding): boolean =>
    rule === 'port-reuse' && evidence.class === 'in-time-wait';
  await live.until(({ findings }) => findings.some(isReuse), 'the TIME_WAIT collision is told while it goes on');
  await sleep(200);
  dump.kill('SIGINT');
  await once(dump, 'exit');
  assert.equal(await live.end('SIGINT'), 130);
  assert.equal(pawscope(cwd, ['analyze', '-q', 'dump.pcap', '--db', 'dump.db']).status, 0);
  const findingKeys = live.findings.map(findingKey).sort();
  assert.deepEqual(findingKeys, stored(cwd, 'dump.db').map(findingKey).sort());
  assert.deepEqual(stored(cwd, 'live.db').map(findingKey).sort(), findingKeys, 'what was streamed has been stored');
  assert.ok(
    findingKeys.some(text => text.startsWith('reset-close') && text.includes(`${SERVER}:81`)),
    findingKeys.join('\n'),
  );
  assert.equal(statSync(join(cwd, 'live.db')).mode & 0o777, 0o600);
});

test('-c ends after exactly so many frames, with 0', { skip: needsNamespaces }, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'wait');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-c', '5', '-Z', 'root', 'tcp', 'port', '80']);
  await live.listening();
  client.connect(SERVER, 80);
  assert.equal(await live.end(), 0);
  const { tally, captures } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.equal(tally.frames, 5);
  assert.match(
    live.stderr,
    /^pawscope: ended after 5 frames, with \d+ findings?; pawscope findings pawscope\.db shows them$/m,
  );
  assert.deepEqual([captures[0].source, captures[0].format], ['eth0', 'live']);
});

test('live has no thread more than it is told to', { skip: needsNamespaces }, async t => {
  const cwd = folder(t);
  const { server } = pair(t);
  for (const [args, shards] of [
    [[], 1],
    [['--workers', '2'], 2],
  ] as const) {
    const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root', '--metrics', '9477', ...args]);
    await live.listening();
    assert.match(server.run('curl', ['-s', 'http://127.0.0.1:9477/metrics']), new RegExp(`shards="${shards}"`));
    assert.equal(await live.end('SIGINT'), 130);
  }
});

test('of a large packet no more than the snap length takes room in the kernel, also without a filter', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  for (const end of [client, server]) end.ip('link', 'set', 'eth0', 'mtu', '65000');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-B', '8192', '-Z', 'root']);
  await live.listening();
  live.process.kill('SIGSTOP');
  client.run(process.execPath, ['-e', LARGE_DATAGRAMS]);
  live.process.kill('SIGCONT');
  assert.equal(await live.end('SIGINT'), 130);
  const { tally } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.ok(tally.frames >= 200, JSON.stringify(tally));
  assert.equal(tally['dropped.kernel'], undefined);
});

test('several interfaces and any are one stream, and time goes on where nothing comes', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'end');
  const live = new Live(t, server, cwd, ['-i', 'lo', '-i', 'eth0', '-Z', 'root']);
  const any = new Live(t, server, cwd, ['-i', 'any', '--db', 'any.db', '-Z', 'root']);
  await Promise.all([live.listening(), any.listening()]);
  client.connect(SERVER, 80, 40_000);
  client.connect(SERVER, 80, 40_000);
  const found = (one: Live): boolean => one.findings.some(({ rule }) => rule === 'port-reuse');
  await live.until(found, 'lo is silent and does not hold up eth0');
  await any.until(found, 'any');
  assert.equal(await live.end('SIGTERM'), 143);
  assert.equal(await any.end('SIGTERM'), 143);
});

test('a kill leaves a database that opens, with what had been found', { skip: needsNamespaces }, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'end');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root']);
  await live.listening();
  client.connect(SERVER, 80, 40_000);
  client.connect(SERVER, 80, 40_000);
  await live.until(({ findings }) => findings.some(({ rule }) => rule === 'port-reuse'), 'a finding');
  await live.end('SIGKILL');
  const ids = stored(cwd, 'pawscope.db').map(({ id }) => id);
  assert.deepEqual(
    ids,
    live.findings.map(({ id }) => id),
  );
});

test('an interface that is removed ends the run with 3 where that was asked for', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { server } = pair(t);
  const live = new Live(t, server, cwd, ['-i', 'eth0', '--on-source-lost', 'exit', '-Z', 'root']);
  await live.listening();
  server.ip('link', 'del', 'eth0');
  assert.equal(await live.end(), 3);
  assert.match(live.stderr, /^pawscope: eth0: the interface was lost: [a-z][^\n]+$/m);
});

test('of two interfaces the one that is removed ends the run as well, with what the other has seen', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'end');
  server.ip('link', 'add', 'spare0', 'type', 'veth', 'peer', 'name', 'spare1');
  for (const end of ['spare0', 'spare1']) server.ip('link', 'set', end, 'up');
  const both = ['-i', 'spare0', '-i', 'eth0', '--on-source-lost', 'exit', '-Z', 'root', 'tcp'];
  const live = new Live(t, server, cwd, both);
  await live.listening();
  client.connect(SERVER, 80, 40_000);
  client.connect(SERVER, 80, 40_000);
  server.ip('link', 'del', 'spare0');
  assert.equal(await live.end(), 3);
  assert.match(live.stderr, /^pawscope: spare0: the interface was lost: [a-z][^\n]+; the run ends$/m);
  assert.match(live.stderr, /^pawscope: spare0: the interface was lost: [a-z][^\n;]+$/m);
  assert.ok(stored(cwd, 'pawscope.db').some(({ rule }) => rule === 'port-reuse'));
});

test('an interface that comes back is captured again, as nobody but with CAP_NET_RAW', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { client, server } = pair(t);
  const live = new Live(t, server, cwd, ['-i', 'eth0']);
  await live.listening();
  server.ip('link', 'del', 'eth0');
  await live.until(({ stderr }) => /the interface was lost: .*; trying to open it again/.test(stderr), 'lost');
  client.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', server.name);
  client.ip('address', 'add', '10.71.0.1/24', 'dev', 'eth0');
  server.ip('address', 'add', `${SERVER}/24`, 'dev', 'eth0');
  server.ip('link', 'set', 'eth0', 'up');
  client.ip('link', 'set', 'eth0', 'up');
  await live.until(({ stderr }) => stderr.includes('eth0: capturing again after'), 'found again');
  await server.serve(t, SERVER, 80, 'end');
  client.connect(SERVER, 80, 40_000);
  client.connect(SERVER, 80, 40_000);
  await live.until(({ findings }) => findings.some(({ rule }) => rule === 'port-reuse'), 'a finding after the gap');
  assert.ok(
    live.findings.every(
      ({ rule, ...rest }) => rule !== 'port-reuse' || (rest as { confidence?: string }).confidence !== 'proof',
    ),
  );
  assert.equal(await live.end('SIGINT'), 130);
  assert.match(
    live.stderr,
    /eth0: nothing was captured for about \d+ s until \d{4}-\d\d-\d\dT[\d:]{8}Z: the interface was gone/,
  );
});

test('an interface that goes down and comes up is told and captured on', { skip: needsNamespaces }, async t => {
  const cwd = folder(t);
  const { server } = pair(t);
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root']);
  await live.listening();
  server.ip('link', 'set', 'eth0', 'down');
  await live.until(({ stderr }) => stderr.includes('eth0: the interface is down; waiting for it'), 'down');
  server.ip('link', 'set', 'eth0', 'up');
  await live.until(({ stderr }) => stderr.includes('eth0: the interface is up again'), 'up');
  server.ip('link', 'set', 'eth0', 'down');
  await live.until(({ stderr }) => stderr.split('waiting for it').length === 3, 'down again');
  assert.equal(await live.end('SIGINT'), 130);
  const twice =
    /nothing was captured for \d+\.\d s in all: the interface was down 2 times, the last time for \d\.\d s from /;
  assert.match(live.stderr, twice);
  const { captures } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.match(JSON.stringify(captures), twice);
});

test('an interface without a link is told until it has one again', { skip: needsNamespaces }, async t => {
  const { client, server } = pair(t);
  const live = new Live(t, server, folder(t), ['-i', 'eth0', '-Z', 'root']);
  await live.listening();
  client.ip('link', 'set', 'eth0', 'down');
  await live.until(({ stderr }) => stderr.includes('eth0: the interface has no link, as without a cable;'), 'no link');
  process.kill(live.process.pid!, 'SIGUSR1');
  await live.until(({ stderr }) => stderr.includes(', eth0 is without link\n'), 'status');
  client.ip('link', 'set', 'eth0', 'up');
  await live.until(({ stderr }) => stderr.includes('eth0: the interface has a link again'), 'link');
  assert.equal(await live.end('SIGINT'), 130);
  assert.doesNotMatch(live.stderr, /was down|is down/);
});

test('an interface is not taken for down because one of that name is, in the namespace that /sys shows', {
  skip: needsNamespaces,
}, t => {
  const { server } = pair(t);
  const { server: elsewhere } = pair(t);
  elsewhere.ip('link', 'set', 'eth0', 'down');
  const args = ['live', '-i', 'eth0', '-a', 'duration:3', '--db', ':memory:', '-Z', 'root'];
  const said = elsewhere.run('nsenter', [`--net=/run/netns/${server.name}`, process.execPath, BIN, ...args]);
  assert.match(said, /eth0 +live, Ethernet/);
  assert.doesNotMatch(said, /down/);
});

test('what cannot be captured on is one sentence that says what to do, and 2', { skip: needsNamespaces }, t => {
  const cwd = folder(t);
  for (const [args, sentence] of [
    [['live', '-i', 'lo', '--filter', 'tcp', 'port', '80'], /--filter "tcp" and "port 80" are both filters; give one/],
    [['live'], /name an interface with -i, or any; pawscope interfaces lists them/],
    [['live', '-i', 'eth99'], /^pawscope: eth99: there is no such interface; pawscope interfaces lists them\n$/],
    [
      ['live', '-i', 'lo', 'tcp', 'porrt', '80'],
      /^pawscope: lo: the filter "tcp porrt 80" cannot be used: .*syntax error\n$/,
    ],
    [['live', '-i', 'lo', '-Z', 'no-such-user'], /^pawscope: -Z: there is no user no-such-user; /],
    [['live', '-i', 'lo', '-Z', ''], /^pawscope: -Z: the name of the user is empty; is a variable not set\?\n$/],
    [['live', '-i', 'lo', '-i', ''], /^pawscope: -i: the name is empty; is a variable not set\?\n$/],
    [
      ['live', '-i', 'nflog'],
      /^pawscope: nflog: is not a network interface; use one listed by "pawscope interfaces", or any/,
    ],
    [['live', '-i', 'nfqueue:3'], /^pawscope: nfqueue:3: is not a network interface; /],
    [['live', '-i', 'lo', '-a', '60'], /It must be duration:SECONDS/],
    [['live', '-i', 'lo', '-a', 'duration:9999999'], /above 0 and at most 2147483 \(24 days\)/],
  ] as const) {
    const { status, stderr } = pawscope(cwd, args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
  }
});

test('a write-ahead log that stays beside the database is told, with why and what to do', {
  skip: needsNamespaces,
}, async t => {
  const cwd = folder(t);
  const { server } = pair(t);
  const first = new Live(t, server, cwd, ['-i', 'eth0']);
  await first.listening();
  assert.equal(await first.end('SIGINT'), 130);
  assert.match(
    first.stderr,
    /^pawscope: pawscope\.db-wal and pawscope\.db-shm stay beside the database and belong to it, as the user nobody may not remove them; to merge them: sudo sqlite3 pawscope\.db /m,
  );
  const second = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root']);
  await second.listening();
  const reader = openForReading(join(cwd, 'pawscope.db'));
  t.after(() => reader.close());
  assert.equal(reader.prepare('SELECT count(*) FROM run').pluck().get(), 2);
  assert.equal(await second.end('SIGINT'), 130);
  assert.match(second.stderr, /^pawscope: another program has pawscope\.db open: pawscope\.db-wal belongs to the /m);
  reader.close();
  const third = new Live(t, server, cwd, ['-i', 'eth0', '-Z', 'root']);
  await third.listening();
  assert.equal(await third.end('SIGINT'), 130);
  assert.doesNotMatch(third.stderr, /-wal/);
  assert.deepEqual(readdirSync(cwd), ['pawscope.db']);
});

test('without the right to capture, live and interfaces say how to get it', { skip: needsNamespaces }, t => {
  const cwd = folder(t);
  for (const args of [['live', '-i', 'lo', '--db', ':memory:'], ['interfaces']]) {
    // Root without the capability is what an unprivileged user is to the kernel; the files of this clone stay readable.
    const { server } = pair(t);
    const script = 'exec setpriv --bounding-set=-net_raw --inh-caps=-net_raw "$@"';
    let stderr = '';
    try {
      server.run('sh', ['-c', script, 'sh', process.execPath, BIN, ...args]);
      assert.fail(args.join(' '));
    } catch (error) {
      assert.equal((error as { status: number }).status, 2);
      stderr = String((error as { stderr: string }).stderr);
    }
    assert.match(stderr, /^pawscope: [^\n]*CAP_NET_RAW[^\n]*setpriv[^\n]*\n$/);
    assert.doesNotMatch(stderr, /setcap/);
  }
  assert.equal(pawscope(cwd, ['interfaces']).status, 0);
});
