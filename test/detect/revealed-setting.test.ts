/** Settings that packets give away, and the contrary that takes them back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { collect } from '../build/collect.ts';
import { Conversation, clientCloses, exchange, handshake, serverCloses, TW_ISN_STEP } from '../build/conversation.ts';
import { fixtureNamed } from '../build/fixtures.ts';
import { Host } from '../build/host.ts';
import { inShards } from '../build/in-process.ts';
import { Paced } from '../build/paced.ts';
import { frames } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { JUDGE_EVERY, SOON_MS } from '../build/verdict-rules.ts';
import { follow } from '../flow/follow.ts';

const SERVER = '198.51.100.80';
const newer = (): Host => new Host('192.0.2.10', { boot: 50_000_000 });
const older = (): Host => new Host('192.0.2.10', { boot: 10_000_000 });

type Stories = Parameters<typeof follow>[0];

const revealed = async (stories: Stories): Promise<Finding[]> =>
  (await follow(stories)).findings.filter(f => f.rule === 'revealed-setting');

const settings = async (stories: Stories): Promise<string[]> =>
  (await revealed(stories)).map(f => `${f.evidence.setting} ${f.evidence.proof} ${f.evidence.count} ${f.confidence}`);

/** An older clock meets the server's TIME_WAIT: old ACK, RST, SYN again; `rounds` more old ACKs with RSTs. */
function stubborn(rounds: number, clientPort = 40_000, at = 0): { old: Conversation; next: Conversation } {
  const old = serverCloses({ client: newer(), clientPort, at });
  const next = old.reopen(10, { client: older(), clientPort }).syn();
  old.oldAck(next);
  for (let i = 0; i < rounds; i++) {
    next.bareRst('client', { seq: old.client.nxt }).wait(0.6).synAgain();
    old.oldAck(next);
  }
  return { old, next };
}

test('an old ACK after the RST that should have ended it: tcp_rfc1337=1, or a firewall eats RSTs: weak, however often', async () => {
  assert.deepEqual(await settings(stubborn(1).next), ['tcp_rfc1337 ack-after-rst 1 weak']);
  const [finding] = await revealed(stubborn(3).next);
  assert.equal(finding!.confidence, 'weak');
  assert.deepEqual(await settings([stubborn(1).next, stubborn(1, 41_000, 300).next]), [
    'tcp_rfc1337 ack-after-rst 2 weak',
  ]);
  assert.deepEqual(finding!.evidence, {
    setting: 'tcp_rfc1337',
    value: 1,
    host: SERVER,
    proof: 'ack-after-rst',
    count: 1,
  });
  assert.match(finding!.packets.at(-1)!.note, /^ACK of the old connection, after the RST/);
});

test('an old ACK to each SYN without an RST in between says nothing of tcp_rfc1337', async () => {
  const old = serverCloses({ client: newer() });
  const next = old.reopen(10, { client: older() }).syn();
  for (const pause of [0, 1, 2]) {
    if (pause > 0) next.wait(pause).synAgain();
    old.oldAck(next);
  }
  assert.deepEqual(await settings(next), []);
});

test('the SYN accepted after the RST takes tcp_rfc1337=1 back', async () => {
  const { next } = stubborn(2);
  const later = next.reopen(200, { client: newer(), clientPort: 41_000 }).handshake().serverCloses();
  const again = later.reopen(10, { client: older(), clientPort: 41_000 }).syn();
  later.oldAck(again);
  again.bareRst('client', { seq: later.client.nxt }).wait(0.01).synAgain().synAck().ack('client');
  assert.deepEqual(
    (await settings(again)).filter(s => s.startsWith('tcp_rfc1337')),
    [],
  );
});

/** The server closed with one machine; another with an older clock behind the same address opens another port. */
const behindNat = (after = 5): Conversation =>
  serverCloses({ client: newer() }).reopen(after, { client: older(), clientPort: 41_000 });

test('a SYN accepted at once that tcp_tw_recycle drops: it is off', async () => {
  const [finding] = await revealed(behindNat().handshake().request());
  assert.equal(finding!.confidence, 'proof');
  const { remembered_tsval: held, remembered_age: age, ...evidence } = finding!.evidence;
  assert.equal(held, finding!.packets.find(p => p.flags === 'FA')!.tsval);
  assert.ok(Math.abs(Number(age) - 5) < 0.1);
  assert.deepEqual(evidence, {
    setting: 'tcp_tw_recycle',
    value: 0,
    host: SERVER,
    proof: 'dropped-syn-accepted',
    count: 1,
  });
});

