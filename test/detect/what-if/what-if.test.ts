/** What machines of several kernels and settings would do with the same packets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnalyseOptions } from '../../../src/analyse.ts';
import { SECOND } from '../../../src/base/time.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { machineOf } from '../../../src/detect/what-if/profile.ts';
import { WhatIf } from '../../../src/detect/what-if/what-if.ts';
import type { Opened } from '../../../src/flow/events.ts';
import { Hosts } from '../../../src/wire/hosts.ts';
import { collect, type Outcome } from '../../build/collect.ts';
import { Conversation, clientCloses, exchange, serverCloses } from '../../build/conversation.ts';
import { fixtureNamed } from '../../build/fixtures.ts';
import { Host } from '../../build/host.ts';
import { evidence, follow } from '../../flow/follow.ts';
import { observed } from '../../flow/observe.ts';

const asked = (profile: string | undefined, sysctls: Record<string, number> = {}): AnalyseOptions => {
  const machine = machineOf(profile, sysctls);
  if (typeof machine === 'string') throw new Error(machine);
  return { machine };
};

type Said = Record<string, unknown> | undefined;

/** What is said of the only reuse in a story, as `verdict rule`. */
const ofReuse = async (story: Conversation, profile: string | undefined, sysctls?: Record<string, number>) => {
  const said = evidence(await follow(story, asked(profile, sysctls)), 'port-reuse')[0]?.what_if as Said;
  return `${said?.verdict} ${said?.rule}`;
};

const OLDER = 10_000_000;
const newer = (): Host => new Host('192.0.2.10', { boot: 50_000_000 });
/** The server holds TIME_WAIT; another machine behind the same address comes with this TSval at t = 0. */
const again = (after: number, boot: number, isn: number): Conversation =>
  serverCloses({ client: newer(), clientIsn: 1000 })
    .reopen(after, { client: new Host('192.0.2.10', { boot }), clientIsn: isn })
    .syn();

const LOWER = 500;
const HIGHER = 100_000;

test('a SYN with an older TSval in TIME_WAIT: Linux answers, BSD and RFC 1122 look at the number alone', async () => {
  const story = (): Conversation => again(10, OLDER, HIGHER);
  assert.equal(await ofReuse(story(), 'linux-2.6.32'), 'challenge-ack time-wait');
  assert.equal(await ofReuse(story(), 'linux-6.18'), 'challenge-ack time-wait');
  assert.equal(await ofReuse(story(), 'freebsd'), 'accept time-wait');
  assert.equal(await ofReuse(story(), 'rfc1122'), 'accept time-wait');
  assert.equal(await ofReuse(story(), 'rfc6191'), 'drop time-wait');
});

test('a lower number in TIME_WAIT: BSD says nothing, RFC 1122 answers', async () => {
  const story = (): Conversation => again(10, OLDER, LOWER);
  assert.equal(await ofReuse(story(), 'freebsd'), 'drop time-wait');
  assert.equal(await ofReuse(story(), 'rfc1122'), 'challenge-ack time-wait');
});

test('without timestamps at the server only the number is left', async () => {
  const off = { tcp_timestamps: 0 };
  assert.equal(await ofReuse(again(10, OLDER, HIGHER), 'linux-6.18', off), 'accept time-wait');
  assert.equal(await ofReuse(again(10, 60_000_000, LOWER), 'linux-6.18', off), 'challenge-ack time-wait');
  assert.equal(await ofReuse(again(10, 60_000_000, LOWER), 'linux-6.18'), 'accept time-wait');
});

test('the age decides by the TIME_WAIT of each system, and is undecided where the bucket may be gone', async () => {
  const at = (age: number, profile: string): Promise<string> => ofReuse(again(age, OLDER, LOWER), profile);
  assert.equal(await at(40, 'macos'), 'accept listener');
  assert.equal(await at(40, 'freebsd'), 'drop time-wait');
  assert.equal(await at(55, 'linux-2.6.32'), 'undecided time-wait');
  assert.equal(await at(55, 'linux-5.15'), 'challenge-ack time-wait');
  assert.equal(await at(62, 'linux-3.10'), 'accept listener');
  assert.equal(await at(62, 'linux-5.15'), 'undecided time-wait');
  assert.equal(await at(70, 'linux-5.15'), 'accept listener');
});

