/** What is collected of clocks, within its bounds; table `clock`, and the rules that ask. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mock, test } from 'node:test';
import type { ClockRow } from '../../../src/detect/clocks/clock-row.ts';
import { ClockStore } from '../../../src/detect/clocks/clock-store.ts';
import { ClockTable } from '../../../src/detect/clocks/clock-table.ts';
import { Clocks } from '../../../src/detect/clocks/clocks.ts';
import { Hosts } from '../../../src/wire/hosts.ts';
import { Segment } from '../../../src/wire/segment.ts';
import { collect } from '../../build/collect.ts';
import { Conversation, type Setup } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';
import { observed } from '../../flow/observe.ts';

const SERVER = '198.51.100.80:80';
const fixture = (name: string) => ({
  name,
  bytes: readFileSync(new URL(`../../../../fixtures/${name}.pcap`, import.meta.url)),
});

/** Follows connections with clocks of so much room. */
async function followed(setups: readonly Setup[], room: { pairs?: number; connections?: number } = {}) {
  const rows: ClockRow[] = [];
  let evicted = 0;
  const hosts = new Hosts();
  const clocks = new Clocks({
    hosts,
    origin: 0,
    row: row => rows.push(row),
    evicted: (_, count) => (evicted += count),
    ...room,
  });
  await observed(
    clocks,
    setups.flatMap(setup => new Conversation(setup).handshake().packets),
  );
  return { rows, evicted };
}

const connections = (count: number): Setup[] =>
  Array.from({ length: count }, (_, i) => ({ client: `192.0.2.10:${20_000 + i}`, server: SERVER, at: i / 100 }));

test('of a client and server the newest connections are kept', async () => {
  const { rows, evicted } = await followed(connections(600), { connections: 1024 });
  const kept = rows[0].lines.reduce((sum, { flows }) => sum + Number(flows), 0);
  assert.deepEqual([rows.length, kept, evicted], [1, 512, 0]);
});

/** Each of these clients opens so many connections, all clients in turn. */
const inTurn = (clients: number, count: number): Setup[] =>
  Array.from({ length: clients * count }, (_, i) => ({
    client: `192.0.2.${(i % clients) + 1}:${4000 + Math.floor(i / clients)}`,
    server: SERVER,
    at: i / 10,
  }));

test('when there are too many clients, or connections, those long unused go', async () => {
  for (const room of [{ pairs: 8 }, { connections: 8 }]) {
    const { rows } = await followed(inTurn(20, 1), room);
    assert.equal(rows.length, 8);
  }
});

test('clients without room are counted if they open so many connections that their clocks could show something', async () => {
  const lost = (setups: readonly Setup[], room: { pairs?: number; connections?: number }): Promise<number> =>
    followed(setups, room).then(({ evicted }) => evicted);
  for (const count of [1, 2]) assert.equal(await lost(inTurn(20, count), { pairs: 8 }), 0, `${count} each`);
  for (const count of [3, 4, 9]) assert.equal(await lost(inTurn(20, count), { pairs: 8 }), 12, `${count} each`);
  assert.equal(await lost(inTurn(20, 9), { pairs: 32 }), 0, 'there is room');
  assert.equal(await lost(inTurn(8, 9), { connections: 64 }), 8, 'all clients have room, but not for all connections');
  assert.equal(await lost(connections(600), { connections: 1024 }), 0, 'no more are looked at');
});

test('a client whose first connection found no room is counted once, as not all of its connections are compared', async () => {
  const others = inTurn(8, 1);
  const late = connections(6).map(setup => ({
    ...setup,
    client: setup.client!.toString().replace('.10:', '.99:'),
    at: 50 + setup.at!,
  }));
  const { rows, evicted } = await followed([...others, ...late], { pairs: 8 });
  assert.ok(rows.some(({ client }) => client === '192.0.2.99'));
  assert.equal(evicted, 1);
});

test('table clock has rows of thousands of clients that show one clock, and of all that show several', async () => {
  const hosts = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const single = hosts.map((host, i): Setup => ({ client: `${host}:4000`, server: SERVER, at: i / 1000 }));
  const again = hosts
    .slice(4500)
    .map((host, i): Setup => ({ client: `${host}:4001`, server: SERVER, at: 6 + i / 1000 }));
  const shared = Array.from({ length: 600 }, (_, i): Setup => {
    const client = new Host(hosts[4600 + (i % 100)], { boot: i % 200 < 100 ? 0 : 1e9 });
    return { client, clientPort: 5000 + Math.floor(i / 100), server: SERVER, at: 8 + i / 100 };
  });
  const { rows, evicted } = await followed([...single, ...again, ...shared]);
  const told = rows.filter(({ regime }) => regime === 'interleaved');
  assert.deepEqual([rows.length, told.length, evicted], [4096 + 100, 100, 0]);
});