test('behind a balancer that takes turns each server remembers for itself: a SYN of one accepted by the other proves nothing', async () => {
  const other = new Host(SERVER, { boot: 900_000_000 });
  const first = (): Conversation => serverCloses({ client: newer(), server: new Host(SERVER, { boot: 7_000_000 }) });
  const second = (): Conversation => exchange({ client: older(), clientPort: 41_000, server: other, at: 5 });
  const [finding, ...more] = await revealed([first(), second()]);
  assert.deepEqual([finding!.confidence, finding!.evidence.several_servers, more], ['strong', true, []]);
  assert.match(
    finding!.title,
    /^SYNs that tcp_tw_recycle drops are accepted: .* or several servers share that address/,
  );
  const { findings } = await follow([first(), second()]);
  const [regress] = findings.filter(f => f.rule === 'timestamp-regress');
  assert.match(regress!.title, /it was accepted: this is no such server, or several servers share that address$/);
  // Later one comes to the server that remembers.
  const same = exchange({ client: older(), clientPort: 42_000, server: new Host(SERVER, { boot: 7_000_000 }), at: 8 });
  const [proved] = await revealed([first(), second(), same]);
  assert.deepEqual(
    [proved!.confidence, proved!.evidence.several_servers, proved!.evidence.count],
    ['proof', undefined, 2],
  );
});

test('of what is accepted by a SYN-ACK alone a SYN proxy may be the author: no proof until the server goes on', async () => {
  const [silent] = await revealed(behindNat().handshake().send('client', 'PA', { payload: 100, lost: true }));
  assert.deepEqual([silent!.confidence, silent!.evidence.syn_proxy], ['strong', true]);
  assert.match(
    silent!.title,
    /^SYNs that .*: what answers at the server's address, perhaps a SYN proxy, does not apply it$/,
  );
  // Later one goes on: it is the proof that is shown.
  const first = behindNat().handshake();
  const second = first.reopen(3, { client: older(), clientPort: 42_000 }).handshake().request();
  const [proved] = await revealed(second);
  assert.deepEqual(
    [proved!.confidence, proved!.evidence.syn_proxy, proved!.evidence.count, proved!.clientPort],
    ['proof', undefined, 2, 42_000],
  );
  // An RST is no sign of life: a proxy sends it as well.
  assert.deepEqual(await settings(behindNat().handshake().bareRst('server')), [
    'tcp_tw_recycle dropped-syn-accepted 1 strong',
  ]);
});

test('a SYN-ACK of window 0 is that of a SYN proxy, until the server opens its window', async () => {
  const proxied = (): Conversation => behindNat().syn().synAck({ window: 0 }).ack('client');
  const { findings } = await follow(proxied());
  assert.deepEqual(
    findings.filter(f => f.evidence.syn_proxy === true).map(f => `${f.rule} ${f.title.split('; ').at(-1)}`),
    [
      'timestamp-regress it was accepted: this is no such server, or a SYN proxy answers for it',
      "revealed-setting SYNs that tcp_tw_recycle drops are accepted: what answers at the server's address, perhaps a SYN proxy, does not apply it",
    ],
  );
  assert.deepEqual(await settings(proxied().ack('server', { window: 0 })), [
    'tcp_tw_recycle dropped-syn-accepted 1 strong',
  ]);
  assert.deepEqual(await settings(proxied().ack('server')), ['tcp_tw_recycle dropped-syn-accepted 1 proof']);
});

test('accepted only on its second SYN, the first may have been dropped', async () => {
  assert.deepEqual(await settings(behindNat().syn().wait(1).synAgain().synAck().ack('client')), []);
});

test('such a SYN left unanswered later takes it back', async () => {
  const answered = behindNat().handshake().request().response();
  const lost = answered.reopen(3, { client: older(), clientPort: 42_000 }).syn();
  assert.deepEqual(await settings(lost), []);
});

test('real servers: recycle shows as off where it was off, and never on the 4.10.17 that had it on', async () => {
  const of = async (name: string): Promise<string[]> =>
    (await collect(fixtureNamed(name).inputs)).findings
      .filter(f => f.rule === 'revealed-setting')
      .map(f => `${f.evidence.setting} ${f.evidence.count}`);
  assert.deepEqual(await of('lab-nat-two-clients.pcap'), ['tcp_tw_recycle 11']);
  for (const name of ['lab-recycle-two-hosts.pcap', 'lab-recycle-modern-host.pcap', 'lab-recycle-listen-overflow.pcap'])
    assert.deepEqual(await of(name), [], name);
});

