/** Captures of the same packets by two machines whose clocks differ (docs/rules.md D0.9), and what only looks like it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MILLISECOND } from '../../src/base/time.ts';
import type { Input } from '../../src/capture/capture-info.ts';
import { MOST_SYNS, SynSample } from '../../src/flow/syn-sample.ts';
import { type OtherClock, OtherClocks } from '../../src/shard/other-clocks.ts';
import { Segment } from '../../src/wire/segment.ts';
import { collect } from '../build/collect.ts';
import { Conversation, exchange, handshake, together } from '../build/conversation.ts';
import { Host, scramble } from '../build/host.ts';
import { inShards } from '../build/in-process.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { shifted } from '../build/records.ts';

const file = (name: string, packets: readonly Packet[]): Input => ({
  name,
  bytes: pcap(frames(packets), { nanos: true }),
});

/** The packets as a machine captures them, a hop away, whose clock is `by` seconds ahead. */
const ahead = (packets: readonly Packet[], by: number): Packet[] =>
  packets.map(p => ({ ...p, t: p.t + by, ...(p.ttl === undefined ? {} : { ttl: p.ttl - 1 }) }));

const notes = async (inputs: readonly Input[]): Promise<string[]> =>
  (await collect(inputs)).captures.flatMap(({ source, notes: all }) =>
    all.filter(({ kind }) => kind === 'other-clock').map(({ text }) => `${source} ${text}`),
  );

const counted = async (inputs: readonly Input[]): Promise<unknown> =>
  (await collect(inputs)).tally['other-clock.packets'];

/** Three connections and a refused one, of one client. */
const traffic = (host: { client?: Host; at?: number } = {}): Packet[] => {
  const { client = new Host('192.0.2.10'), at = 100 } = host;
  const stories = [0, 1, 2].map(i =>
    exchange({ client, clientPort: 40000 + i, at: at + 2 * i })
      .request(100)
      .response(500)
      .clientCloses(),
  );
  return together(
    ...stories,
    new Conversation({ client, clientPort: 40009, serverPort: 81, at: at + 1 }).syn().refuse(),
  );
};

for (const [what, by, said] of [
  [
    '20.1 s ahead',
    20.1,
    /^b\.pcap holds packets of a\.pcap, 20\.100 s later \(at least 7 SYNs and SYN-ACKs\).* editcap -t -20\.1$/,
  ],
  ['1.5 s ahead', 1.5, /1\.500 s later .* editcap -t -1\.5$/],
  ['20.1 s behind', -20.1, /^b\.pcap holds packets of a\.pcap, 20\.100 s earlier .* editcap -t 20\.1$/],
  ['an hour ahead, when no flow is remembered any more', 3600, /3600\.000 s later .* editcap -t -3600$/],
] as const) {
  test(`two machines capture the same, the clock of one is ${what}: said on the second capture`, async () => {
    const both = [file('a.pcap', traffic()), file('b.pcap', ahead(traffic(), by))];
    assert.equal(await counted(both), 7);
    const [only, ...more] = await notes(both);
    assert.match(only!, said);
    assert.deepEqual(more, []);
  });
}

test('one connection is enough', async () => {
  const { packets } = handshake({ at: 100 });
  assert.equal(await counted([file('a.pcap', packets), file('b.pcap', ahead(packets, 20.1))]), 2);
});

test('shifted as the note says, the captures are those of two points of one path', async () => {
  const both = [file('a.pcap', traffic()), file('b.pcap', ahead(ahead(traffic(), 20.1), -20.1 + 0.0002))];
  assert.equal(await counted(both), undefined);
});

test('a client with a fixed port, which it has used again before the copies come', async () => {
  const first = exchange({ at: 100 }).clientCloses();
  const second = first.reopen(6).syn().synAck().ack('client').clientCloses();
  const third = second.reopen(6).syn().synAck().ack('client').clientCloses();
  const packets = together(third);
  assert.equal(await counted([file('a.pcap', packets), file('b.pcap', ahead(packets, 20.1))]), 6);
});

test('without timestamps the IPv4 identification tells that it is the same packet; without both nothing does', async () => {
  const packets = traffic({ client: new Host('192.0.2.10', { timestamps: false }) });
  assert.equal(await counted([file('a.pcap', packets), file('b.pcap', ahead(packets, 20.1))]), 7);
  const none = packets.map(p => ({ ...p, ipId: 0 }));
  assert.equal(await counted([file('a.pcap', none), file('b.pcap', ahead(none, 20.1))]), undefined);
});

test('of three machines each of the two later captures is compared with the first', async () => {
  const all = [0, 20.1, -7.5].map((by, i) => file(`${i}.pcap`, ahead(traffic(), by)));
  const said = await notes(all);
  assert.deepEqual(
    said.map(text => / (-?\d+\.\d+ s \w+) /.exec(text)?.[1]),
    ['20.100 s later', '7.500 s earlier'],
  );
  assert.equal(await counted(all), 14);
});

