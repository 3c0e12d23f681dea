/** The packets of a live run in files of its own, and what can be made of them afterwards. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Live, type StreamedFinding } from '../../build/live.ts';
import { join as cable, Namespace, needsNamespaces, pair } from '../../build/netns.ts';
import { smallDisk } from '../../build/small-disk.ts';
import { folder } from '../../build/store-sample.ts';
import { chatter, serveChat } from '../../build/traffic.ts';
import { BIN, pawscope } from '../run.ts';

const SERVER = '10.71.0.2';
const TSHARK = spawnSync('tshark', ['--version']).error === undefined;
const needsTshark = needsNamespaces || (TSHARK ? false : 'skipped: needs tshark');

/** A folder in which everybody may write, as nobody has to. */
function open(t: TestContext): string {
  const cwd = folder(t);
  chmodSync(cwd, 0o777);
  return cwd;
}

/** A collision with a TIME_WAIT and a refused connection, captured; ended when the collision has been told. */
async function captured(t: TestContext, cwd: string, args: readonly string[]): Promise<Live> {
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'end');
  await server.serve(t, SERVER, 81, 'reset');
  const live = new Live(t, server, cwd, ['-i', 'eth0', ...args, 'tcp']);
  await live.listening();
  client.connect(SERVER, 80, 40_000);
  client.connect(SERVER, 80, 40_000);
  client.connect(SERVER, 81);
  await live.until(({ findings }) => findings.some(({ rule }) => rule === 'port-reuse'), 'a finding');
  await sleep(200);
  assert.equal(await live.end('SIGINT'), 130, live.stderr);
  return live;
}

const nobody = (): number => Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
const reuse = ({ findings }: Live): StreamedFinding => findings.find(({ rule }) => rule === 'port-reuse')!;
const findingKey = ({ rule, severity, client_port, server_port, evidence }: StreamedFinding): string =>
  [rule, severity, client_port, server_port, evidence.class, evidence.outcome].join(' ');