/** An older clock on the same tuple `after` the server closed first. */
const late = (after: number): { old: Conversation; next: Conversation } => {
  const old = serverCloses({ client: newer() });
  return { old, next: old.reopen(after, { client: older() }).syn() };
};

test('an old ACK 100 s after the close: TIME_WAIT lasts longer than Linux has it', async () => {
  const { old, next } = late(100);
  old.oldAck(next);
  const [finding] = await revealed(next);
  assert.deepEqual([finding!.evidence.setting, finding!.evidence.proof], ['time-wait', 'old-ack']);
  assert.ok(Math.abs(Number(finding!.evidence.value) - 100) < 0.1);
});

test('an old ACK within 65.12 s says nothing of the length', async () => {
  const { old, next } = late(64);
  old.oldAck(next);
  assert.deepEqual(await settings(next), []);
});

test('a fresh ISN at a lesser age takes the longer TIME_WAIT back', async () => {
  const { old, next } = late(100);
  old.oldAck(next);
  const second = new Conversation({ client: newer(), clientPort: 41_000, at: next.now + 1 }).handshake().serverCloses();
  const fresh = second.reopen(80, { client: older(), clientPort: 41_000 }).handshake();
  assert.deepEqual(await settings([next, fresh]), []);
});

const taken = (after: number): Conversation => {
  const old = clientCloses();
  return old.reopen(after, { clientIsn: old.client.nxt + TW_ISN_STEP }).handshake();
};

test('the client takes its own TIME_WAIT over: tcp_tw_reuse or a bound port, hardly the former within a second', async () => {
  assert.deepEqual(await settings(taken(3)), ['tcp_tw_reuse own-isn 1 proof']);
  assert.equal((await revealed(taken(3)))[0].evidence.value, 'on, or a bound port');
  assert.match(
    String((await revealed(taken(0.2)))[0].evidence.value),
    /^a bound port, or on with Linux 4\.19 to 6\.13 or a shorter tcp_tw_reuse_delay$/,
  );
  assert.deepEqual((await revealed(taken(3)))[0].evidence.host, '192.0.2.10');
});

test('the packets that prove a takeover are the last of the old connection, by its number, and the SYN', async () => {
  const { packets } = (await revealed(taken(3)))[0];
  const [last, syn, ...more] = packets;
  assert.deepEqual([last!.flags, syn!.flags, more.length], ['A', 'S', 0]);
  assert.equal(syn!.seq, (last!.seq + TW_ISN_STEP) >>> 0);
});

/** The client's last ACK was lost: the FIN comes again, and the TIME_WAIT that is there since the first begins its timer anew. */
const finAgain = (again: number, after: number): Conversation => {
  const old = clientCloses().wait(again).finAgain('server').ack('client');
  return old.reopen(after, { clientIsn: old.client.nxt + TW_ISN_STEP }).handshake();
};

test('a second counts from the first FIN, which the kernel goes by, and not from the one that restarted the timer', async () => {
  const outcome = await follow(finAgain(0.25, 0.9));
  const [reused] = outcome.findings.filter(f => f.rule === 'port-reuse');
  assert.deepEqual(reused!.evidence.tw_reuse, { '<=4.18': 'phase', '4.19': 'phase', '6.14': 'yes' });
  assert.equal(reused!.evidence.age, 0.91);
  assert.equal(reused!.evidence.since_entry, 1.17);
  assert.match(reused!.title, /used again after 1\.170 s, in TIME_WAIT of the client/);
  assert.equal((await revealed(finAgain(0.25, 0.9)))[0].evidence.value, 'on, or a bound port');
  assert.match(String((await revealed(finAgain(0.25, 0.2)))[0].evidence.value), /^a bound port/);
});

test('between loopback addresses the default of tcp_tw_reuse lets it, and is named', async () => {
  const local = (after: number): Conversation => {
    const old = clientCloses({ client: '127.0.0.1:40000', server: '127.0.0.1:80' });
    return old.reopen(after, { clientIsn: old.client.nxt + TW_ISN_STEP }).handshake();
  };
  const [finding] = await revealed(local(3));
  assert.equal(finding!.evidence.value, '2 (the default from Linux 4.19 on) or 1, or a bound port');
  assert.match(
    finding!.title,
    /: tcp_tw_reuse allows it \(1, or on loopback 2, the default\), or the application binds/,
  );
  const [early] = await revealed(local(0.2));
  assert.match(String(early!.evidence.value), /^a bound port, or 2 \(the default\)/);
  assert.match(early!.title, /tcp_tw_reuse=2, the default/);
});

