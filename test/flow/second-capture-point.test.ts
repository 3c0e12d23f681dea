/** The captures of both ends of a path in one (docs/rules.md D0.3): a copy at the other end is no retransmission. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { SecondCapturePoint } from '../../src/flow/second-capture-point.ts';
import { collect, type Outcome } from '../build/collect.ts';
import { Conversation, exchange, handshake, serverCloses } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { inShards } from '../build/in-process.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { records } from '../build/records.ts';
import { hangs } from '../build/situations/paws.ts';
import { evidence, follow, followFile, resets } from './follow.ts';

/** One way, in seconds: longer than the copies of a mirror take. */
const WAY = 0.06;
const HOPS = 9;
const WAN = { rtt: 2 * WAY };

/** Each packet as its sender's end captures it, and again at the other end. */
const bothEnds = ({ packets }: Conversation, changes: Partial<Packet> = {}): Packet[] =>
  packets
    .flatMap(packet => [packet, { ...packet, t: packet.t + WAY, ttl: packet.ttl! - HOPS, ...changes }])
    .sort((a, b) => a.t - b.t);

const told = ({ findings }: Outcome): string[] => findings.map(f => `${f.severity} ${f.confidence} ${f.title}`);
const points = ({ tally }: Outcome): unknown[] => [tally['second-point.syns'], tally['second-point.syn-acks']];

for (const [what, setup, changes] of [
  ['60 ms apart', WAN, {}],
  ['60 ms apart, bridged, so that the TTL is the same', WAN, { ttl: 64 }],
  ['60 ms apart, over IPv6', { ...WAN, client: '[2001:db8::1]:40000', server: '[2001:db8::2]:80' }, {}],
] as const) {
  test(`both ends of a path, ${what}: told as one end tells it`, async () => {
    const story = (): Conversation => exchange(setup).fin('client').ack('server').fin('server').ack('client');
    const both = await follow(bothEnds(story(), changes));
    assert.deepEqual(evidence(both, 'unanswered-syn'), []);
    assert.deepEqual(told(both), told(await follow(story())));
    assert.deepEqual(points(both), [1, 1]);
  });
}

test('the clock of the other capture is 0.2 s behind: the copies come first, and no SYN was sent again', async () => {
  const c = exchange(WAN).request(100).response(100).ack('client');
  const skewed = c.packets.flatMap(p => [
    p,
    { ...p, t: p.t + (p.sport === 80 ? 0.2 : -0.2) + WAY, ttl: p.ttl! - HOPS },
  ]);
  const both = await follow(skewed.map(p => ({ ...p, t: p.t + 1 })).sort((a, b) => a.t - b.t));
  assert.deepEqual(evidence(both, 'unanswered-syn'), []);
  assert.deepEqual(points(both), [1, 1]);
});

test('both ends of a path, and a client that aborts: no device on the way, no second RST', async () => {
  const story = (): Conversation => exchange(WAN).request(100).response(100).ack('client').wait(1).rstFrom('client');
  const both = evidence(await follow(bothEnds(story())), 'reset-close');
  assert.deepEqual(
    both.map(({ class: kind, hints }) => [kind, hints]),
    [['abort', evidence(await follow(story()), 'reset-close')[0].hints]],
  );
});

test('an abort in the same millisecond as the ACK before it, just after the pair was known to be seen twice, is no copy', async () => {
  const first = exchange({ rtt: 0.0002 });
  const second = handshake({ rtt: 0.0002, client: '192.0.2.10:40001', at: 0.3 }).request(100).ack('server');
  const { tsval } = second.packets.at(-1)!;
  second.rstFrom('server', { tsval: tsval! });
  const both = await follow([...bothEnds(first), ...bothEnds(second)].sort((a, b) => a.t - b.t));
  assert.deepEqual(
    evidence(both, 'reset-close').map(({ class: kind, effective }) => [kind, effective]),
    [['abort', true]],
  );
});