test('captures of two machines that were merged into one file', async () => {
  const merged = together(traffic(), ahead(traffic(), 20.1));
  const [only] = await notes([file('merged.pcap', merged)]);
  assert.match(only!, /^merged\.pcap holds the same packets twice, 20\.100 s apart \(at least 7 SYNs and SYN-ACKs\)/);
});

test('a SYN that is sent again is another packet, also if a file of a rotated capture ended between', async () => {
  const c = new Conversation({ at: 100 }).syn().wait(1).synAgain().wait(2).synAgain().wait(4).synAgain();
  const pieces = c.packets.map((packet, i) => file(`${i}.pcap`, [packet]));
  assert.equal(await counted(pieces), undefined);
});

test('a single packet that the network delivers seconds late is no second capture', async () => {
  const c = handshake({ at: 100 });
  const late = { ...c.packets[0], t: 104 };
  assert.equal(await counted([file('a.pcap', together(c, [late]))]), undefined);
  assert.equal(
    await counted([file('a.pcap', c.packets), file('b.pcap', [late])]),
    undefined,
    'the next file had begun',
  );
});

test('a tool sends one SYN without timestamps again and again, into files of a rotated capture', async () => {
  const { packets } = new Conversation({ client: new Host('192.0.2.10', { timestamps: false }) }).syn();
  const at = (...times: number[]): Packet[] => times.map(t => ({ ...packets[0], t }));
  assert.equal(await counted([file('a.pcap', at(100, 103)), file('b.pcap', at(106, 109))]), undefined);
});

test('traffic that is played back in a loop has no single offset', async () => {
  const loop = together(...[0, 10, 20, 30, 40].map(by => ahead(traffic(), by)));
  assert.equal(await counted([file('loop.pcap', loop)]), undefined);
});

test('the same is counted in any number of shards', async () => {
  const packets = together(
    ...Array.from({ length: 20 }, (_, i) => {
      const isIPv6 = i % 3 === 0;
      const client = isIPv6 ? `[2001:db8::${i + 1}]:40000` : `192.0.2.${i + 1}:40000`;
      return new Conversation({
        client,
        server: isIPv6 ? '[2001:db8:1::1]:80' : '198.51.100.80:80',
        at: 100 + i,
      }).syn();
    }),
  );
  const both = [file('a.pcap', packets), file('b.pcap', ahead(packets, 20.1))];
  for (const shards of [1, 2, 5]) assert.equal((await inShards(both, shards)).tally['other-clock.packets'], 20);
});

test('of more SYNs than the sample has: those that a single shard would have', () => {
  const found = (shards: number): OtherClock[] => {
    const samples = Array.from({ length: shards }, () => new SynSample());
    for (const capture of [0, 1]) {
      for (let i = 0; i < 5 * MOST_SYNS; i++) {
        const syn = Object.assign(new Segment(), {
          src: i,
          dst: 1,
          ports: 80,
          seq: scramble(`${i}`) | 0,
          ipId: 1 + (i & 0xff),
        });
        // Unevenly, so that the limits of the shards differ.
        samples[i % 7 === 0 ? 0 : i % shards].note(
          Object.assign(syn, { capture, at: (i + 20_100 * capture) * MILLISECOND }),
        );
      }
    }
    const clocks = new OtherClocks();
    for (const sample of samples) clocks.add(sample.told());
    return clocks.found();
  };
  const [one, ...more] = found(1);
  assert.deepEqual([one!.of, one!.capture, one!.offset, more], [0, 1, 20_100 * MILLISECOND, []]);
  assert.ok(one!.syns > MOST_SYNS / 4 && one!.syns <= MOST_SYNS, `${one!.syns} SYNs`);
  for (const shards of [2, 3, 5]) assert.deepEqual(found(shards), [one]);
});

const LAB = process.env.PAWSCOPE_CORPUS === undefined ? '' : join(process.env.PAWSCOPE_CORPUS, '../lab');
const skip = existsSync(LAB) ? false : 'skipped: needs PAWSCOPE_CORPUS';

test('a router and a server captured the same on real kernels; the clock of the server is 20.1 s ahead', {
  skip,
}, async () => {
  const read = (name: string): Uint8Array => readFileSync(join(LAB, 'rst-close/kinds-routed', name));
  const router = { name: 'gw-lan.pcap', bytes: read('gw-lan.pcap') };
  const server = (by: number): Input => ({ name: 'srv.pcap', bytes: shifted(read('srv.pcap'), by) });
  const [only, ...more] = await notes([router, server(20.1)]);
  assert.match(
    only!,
    /^srv\.pcap holds packets of gw-lan\.pcap, 20\.100 s later \(at least \d+ SYNs and SYN-ACKs\).* editcap -t -20\.1$/,
  );
  assert.deepEqual(more, []);
  assert.deepEqual(await notes([router, server(0)]), []);
  assert.deepEqual(await notes([server(20.1)]), []);
});