const refusing = (): Host => new Host(SERVER, { timestamps: false });

test('timestamps offered and not taken up, once for a pair of hosts', async () => {
  const stories = [0, 1, 2].map(i => exchange({ server: refusing(), clientPort: 40_000 + i, at: i }));
  assert.deepEqual(await settings(stories), ['tcp_timestamps syn-ack-without 3 strong']);
});

test('a server that declines timestamps once may be of any system: weak, and no setting of Linux is claimed', async () => {
  const [finding, ...more] = await revealed(exchange({ server: refusing() }));
  assert.deepEqual([finding!.confidence, finding!.evidence.value, more], ['weak', 'off, or a system without', []]);
  assert.match(finding!.title, /: its system has none, or has them off \(on Linux tcp_timestamps=0\), or a device/);
  assert.equal(finding!.symptom, 'The server declines the timestamps that the client offers');
});

test('a client that offers no timestamps reveals nothing', async () => {
  assert.deepEqual(await settings(exchange({ client: new Host('192.0.2.10', { timestamps: false }) })), []);
});

test('a SYN-ACK with timestamps takes it back', async () => {
  const off = exchange({ server: refusing() });
  assert.deepEqual(await settings([off, exchange({ clientPort: 41_000, at: 5 })]), []);
});

test('timestamps that the server sends all the same take it back: something changed its SYN-ACK', async () => {
  const stripped = handshake({ server: new Host(SERVER) });
  stripped.packets[1] = { ...stripped.packets[1], tsval: undefined, tsecr: undefined };
  assert.deepEqual(await settings([stripped.request().response()]), []);
});

test("a SYN-ACK of another TTL than what the server sends was a device's, which tells nothing of the server", async () => {
  const answered = (ttl: number): Conversation => {
    const story = new Conversation({ server: refusing() }).syn().synAck({ ttl }).ack('client');
    return story.request().response();
  };
  assert.deepEqual(await settings([answered(248)]), []);
  assert.deepEqual(await settings([answered(refusing().ttl + 1)]), ['tcp_timestamps syn-ack-without 1 weak']);
});

test('of attempts of which there is more to tell each counts as well, and a SYN-ACK with timestamps takes it back', async () => {
  const first = exchange({ client: newer(), server: refusing() });
  const second = exchange({ client: older(), server: refusing(), clientPort: 41_000, at: 2 });
  const { findings } = await follow([first, second]);
  assert.equal(findings.filter(f => f.rule === 'timestamp-regress').length, 1);
  assert.deepEqual(await settings([first, second]), ['tcp_timestamps syn-ack-without 2 strong']);
  assert.deepEqual(await settings([first, exchange({ client: older(), clientPort: 41_000, at: 2 })]), []);
});

test('healthy traffic reveals nothing', async () => {
  const { findings } = await collect(fixtureNamed('healthy-traffic.pcap').inputs);
  assert.deepEqual(
    findings.filter(f => f.rule === 'revealed-setting'),
    [],
  );
});

test('live the proof is told as soon as the server goes on, not when the connection leaves', async () => {
  const story = behindNat().handshake().wait(20).request();
  const pcapFile = pcap(frames(story.packets), { nanos: true });
  const wentOnAt = story.packets.findLast(p => p.payload === 100)!.t - story.packets[0].t;
  const source = new Paced(pcapFile, 40);
  const begin = source.now;
  const told: [number, string, boolean][] = [];
  await inShards([{ name: 'eth0', live: source }], 1, JUDGE_EVERY, ({ rule, evidence, confidence }) => {
    if (rule !== 'revealed-setting' || evidence.setting !== 'tcp_tw_recycle') return;
    told.push([source.now - begin, confidence, evidence.syn_proxy === true]);
  });
  const proof = told.find(([, confidence]) => confidence === 'proof');
  assert.deepEqual(told[0].slice(1), ['strong', true]);
  assert.ok(proof !== undefined && proof[0] - wentOnAt * 1e3 < SOON_MS, `${proof?.[0]} ms; went on at ${wentOnAt} s`);
});
