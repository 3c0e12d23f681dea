/** Settings that packets give away, and the contrary that takes them back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect } from '../build/collect.ts';
import { type Conversation, clientCloses, exchange, serverCloses, TW_ISN_STEP } from '../build/conversation.ts';
import { fixtureNamed } from '../build/fixtures.ts';
import { Host } from '../build/host.ts';
import { follow } from '../flow/follow.ts';
import { behindNat, newer, older, refusing, revealed, SERVER, settings } from './settings/revealed.ts';

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

test('accepted only on its second SYN, the first may have been dropped', async () => {
  assert.deepEqual(await settings(behindNat().syn().wait(1).synAgain().synAck().ack('client')), []);
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

test('healthy traffic reveals nothing', async () => {
  const { findings } = await collect(fixtureNamed('healthy-traffic.pcap').inputs);
  assert.deepEqual(
    findings.filter(f => f.rule === 'revealed-setting'),
    [],
  );
});