test('both ends of a path that loses an ACK and a request: the copy of the request does not make a full accept queue', async () => {
  const c = new Conversation(WAN).syn().synAck();
  const lost: Packet[] = [];
  const vanish = (): unknown => lost.push(c.last);
  c.ack('client');
  vanish();
  c.wait(1)
    .send('server', 'SA', { seq: c.server.nxt - 1 })
    .ack('client');
  c.send('client', 'PA', { payload: 100 });
  vanish();
  c.wait(0.3).send('client', 'PA', { payload: 100, seq: c.last.seq });
  c.ack('server').response(100).ack('client');
  const arrived = bothEnds(c).filter(p => !lost.some(({ t, ipId }) => p.t === t + WAY && p.ipId === ipId));
  const [stall, ...more] = evidence(await follow(arrived), 'unanswered-syn');
  assert.deepEqual([stall!.cause === 'accept-queue', more], [false, []]);
});

test('a path that doubles what it brings one way: copies, and no second point', async () => {
  const { packets } = exchange(WAN);
  const doubled = packets.flatMap(p => (p.sport === 80 ? [p, { ...p, t: p.t + 0.012 }] : [p]));
  const outcome = await follow(doubled.sort((a, b) => a.t - b.t));
  assert.deepEqual(points(outcome), [undefined, 1]);
  assert.deepEqual(evidence(outcome, 'unanswered-syn'), []);
});

test('a SYN that is sent again after a second stays one that had no answer, at both ends as well', async () => {
  const c = exchange({ ...WAN, at: 0 });
  const [syn, ...rest] = c.packets as [Packet, ...Packet[]];
  const late = rest.map(p => ({ ...p, t: p.t + 1 }));
  const again = { ...syn, t: syn.t + 1, tsval: syn.tsval! + 1000, ipId: syn.ipId! + 1 };
  const both = [syn, again, ...late].flatMap(p => (p === syn ? [p] : [p, { ...p, t: p.t + WAY, ttl: p.ttl! - HOPS }]));
  const [found, ...more] = evidence(await follow(both.sort((a, b) => a.t - b.t)), 'unanswered-syn');
  assert.deepEqual([found!.syns, more], [2, []]);
});

test('a refused SYN without timestamps that is sent again, all packets with one identification: no copy', async () => {
  const connect = (t: number): Packet[] => {
    const c = new Conversation({ client: new Host('192.0.2.1', { timestamps: false }), at: t, clientIsn: 100 });
    return c.syn({ ipId: 1 }).refuse({ ipId: 1 }).packets;
  };
  const outcome = await follow([0, 0.5, 1].flatMap(connect));
  assert.deepEqual([resets(outcome), outcome.tally.duplicates], [['refused', 'refused', 'refused'], 0]);
});

test('two points are told in any number of shards alike', async () => {
  const packets = [1, 2, 3, 4, 5]
    .flatMap(i => bothEnds(exchange({ ...WAN, client: `192.0.2.${i}:40000`, at: i / 10 })))
    .sort((a, b) => a.t - b.t);
  const input = [{ name: 'x.pcap', bytes: pcap(frames(packets), { nanos: true }) }];
  const one = await inShards(input, 1);
  for (const shards of [2, 5]) assert.deepEqual((await inShards(input, shards)).tally, one.tally);
  assert.equal(one.tally['second-point.syns'], 5);
  assert.deepEqual(evidence(await collect(input), 'unanswered-syn'), []);
});

/** Each packet again at a second tap behind routers, `after` seconds later. */
const secondTap = (packets: readonly Packet[], after: number, hops = 3): Packet[] =>
  packets.flatMap(p => [p, { ...p, t: p.t + after, ttl: p.ttl! - hops }]).sort((a, b) => a.t - b.t);

const LAN = { rtt: 0.0004 };