test('under tcp_tw_recycle the bucket is soon gone and the per-host check takes over', async () => {
  const on = { tcp_tw_recycle: 1 };
  assert.equal(await ofReuse(again(0.3, OLDER, LOWER), 'linux-4.11', on), 'challenge-ack time-wait');
  assert.equal(await ofReuse(again(2, OLDER, LOWER), 'linux-4.11', on), 'undecided time-wait');
  assert.equal(await ofReuse(again(20, OLDER, LOWER), 'linux-4.11', on), 'drop per-host-paws');
  // 3.5 retransmission timeouts (docs/rules.md B1), of 200 ms to 2 s.
  for (const [age, verdict] of [
    [0.68, 'challenge-ack time-wait'],
    [0.72, 'undecided time-wait'],
    [6.9, 'undecided time-wait'],
    [7.1, 'drop per-host-paws'],
  ] as const)
    assert.equal(await ofReuse(again(age, OLDER, LOWER), 'linux-4.11', on), verdict, `after ${age} s`);
  assert.equal(
    await ofReuse(again(20, OLDER, LOWER), 'linux-4.11', { ...on, tcp_timestamps: 0 }),
    'challenge-ack time-wait',
  );
});

/** A machine without timestamps behind the address whose other machine the server has just closed with. */
const bare = (): Conversation => {
  const first = serverCloses({ client: newer() });
  const second = new Host('192.0.2.10', { timestamps: false });
  return first.reopen(5, { client: second, clientPort: 41_000 }).syn();
};

test('a SYN without timestamps is dropped from 3.17 on, and passes before', async () => {
  const verdict = async (profile: string): Promise<unknown> =>
    (evidence(await follow(bare(), asked(profile, { tcp_tw_recycle: 1 })), 'recycle-hazard')[0]?.what_if as Said)
      ?.verdict;
  assert.deepEqual([await verdict('linux-2.6.32'), await verdict('linux-3.10')], ['accept', 'accept']);
  assert.deepEqual([await verdict('linux-3.17'), await verdict('linux-4.11')], ['drop', 'drop']);
});

test('a SYN into an open connection resets it on 2.6.32 if it lies in the window', async () => {
  const story = (): Conversation => {
    const open = exchange({ client: newer(), clientIsn: 1000 });
    return open.reopen(10, { client: newer(), clientIsn: open.client.nxt + 50 }).syn();
  };
  assert.equal(await ofReuse(story(), 'linux-2.6.32'), 'reset open');
  assert.equal(await ofReuse(story(), 'linux-3.10'), 'challenge-ack open');
});

test('the client takes its own TIME_WAIT over by its kernel and setting', async () => {
  const eligible = async (after: number, profile: string, sysctls: Record<string, number>): Promise<unknown> => {
    const story = clientCloses({ client: newer() }).reopen(after).syn();
    return (evidence(await follow(story, asked(profile, sysctls)), 'port-reuse')[0]?.what_if as Said)?.tw_reuse;
  };
  assert.equal(await eligible(1.5, 'linux-4.11', { tcp_tw_reuse: 1 }), 'phase');
  assert.equal(await eligible(1.5, 'linux-5.15', { tcp_tw_reuse: 1 }), 'yes');
  assert.equal(await eligible(1.5, 'linux-5.15', {}), 'no');
  assert.equal(await eligible(1.5, 'linux-6.18', { tcp_tw_reuse: 1, tcp_tw_reuse_delay: 2000 }), 'no');
  assert.equal(await eligible(1.5, 'linux-6.18', { tcp_tw_reuse: 1, tcp_timestamps: 0 }), 'no');
  assert.equal(await eligible(1.5, 'freebsd', {}), undefined);
});

const ofReset = async (story: Conversation, profile: string | undefined, sysctls?: Record<string, number>) =>
  (evidence(await follow(story, asked(profile, sysctls)), 'reset-close')[0]?.what_if as Said)?.verdict;

test('an RST into TIME_WAIT ends it unless tcp_rfc1337 is set', async () => {
  const story = (): Conversation => serverCloses().wait(1).bareRst('client');
  assert.equal(await ofReset(story(), 'linux-5.15'), 'ends-time-wait');
  assert.equal(await ofReset(story(), 'linux-5.15', { tcp_rfc1337: 1 }), 'ignored');
  assert.equal(await ofReset(story(), 'freebsd'), 'undecided');
});