/** Where the records of a pcap of this machine end, and the first one begins. */
function recordEnds(bytes: Buffer): number[] {
  const ends = [24];
  const lengthAt = (at: number): number => (endianness() === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  for (let at = 24; at < bytes.length; ends.push(at)) at += 16 + lengthAt(at + 8);
  return ends;
}

const ring = (cwd: string): string[] =>
  readdirSync(cwd)
    .filter(name => name.startsWith('ring.pcap'))
    .sort();

test('the files of a live run, written as nobody, hold what it saw, and a finding is sliced out of them', {
  skip: needsTshark,
}, async t => {
  const cwd = open(t);
  const live = await captured(t, cwd, ['-w', 'ring.pcap', '-C', '1k', '-W', '50']);
  const files = ring(cwd);
  assert.ok(files.length > 1, files.join());
  for (const file of files) {
    const { mode, uid } = statSync(join(cwd, file));
    assert.deepEqual([mode & 0o777, uid], [0o600, nobody()], file);
  }
  const again = pawscope(cwd, ['analyze', ...files, '--db', 'again.db', '--format', 'json']);
  assert.equal(again.status, 0, again.stderr);
  const { findings, tally } = JSON.parse(again.stdout);
  assert.deepEqual(findings.map(findingKey).sort(), live.findings.map(findingKey).sort());
  const before = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.equal(tally.frames, before.tally.frames);
  const { id } = reuse(live);
  const sliced = pawscope(cwd, ['slice', id, '-o', 'out.pcap']);
  assert.deepEqual([sliced.status, sliced.stderr], [0, '']);
  const ports = execFileSync('tshark', ['-r', 'out.pcap', '-T', 'fields', '-e', 'tcp.port'], { cwd, encoding: 'utf8' });
  assert.ok(ports.includes('40000'));
  assert.deepEqual(
    ports
      .trim()
      .split('\n')
      .filter(line => !line.split(',').includes('40000')),
    [],
  );
  const alone = pawscope(cwd, ['analyze', 'out.pcap', '--db', ':memory:', '--format', 'ndjson']);
  assert.match(alone.stdout, /"port-reuse"/);
});

/** Seconds by which the clock of a nanosecond pcap of this machine steps back, of those packets where it does. */
function stepsBack(bytes: Buffer): number[] {
  const wordAt = (at: number): number => (endianness() === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const times = recordEnds(bytes)
    .slice(0, -1)
    .map(at => wordAt(at) + wordAt(at + 4) / 1e9);
  return times.slice(1).flatMap((time, i) => (time < times[i] ? times[i] - time : []));
}

test('the packets of several interfaces, one of them silent, are kept in the order in which they were analysed', {
  skip: needsNamespaces,
}, async t => {
  const cwd = open(t);
  const { client, server } = pair(t);
  const second = new Namespace(t, 'second');
  cable(second, 'eth0', server, 'eth1', 72);
  second.ip('route', 'add', '10.71.0.0/24', 'via', '10.72.0.2');
  await serveChat(t, server);
  const interfaces = ['eth0', 'eth1', 'lo'].flatMap(name => ['-i', name]);
  const live = new Live(t, server, cwd, [...interfaces, '-w', 'ring.pcap', '-C', '100k', 'tcp']);
  await live.listening();
  const hush = [chatter(t, client), chatter(t, second)];
  await sleep(4_000);
  for (const end of hush) end();
  assert.equal(await live.end('SIGINT'), 130, live.stderr);
  const files = ring(cwd);
  assert.ok(files.length > 1, files.join());
  // Of one interface's packets the kernel itself may hand over some microseconds late.
  const late = files.flatMap(file => stepsBack(readFileSync(join(cwd, file)))).filter(seconds => seconds > 0.001);
  assert.deepEqual(late, []);
  const again = pawscope(cwd, ['analyze', ...files, '--db', 'again.db', '--format', 'json']);
  assert.equal(again.status, 0, again.stderr);
  const before = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  const { findings, tally } = JSON.parse(again.stdout);
  assert.equal(tally.frames, before.tally.frames);
  const reuses = (all: StreamedFinding[]): string[] => all.filter(({ rule }) => rule === 'port-reuse').map(findingKey);
  assert.ok(reuses(findings).length > 10, again.stdout);
  assert.deepEqual(reuses(findings).sort(), reuses(before.findings).sort());
});

test('a ring that has come round says how many files there are and which is the oldest', {
  skip: needsNamespaces,
}, async t => {
  const cwd = open(t);
  const { client, server } = pair(t);
  await server.serve(t, SERVER, 80, 'end');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-w', 'ring.pcap', '-C', '1k', '-W', '3', 'tcp']);
  await live.listening();
  const born = (name: string): number => statSync(join(cwd, name)).birthtimeMs;
  const round = (): boolean => ring(cwd).length === 3 && born('ring.pcap0') > born('ring.pcap2');
  for (let tries = 0; tries < 30 && !round(); tries++) client.connect(SERVER, 80);
  await sleep(200);
  assert.equal(await live.end('SIGINT'), 130);
  const { captures } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  const [oldest, , newest] = ring(cwd)
    .sort((a, b) => born(a) - born(b))
    .map(name => join(cwd, name));
  assert.equal(
    captures[0].note[0].text,
    `packets are kept in 3 files, of which ${oldest} is the oldest and ${newest} the newest`,
  );
});

test('a ring that has come round before root was given up goes on in a folder where only owners may remove', {
  skip: needsNamespaces,
}, async t => {
  const cwd = open(t);
  chmodSync(cwd, 0o1777);
  const { client, server } = pair(t);
  await serveChat(t, server);
  const hush = chatter(t, client);
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-w', 'ring.pcap', '-C', '1k', '-W', '3', 'tcp']);
  await live.listening();
  await live.until(() => ring(cwd).length === 3, 'three files');
  await sleep(500);
  hush();
  assert.equal(await live.end('SIGINT'), 130);
  assert.doesNotMatch(live.stderr, /cannot be written/);
  assert.deepEqual(
    ring(cwd).map(name => statSync(join(cwd, name)).uid),
    [nobody(), nobody(), nobody()],
  );
});

test('what the ring has lost is told, and what is left is written; nothing left is a sentence, and 2', {
  skip: needsNamespaces,
}, async t => {
  const cwd = open(t);
  const live = await captured(t, cwd, ['-w', 'ring.pcap']);
  const { id } = reuse(live);
  const file = join(cwd, 'ring.pcap');
  assert.equal(pawscope(cwd, ['slice', id, '-o', file]).status, 2, 'it is not overwritten');
  const ends = recordEnds(readFileSync(file));
  let partly = pawscope(cwd, ['slice', id, '-o', 'out.pcap']);
  assert.equal(partly.status, 0, partly.stderr);
  while (partly.status === 0) {
    truncateSync(file, ends.pop()!);
    partly = pawscope(cwd, ['slice', id, '-o', 'out.pcap']);
  }
  assert.equal(partly.status, 3, partly.stderr);
  assert.match(
    partly.stderr,
    /^pawscope: \d+ packets? of those that prove it (?:is|are) no longer in the files; [^\n]+\n$/,
  );
  rmSync(file);
  const gone = pawscope(cwd, ['slice', id, '-o', 'none.pcap']);
  assert.equal(gone.status, 2);
  assert.match(gone.stderr, /^pawscope: eth0 was captured live, and [^\n]+ring\.pcap is gone\n$/);
  assert.ok(!existsSync(join(cwd, 'none.pcap')));
});

for (const [interfaces, more] of [
  ['one interface', []],
  ['several', ['-i', 'lo']],
] as const) {
  test(`a full disk is said once and counted, and findings still come: ${interfaces}`, {
    skip: needsNamespaces,
  }, async t => {
    const cwd = open(t);
    const small = smallDisk(t, '4k');
    const live = await captured(t, cwd, [...more, '-w', join(small, 'ring.pcap'), '-C', '1k']);
    const told = live.stderr.split('\n').filter(line => line.includes('no space left on the disk'));
    assert.equal(told.length, 1, live.stderr);
    const { tally } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
    assert.ok(tally['evidence.lost'] > 0, JSON.stringify(tally));
    const { id } = live.findings.findLast(({ rule }) => rule === 'reset-close')!;
    const { status, stderr } = pawscope(cwd, ['slice', id, '-o', 'out.pcap']);
    assert.deepEqual([status, existsSync(join(cwd, 'out.pcap'))], [2, false], stderr);
    const why =
      /no longer in the files, or never were \(\d+ packets could not be kept: \S+ cannot be written: no space /;
    assert.match(stderr, why);
  });
}

test('packets that were not kept are status 3 of a run that is whole', { skip: needsNamespaces }, async t => {
  const cwd = open(t);
  const small = smallDisk(t, '4k');
  const { client, server } = pair(t);
  await serveChat(t, server);
  const live = new Live(t, server, cwd, ['-i', 'eth0', '-w', join(small, 'a.pcap'), '-c', '200', 'tcp']);
  await live.listening();
  chatter(t, client);
  assert.equal(await live.end(), 3);
  const { run, tally } = JSON.parse(pawscope(cwd, ['findings', '--format', 'json']).stdout);
  assert.equal(run.status, 'done');
  assert.ok(tally['evidence.lost'] > 0, JSON.stringify(tally));
  assert.ok(!tally['dropped.kernel']);
});

test('what cannot be kept is one sentence before anything is captured, and 2', { skip: needsNamespaces }, t => {
  const refused = (cwd: string, server: Namespace, args: readonly string[], sentence: RegExp): void => {
    let stderr = '';
    try {
      const script = 'cd "$1" && shift && exec "$@"';
      server.run('sh', ['-c', script, 'sh', cwd, process.execPath, BIN, 'live', '-i', 'eth0', ...args]);
      assert.fail(args.join(' '));
    } catch (error) {
      assert.equal((error as { status: number }).status, 2, String((error as { stderr: string }).stderr));
      stderr = String((error as { stderr: string }).stderr);
    }
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
    assert.match(stderr, sentence);
    assert.deepEqual(readdirSync(cwd), []);
  };
  const { server } = pair(t);
  const cwd = folder(t);
  refused(cwd, server, ['-w', 'a.pcap'], /-w: nobody, who writes it once root is given up, may not write in \//);
  refused(cwd, server, ['-w', 'none/a.pcap', '-Z', 'root'], /-w: the folder \S+none does not exist; create it, /);
  refused(cwd, server, ['-w', 'none/a.pcap'], /-w: the folder \S+none does not exist; create it, /);
  refused(cwd, server, ['-w', 'a', '--db', './a', '-Z', 'root'], /-w and --db both name a; packets and findings need /);
  // The next try finds no file of this one in its way.
  refused(
    cwd,
    server,
    ['-w', 'a.pcap', '-Z', 'root', '--db', 'none/a.db'],
    /none\/a\.db: the folder none does not exist/,
  );
  refused(cwd, server, ['-w', 'a', '-C', '1', '-Z', 'root', '--db', '.'], /is a folder; name a database file in it/);
  refused(cwd, server, ['-w', ''], /-w: the name of the file is empty/);
  const both =
    /-w: eth0, link type 1 \(ETHERNET\), and any, link type 113 \([^)]+\), have different link types, which one pcap file cannot hold/;
  refused(cwd, server, ['-i', 'any', '-w', 'a.pcap', '-Z', 'root'], both);
  refused(cwd, server, ['-C', '1'], /-C needs -w, whose files it is about/);
  refused(cwd, server, ['-w', 'a.pcap', '-W', '3'], /-W needs -C or -G/);
  refused(cwd, server, ['-w', 'a.pcap', '-G', '3'], /-G needs the time in the name of -w/);
  refused(cwd, server, ['-w', '%s', '-G', '3', '-C', '1'], /-C and -G cannot be combined/);
  refused(cwd, server, ['-w', 'a.pcap', '-C', '1.5'], /It must be a size in millions of bytes/);
});