for (const [after, hops] of [
  [0.008, 0],
  [0.023, 3],
  [0.4, 3],
] as const) {
  test(`a second tap ${1000 * after} ms later: whole connections have passed before their copies come`, async () => {
    const stories = (): Packet[] =>
      [0, 1, 2, 3].flatMap(i => {
        const c = exchange({ ...LAN, at: i, clientPort: 40000 + i })
          .request(300)
          .response(900);
        return (i % 2 === 0 ? c.clientCloses() : c.wait(0.1).rstFrom('server')).packets;
      });
    const one = told(await follow(stories()));
    assert.equal(one.length, 2);
    assert.deepEqual(told(await follow(secondTap(stories(), after, hops))), one);
    // Without flows the addon follows what it can.
    const input = [{ name: 'x.pcap', bytes: pcap(frames(secondTap(stories(), after, hops)), { nanos: true }) }];
    assert.deepEqual(told(await collect(input)), one);
  });
}

test('a port that is reused in TIME_WAIT and reset, at two taps: no packet of neither connection', async () => {
  const story = (): Packet[] => {
    const old = serverCloses(LAN);
    const next = old.reopen(0.5, LAN).syn({ tsval: 5 });
    old.oldAck(next);
    next.bareRst('client', { seq: old.client.nxt }).wait(1).synAgain({ tsval: 1010 }).synAck().ack('client');
    return next.request(100).response(100).clientCloses().packets;
  };
  const one = told(await follow(story()));
  assert.ok(one.some(title => title.startsWith('warning')));
  assert.deepEqual(told(await follow(secondTap(story(), 0.023))), one);
});

for (const name of ['lab-nat-older', 'lab-nat-few-ports']) {
  test(`${name} at two taps: told as one tells it`, async () => {
    const file = readFileSync(new URL(`../../../fixtures/${name}.pcap`, import.meta.url));
    const one = await collect([{ name: 'x.pcap', bytes: file }]);
    const both = await collect([{ name: 'x.pcap', bytes: atSecondTap(file) }]);
    assert.deepEqual(told(both).sort(), told(one).sort());
    assert.ok(one.findings.length > 0 && both.tally['second-point.syns'] > 0);
  });
}

/** Microseconds. */
const SECOND_TAP = 23_000;

/** The capture of one tap, and that of a second one merged into it. */
function atSecondTap(file: Uint8Array): Uint8Array {
  const { header, records: all } = records(file);
  const perSecond = new DataView(header.buffer, header.byteOffset).getUint32(0, true) === 0xa1b23c4d ? 1e9 : 1e6;
  const timed = all.flatMap(record => {
    const copy = Uint8Array.from(record);
    const view = new DataView(copy.buffer);
    const at = view.getUint32(0, true) * perSecond + view.getUint32(4, true);
    const later = at + (SECOND_TAP / 1e6) * perSecond;
    view.setUint32(0, Math.floor(later / perSecond), true);
    view.setUint32(4, later % perSecond, true);
    return [
      { at, record },
      { at: later, record: copy },
    ];
  });
  return Buffer.concat([header, ...timed.sort((a, b) => a.at - b.at).map(({ record }) => record)]);
}

test('what is sent again stays, at two taps as well, and so does a clock that goes back', async () => {
  const lost = (): Packet[] => {
    const c = exchange(LAN).request(100).wait(1).send('client', 'PA', { payload: 300 });
    for (const after of [0.2, 0.4, 0.8, 1.6, 3.2])
      c.wait(after).send('client', 'PA', { payload: 300, seq: c.client.nxt - 300 });
    return c.packets;
  };
  const back = (): readonly Packet[] => hangs(20_000, 4, exchange(LAN).wait(30).request().response()).packets;
  for (const [story, rule] of [
    [lost, 'unanswered-data'],
    [back, 'paws-drop'],
  ] as const) {
    const one = await follow(story());
    const both = await follow(secondTap(story(), 0.023));
    assert.equal(evidence(one, rule).length, 1, rule);
    assert.deepEqual(told(both), told(one));
  }
});