test('an RST inside the window but not at its number resets on 2.6.32 only', async () => {
  const story = (): Conversation => {
    const open = exchange();
    return open.bareRst('server', { seq: open.server.nxt + 1 });
  };
  assert.equal(await ofReset(story(), 'linux-2.6.32'), 'reset');
  assert.equal(await ofReset(story(), 'linux-6.18'), 'challenge-ack');
});

test('a full accept queue resets only where tcp_abort_on_overflow is set', async () => {
  const story = (): Conversation => {
    const left = exchange().reopen(1, { clientPort: 41_000 }).handshake();
    return left.bareRst('server');
  };
  const verdict = async (sysctls: Record<string, number>): Promise<unknown> => ofReset(story(), 'linux-5.15', sysctls);
  assert.deepEqual(
    [await verdict({ tcp_abort_on_overflow: 0 }), await verdict({ tcp_abort_on_overflow: 1 })],
    ['syn-ack-again', 'reset'],
  );
});

const ofAttempt = async (story: Conversation, profile: string, sysctls?: Record<string, number>): Promise<Said> =>
  evidence(await follow(story, asked(profile, sysctls)), 'unanswered-syn')[0]?.what_if as Said;

test('what became of a SYN has the verdict on its first SYN', async () => {
  const collision = (): Conversation => {
    const old = serverCloses({ client: newer(), clientIsn: 1000 });
    const next = old.reopen(10, { client: new Host('192.0.2.10', { boot: OLDER }), clientIsn: HIGHER }).syn();
    old.oldAck(next);
    return next.bareRst('client', { seq: old.server.rcvNxt }).wait(1).synAgain().synAck().ack('client');
  };
  const { profile, verdict, rule } = (await ofAttempt(collision(), 'linux-6.18'))!;
  assert.deepEqual([profile, verdict, rule], ['linux-6.18', 'challenge-ack', 'time-wait']);
  assert.equal((await ofAttempt(collision(), 'freebsd'))?.verdict, 'accept');
  const lost = (): Conversation => new Conversation().syn().wait(1).synAgain().wait(2).synAgain();
  assert.equal((await ofAttempt(lost(), 'linux-6.18'))?.rule, 'listener');
  const unheard = new Conversation().syn().synAck({ lost: true }).wait(1).synAgain();
  assert.equal((await ofAttempt(unheard, 'linux-6.18'))?.verdict, 'accept');
});

test('a handshake that a full accept queue forgets is reset where tcp_abort_on_overflow is set', async () => {
  const story = (): Conversation => {
    const c = new Conversation().handshake();
    const first = c.client.nxt;
    c.send('client', 'PA', { payload: 10 })
      .wait(1)
      .send('server', 'SA', { seq: c.server.nxt - 1 })
      .ack('client');
    for (let i = 0; i < 2; i++) c.wait(1).send('client', 'PA', { payload: 10, seq: first });
    return c.ack('server');
  };
  assert.equal((await ofAttempt(story(), 'linux-6.18'))?.verdict, 'syn-ack-again');
  assert.equal((await ofAttempt(story(), 'linux-6.18', { tcp_abort_on_overflow: 1 }))?.verdict, 'reset');
  assert.equal(await ofAttempt(story(), 'freebsd'), undefined);
});

test('a segment that PAWS drops is taken by who has no timestamps', async () => {
  const { inputs } = fixtureNamed('paws-old-duplicate.pcap');
  const verdict = async (profile: string, sysctls?: Record<string, number>): Promise<unknown> =>
    (evidence(await collect(inputs, asked(profile, sysctls)), 'paws-drop')[0]?.what_if as Said)?.verdict;
  assert.equal(await verdict('linux-2.6.32'), 'drop');
  assert.equal(await verdict('freebsd'), 'drop');
  assert.equal(await verdict('linux-6.18', { tcp_timestamps: 0 }), 'accept');
  assert.equal(await verdict('rfc1122'), 'accept');
});

test('an RST of which nothing else is known has no what-if', async () => {
  const { findings } = await collect(fixtureNamed('reset-no-flow.pcap').inputs, asked('linux-6.18'));
  assert.ok(findings.length > 0 && findings.every(f => !('what_if' in f.evidence)));
});