test('a busy client that came late is not driven out by others with a few connections', async () => {
  const opens = (host: number, count: number, at: number): Setup[] =>
    Array.from({ length: count }, (_, i) => ({
      client: `192.0.2.${host}:${4000 + i}`,
      server: SERVER,
      at: at + i / 100,
    }));
  const first = Array.from({ length: 8 }, (_, i) => opens(i + 1, 4, i));
  const few = Array.from({ length: 16 }, (_, i) => opens(i + 101, 2, i + 20));
  // With its eighth it has opened twice as many as any.
  const { rows } = await followed([...first, opens(99, 8, 10), ...few].flat(), { pairs: 8 });
  assert.ok(rows.some(({ client }) => client === '192.0.2.99'));
  assert.ok(!rows.some(({ client }) => client > '192.0.2.100' && client < '192.0.2.2'));
});

test('table clock says of two machines behind one address that there are two', async () => {
  const { clocks, findings } = await collect([fixture('lab-recycle-two-hosts')]);
  const [row] = clocks;
  assert.deepEqual([row!.hz, row!.regime, row!.hostsLow, row!.hostsHigh], [1000, 'interleaved', 2, 2]);
  assert.equal(row!.lines.length, 2);
  const shared = findings.filter(({ rule }) => rule === 'shared-address');
  assert.deepEqual(
    shared.map(({ severity, confidence }) => [severity, confidence]),
    [['info', 'strong']],
  );
});

test('one machine with a clock for each connection, and two of them, are one at the least', async () => {
  for (const [name, connections] of [
    ['lab-recycle-modern-host', 12],
    ['lab-nat-two-clients', 26],
  ] as const) {
    const { clocks, findings } = await collect([fixture(name)]);
    const [row] = clocks;
    assert.deepEqual([row!.regime, row!.hostsLow, row!.hostsHigh], ['per-connection', 1, connections]);
    const shared = findings.filter(({ rule }) => rule === 'shared-address');
    assert.match(shared[0].title, /the clocks tell nothing about the number of hosts/);
  }
});

test('one machine whose application sets IP_TTL and TCP_MAXSEG on every second socket may be two hosts, weakly', async () => {
  const story = Array.from({ length: 16 }, (_, i) => {
    const client = new Host('192.0.2.7', { perConnection: true });
    const set = i % 2 === 0 ? {} : { ttl: 200, mss: 1200 };
    return new Conversation({ client, clientPort: 40_000 + 2 * i, at: i / 2 }).syn(set).synAck().ack('client').packets;
  }).flat();
  const [found] = (await follow(story)).findings.filter(f => f.rule === 'shared-address');
  assert.deepEqual([found!.confidence, found!.evidence.hosts_low], ['weak', 2]);
  assert.match(found!.title, /at least 2 hosts, or one whose application sets both for each socket$/);
});

test('a clock for each connection makes a TSval that runs back no more than information, once it is known', async () => {
  const { findings } = await collect([fixture('lab-nat-two-clients')]);
  const back = findings.filter(({ rule }) => rule === 'timestamp-regress');
  const known = back.filter(({ evidence }) => evidence.regime === 'per-connection');
  assert.ok(known.length > 5);
  for (const { severity } of known) assert.equal(severity, 'info');
});

test('across a clock step nothing is compared', async () => {
  const { clocks } = await collect([fixture('clock-step')]);
  for (const row of clocks.filter(({ regime }) => regime === 'none')) assert.deepEqual(row.lines, []);
});

test('the table is there without the rule', async () => {
  const { clocks, findings } = await collect([fixture('lab-nat-two-clients')], { rules: ['reset-close'] });
  assert.equal(clocks.length, 1);
  assert.equal(findings.filter(({ rule }) => rule === 'shared-address').length, 0);
});

test('who is only looked at goes as soon as without: what is asked changes nothing that is told later', () => {
  const victim = (ask: 'find' | 'peek'): number => {
    const table = new ClockTable<unknown>(2);
    for (const client of [1, 2]) table.add(client, 9, 0);
    table[ask](1, 9, 0);
    return table.client(table.victim());
  };
  assert.deepEqual([victim('find'), victim('peek')], [2, 1]);
});

test('one sample of many is found by its time and port, and no other is made for that', () => {
  const table = new ClockTable<unknown>(2);
  const store = new ClockStore(table, 1024);
  const entry = table.add(1, 9, 0);
  for (let i = 0; i < 400; i++) {
    const ports = ((20_000 + (i % 100)) << 16) | 80;
    store.add(entry, Object.assign(new Segment(), { at: Math.floor(i / 2), ports, tsval: i }), 0);
  }
  const made = mock.method(store as unknown as { sample: (slot: number) => unknown }, 'sample');
  assert.equal(store.sampleAt(entry, 60, 20_021)?.tsval, 121);
  assert.equal(made.mock.callCount(), 1);
  assert.equal(store.sampleAt(entry, 60, 20_022), undefined);
  assert.equal(store.sampleAt(entry, 61, 20_021), undefined);
});