/** How many segments are left out as copies. */
const copies = async (packets: readonly Packet[]): Promise<number> => (await followFile(packets)).tally.duplicates!;
/** The same segment in another packet: as a second ACK within one tick of the sender's clock. */
const anew = (packet: Packet, after: number): Packet => ({ ...packet, t: packet.t + after, ipId: packet.ipId! + 1000 });

test('in the first 0.9 s what its sender has said before is a copy, unless it said so longer ago', async () => {
  const c = exchange({ ...LAN, at: 2, clientPort: 40001 }).request(100);
  const both = secondTap(c.packets, 0.023);
  const known = await copies(both);
  const acks = (at: number): Packet[] => {
    const ack = exchange({ ...LAN, at: 1 })
      .request(100)
      .response(100)
      .ack('client');
    return [...ack.packets, { ...ack.last, t: at, ipId: 999 }];
  };
  const order = (packets: readonly Packet[]): Packet[] => packets.toSorted((a, b) => a.t - b.t);
  const first = order([...both, anew(c.last, 0.3)]);
  assert.equal(await copies(first), known + 1, 'its first copy came before the pair was known to be seen twice');
  const later = { ...c.last, t: c.last.t + 1, tsval: c.last.tsval! + 1000, ipId: 7000 };
  assert.equal(await copies(order([...both, later, anew(later, 0.1)])), known, 'the pair has long been known');
  assert.equal(await copies(order([...both, ...acks(2.1)])), known, 'the TSval is 1.1 s old');
});

test('nothing from before a step of the clock has copies after it', async () => {
  const c = exchange({ ...LAN, at: 10 })
    .request(100)
    .wait(1)
    .request(100);
  const both = secondTap(c.packets, 0.023);
  const known = await copies(both);
  assert.equal(await copies([...both, { ...c.last, t: 5 }]), known, 'the packet was known');
  const soon = secondTap(exchange({ ...LAN, at: 10 }).request(100).packets, 0.023);
  const { length } = soon;
  assert.equal(await copies([...soon, anew(soon[length - 1], -5)]), await copies(soon), 'the pair was new');
});

test('when host numbers are given to other hosts, what was seen of the old ones has no copies any more', async (t: TestContext) => {
  const both = secondTap(exchange(LAN).request(100).packets, 0.023);
  const { length } = both;
  const packets = [...both, { ...both[length - 1], t: both[length - 1].t + 0.3 }];
  const known = await copies(both);
  assert.equal(await copies(packets), known + 1);
  const { repeats } = SecondCapturePoint.prototype;
  let calls = 0;
  t.mock.method(
    SecondCapturePoint.prototype,
    'repeats',
    function (this: SecondCapturePoint, ...given: Parameters<typeof repeats>) {
      calls++;
      given[0].forgetHosts();
      return repeats.apply(this, given);
    },
  );
  const { tally } = await followFile(packets.slice(0, -1), { workers: 0 });
  const before = tally.duplicates!;
  assert.equal((await followFile(packets, { workers: 0 })).tally.duplicates, before);
  assert.ok(calls > 0);
});

test('of pairs that are seen twice, those of the last 0.9 s are kept', async (t: TestContext) => {
  let most = 0;
  const { takes } = SecondCapturePoint.prototype;
  t.mock.method(
    SecondCapturePoint.prototype,
    'takes',
    function (this: SecondCapturePoint, ...given: Parameters<typeof takes>) {
      const isTaken = takes.apply(this, given);
      most = Math.max(most, (Reflect.get(this, 'fresh') as Map<number, number>).size);
      return isTaken;
    },
  );
  const flood = Array.from({ length: 1000 }, (_, i) => {
    const { packets } = new Conversation({ ...LAN, client: `10.0.${i >> 8}.${i & 255}:40000`, at: i / 100 })
      .syn()
      .synAck();
    return secondTap(packets, WAY);
  });
  await followFile(
    flood.flat().sort((a, b) => a.t - b.t),
    { workers: 0 },
  );
  assert.ok(most > 80 && most <= 91, String(most));
});