for (const [name, unanswered] of [
  ['lab-recycle-two-hosts.pcap', 7],
  ['lab-recycle-modern-host.pcap', 6],
  ['lab-recycle-listen-overflow.pcap', 0],
] as const) {
  test(`${name}: linux-4.11 with tcp_tw_recycle=1 drops what the real 4.10.17 dropped`, async () => {
    const { tally, flows } = await collect(fixtureNamed(name).inputs, {
      ...asked('linux-4.11', { tcp_tw_recycle: 1 }),
      flows: true,
    });
    assert.equal(tally['what-if.drop'] ?? 0, unanswered);
    if (unanswered > 0) assert.equal(flows.filter(row => row.connState === 'S0').length, unanswered);
    assert.equal((tally['what-if.drop'] ?? 0) + (tally['what-if.accept'] ?? 0), flows.length);
  });
}

const plain = ({ findings, tally }: Outcome): unknown => [findings, tally];

test('nothing changes unless asked, and ids never do', async () => {
  const { inputs } = fixtureNamed('lab-nat-two-clients.pcap');
  const without = await collect(inputs);
  const withIt = await collect(inputs, asked('linux-3.10', { tcp_tw_recycle: 1 }));
  assert.ok(without.findings.every(f => !('what_if' in f.evidence)));
  assert.ok(Object.keys(without.tally).every(name => !name.startsWith('what-if')));
  assert.deepEqual(
    withIt.findings.map(f => f.id),
    without.findings.map(f => f.id),
  );
});

test('any number of shards gives the same what-ifs', async () => {
  const { inputs } = fixtureNamed('many-faults.pcap');
  const options = asked('linux-3.17', { tcp_tw_recycle: 1 });
  const alone = await collect(inputs, options);
  assert.deepEqual(plain(await collect(inputs, { ...options, workers: 2 })), plain(alone));
});

test('what is said of a SYN goes with its connection, also where that is kept in a smaller form meanwhile', async () => {
  const syn = new Conversation({ clientPort: 40_001 }).syn().wait(30).synAgain().wait(2).synAgain();
  const others = [10, 20, 40, 200].map(at => new Conversation({ client: '192.0.2.99:5', at }).handshake());
  const { findings } = await follow([syn, ...others], { ...asked('linux-6.18'), flows: false });
  const [{ evidence: e, packets }] = findings.filter(({ rule }) => rule === 'unanswered-syn') as [Finding];
  assert.deepEqual(e.what_if, { profile: 'linux-6.18', verdict: 'accept', rule: 'listener' });
  assert.deepEqual(new Set(packets.map(({ flags, capture }) => `${flags} ${capture}`)), new Set(['S 0']));
});

test('every verdict comes back from the connection as it was given, and nothing is kept besides', async () => {
  const machine = machineOf('linux-6.18', {});
  if (typeof machine === 'string') throw new Error(machine);
  const whatIf = new WhatIf(machine, new Hosts(), 60 * SECOND);
  const all = Array.from({ length: 168 }, (_, i) => JSON.stringify(whatIf.ofAttempt({ supposed: i + 1 })));
  assert.equal(new Set(all).size, 168);
  assert.equal(whatIf.ofAttempt({ supposed: 0 }), undefined);

  const said = new Set<number>();
  const opened = (event: Opened): void => {
    whatIf.opened(event);
    assert.deepEqual(whatIf.ofAttempt(event.flow), whatIf.ofSyn(event));
    said.add(event.flow.supposed);
  };
  const others = Array.from({ length: 20 }, (_, i) => new Conversation({ clientPort: 50_000 + i, at: 80 }).syn());
  for (const story of [again(10, OLDER, LOWER), again(62, OLDER, LOWER), exchange().reopen(5).syn(), ...others]) {
    await observed({ opened }, story.packets);
  }
  assert.ok(said.size >= 3, `${[...said]}`);
  for (const kept of Object.values(whatIf)) if (kept instanceof Map) assert.ok(kept.size <= 6, `${kept.size} entries`);
});

test('what a SYN came to has the verdict also where its connection is gone by the time that it is told', async () => {
  const machine = asked('linux-4.11', { tcp_tw_recycle: 1 });
  const outcome = await collect(fixtureNamed('nat-second-client-unanswered.pcap').inputs, machine);
  const verdicts = evidence(outcome, 'unanswered-syn').map(({ what_if: said }) => (said as Said)?.verdict);
  assert.deepEqual(new Set(verdicts), new Set(['drop']));
});
