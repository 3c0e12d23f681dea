/** Each cause of an unanswered SYN, what speaks against it, and what is only counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { Conversation, clientCloses, exchange, type Setup, serverCloses } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { follow } from '../flow/follow.ts';

const CLIENT = '192.0.2.10';
const SERVER = '198.51.100.80:80';
const later = (at = 300): Conversation => new Conversation({ client: '192.0.2.99:5', at }).handshake();

async function told(...stories: Conversation[]): Promise<Finding[]> {
  return (await follow(stories)).findings.filter(f => f.rule === 'unanswered-syn');
}
async function only(...stories: Conversation[]): Promise<Finding> {
  const findings = await told(...stories);
  assert.equal(findings.length, 1, findings.map(f => f.title).join('\n'));
  return findings[0];
}
const picked = ({ evidence: e, severity, confidence }: Finding): unknown[] => [
  e.cause,
  e.syns,
  e.schedule,
  severity,
  confidence,
];

/** SYNs at these seconds after the first. */
function tries(times: readonly number[], setup: Setup = {}): Conversation {
  const attempt = new Conversation(setup).syn();
  const start = attempt.packets[0].t;
  for (const time of times) {
    attempt.now = start + time;
    attempt.synAgain();
  }
  return attempt;
}
const accept = (attempt: Conversation): Conversation => attempt.synAck().ack('client').clientCloses();
/** Connections of the same client that go well, one a second. */
const others = (from: number, count: number, setup: Setup = {}): Conversation[] =>
  Array.from({ length: count }, (_, i) => clientCloses({ clientPort: 50_000 + i, at: from + i, ...setup }));

test('schedules: classic, linear, neither; two a second apart are of any', async () => {
  const schedule = async (...times: number[]): Promise<unknown> =>
    (await only(tries(times), later(times.at(-1)! + 100))).evidence.schedule;
  assert.equal(await schedule(1, 3), 'classic');
  assert.equal(await schedule(1.01, 3.03, 7.2, 15.4), 'classic', 'timers fire late');
  assert.equal(await schedule(1, 2), 'linear');
  assert.equal(await schedule(1, 2, 3, 4, 5, 7, 11), 'linear');
  assert.equal(await schedule(3, 9), 'other');
  assert.equal(await schedule(1, 2, 5), 'other');
  assert.equal(await schedule(1), undefined);
});

test('a timer that is none of those is told by its waits, and is not said to be unknown', async () => {
  const title = async (...times: number[]): Promise<string> =>
    (await only(tries(times), later(times.at(-1)! + 100))).title;
  assert.match(
    await title(3, 9, 21),
    /after 3, 9, 21 s, each wait twice the last, from 3 s as Linux 2\.6\.32 does; cause/,
  );
  assert.match(await title(6, 18, 42), /after 6, 18, 42 s, each wait twice the last, from 6 s; cause/);
  assert.match(await title(3, 7, 15), /after 3, 7, 15 s; cause/, 'the SYN after a second may have been lost');
  assert.match(await title(3), /^None of 2 SYNs in 3\.000 s was answered; sent again after 3 s; cause/);
});

test('unknown: what is said depends on whether the server was seen, and takes others', async () => {
  const dead = await only(tries([1, 3, 7]), later());
  assert.deepEqual(picked(dead), ['unknown', 4, 'classic', 'warning', 'weak']);
  assert.match(
    dead.title,
    /^None of 4 SYNs in 7\.000 s was answered; sent again after 1, 3, 7 s; .*no packet of this server/,
  );
  assert.equal(dead.evidence.watched, 82, '75 s after the last SYN');
  const late = await only(accept(tries([1, 2, 3])), later());
  assert.deepEqual(picked(late), ['unknown', 4, 'linear', 'notice', 'weak']);
  assert.equal(late.evidence.delay, 3.005);
  assert.match(late.title, /^SYN accepted after 3\.005 s: 3 of 4 went unanswered;/);
  const taken = await only(tries([1, 3], { at: 2 }), ...others(0, 8), later());
  assert.match(taken.title, /takes others on this port meanwhile/);
});

test('a lone SYN is told where the server takes others on that port, and otherwise counted', async () => {
  const lone = (setup: Setup = {}): Conversation => tries([], { at: 2, ...setup });
  const finding = await only(lone(), ...others(0, 2), later());
  assert.deepEqual(picked(finding), ['unknown', 1, undefined, 'notice', 'weak']);
  assert.match(
    finding.title,
    /^A SYN was not answered for 75\.0 s and not sent again, though the server took others on this port; /,
  );
  const counted = async (...stories: Conversation[]): Promise<unknown> => {
    const { findings, tally } = await follow(stories);
    assert.equal(findings.filter(f => f.rule === 'unanswered-syn').length, 0);
    return tally['syns.unanswered'];
  };
  assert.equal(await counted(lone(), later()), 1, 'nothing was ever taken');
  assert.equal(await counted(lone({ serverPort: 81 }), ...others(0, 2), later()), 1, 'another port');
  assert.equal(await counted(lone(), ...others(0, 1), later(4.9)), 1, 'the capture ends too early');
});

test('a SYN with a new ISN that follows on the same tuple is told: the client has tried again', async () => {
  const first = tries([], { at: 2 });
  const second = first.reopen(4, { clientIsn: 77_000 }).syn();
  const titles = (await told(...others(0, 2), second, later())).map(f => f.title);
  assert.equal(titles.length, 2);
  assert.match(
    titles[0],
    /^A SYN was not answered for 4\.0\d\d s and then followed by a SYN with a new ISN from the same port, /,
  );
  assert.match(titles[1], /^A SYN was not answered for 75\.0 s and not sent again, /);
});

test('time-wait: the old connection answers with its ACK', async () => {
  const old = serverCloses({ client: new Host(CLIENT, { boot: 50_000_000 }), clientIsn: 1000 });
  const next = old.reopen(10, { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 }).syn();
  old.oldAck(next);
  const rst = { seq: old.server.rcvNxt };
  next.bareRst('client', rst).wait(0.005).synAgain().synAck().ack('client');
  const fast = await only(next, later());
  assert.deepEqual(picked(fast), ['time-wait', 2, 'fast', 'warning', 'proof']);
});

/** A SYN into TIME_WAIT, its old ACKs, and what the client makes of them. */
function rejected(rounds: number, reset: boolean): Conversation {
  const old = serverCloses({ clientIsn: 100_000 });
  const next = old.reopen(10, { clientIsn: 500, client: new Host(CLIENT, { timestamps: false }) }).syn();
  for (let i = 0; i < rounds; i++) {
    if (i > 0) next.wait(1).synAgain();
    old.oldAck(next);
    if (reset) next.bareRst('client', { seq: old.server.rcvNxt });
  }
  return next;
}

test('time-wait that no RST ends, and one whose ACK does not come through', async () => {
  const stubborn = await only(rejected(3, true), later());
  assert.equal(stubborn.evidence.cause, 'time-wait');
  assert.match(stubborn.title, /None of 3 SYNs .* was accepted.*tcp_rfc1337=1, or the RST is lost/);
  const eaten = await only(rejected(3, false), later());
  assert.match(eaten.title, /resets none of them: they do not reach it/);
});

test('time-wait without its ACK: likely only when others are taken meanwhile', async () => {
  const silent = (): Conversation => {
    const old = serverCloses({ client: new Host(CLIENT, { boot: 50_000_000 }), clientIsn: 100_000 });
    const next = old.reopen(10, { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 }).syn();
    return next.wait(1).synAgain().wait(2).synAgain();
  };
  assert.deepEqual(picked(await only(silent(), later())), ['unknown', 3, 'classic', 'warning', 'weak']);
  const likely = await only(silent(), ...others(10.2, 3, { client: new Host(CLIENT, { boot: 51_000_000 }) }), later());
  assert.deepEqual(picked(likely), ['time-wait', 3, 'classic', 'warning', 'weak']);
});

test('time-wait that has just answered another SYN: once in half a second', async () => {
  const second = (after: number): Conversation => {
    const old = serverCloses({ client: new Host(CLIENT, { boot: 50_000_000 }), clientIsn: 100_000 });
    const behind = { client: new Host(CLIENT, { boot: 1000 }) };
    const refused = old.reopen(10, { ...behind, clientIsn: 500 }).syn();
    old.oldAck(refused).now = refused.now;
    refused.bareRst('client', { seq: 1 }); // lost its way: ends nothing
    return refused.reopen(after, { ...behind, clientIsn: 900 }).syn();
  };
  const others = clientCloses({ client: new Host(CLIENT, { boot: 51_000_000 }), clientPort: 50_000, at: 9 });
  const silent = async (after: number): Promise<Finding> =>
    (await told(second(after), others, later())).find(f => f.evidence.syns === 1 && /not answered for/.test(f.title))!;
  const limited = await silent(0.2);
  assert.deepEqual(picked(limited), ['time-wait', 1, undefined, 'warning', 'strong']);
  assert.match(limited.title, /answered another segment 0\.2\d\d s before: Linux lets it answer once in 0\.5 s/);
  assert.equal((await silent(0.6)).evidence.cause, 'unknown');
});

test('SYNs that something on the way held back and let through together: none was lost', async () => {
  const host = new Host(CLIENT);
  const held = new Conversation({ client: host, at: 1 }).syn();
  held.packets[0].tsval = host.tsval(0, '');
  held.now = 1.00001;
  const finding = await only(accept(held.synAgain({ tsval: host.tsval(1.01, '') })), later());
  assert.deepEqual(picked(finding), ['unknown', 2, undefined, 'notice', 'strong']);
  assert.match(finding.title, /^SYN accepted after .*: 1 of 2 went unanswered; cause: no SYN was lost: by their/);
});

test('a SYN-ACK that echoes the first SYN: the server had it, and neither a queue nor a firewall dropped it', async () => {
  const first = (attempt: Conversation): Conversation => {
    const tsecr = attempt.packets[0].tsval!;
    return attempt.synAck({ tsecr }).ack('client').request().clientCloses();
  };
  const finding = await only(first(tries([1])), later());
  assert.deepEqual(picked(finding), ['unknown', 2, undefined, 'info', 'strong']);
  assert.equal(finding.evidence.seen, 'late-answer');
  assert.match(finding.title, /^The answer to the first of 2 SYNs came after 1\.0.* s; cause: the server had that SYN/);
  assert.doesNotMatch(finding.title, /unanswered|firewall/);
  assert.match(adviceFor(finding).meaning, /^The server took the first SYN/);
  // The queue of the port was full for others at the time: it had taken this one.
  const stalls = new Conversation({ at: 0.5, clientPort: 41_000 }).handshake();
  for (const pause of [0.2, 1, 2, 4])
    stalls
      .send('client', 'PA', { payload: 10, lost: true })
      .wait(pause)
      .synAck({ seq: stalls.server.nxt - 1 });
  const [beside] = (await told(first(tries([1])), stalls, later())).filter(f => f.clientPort === 40_000);
  assert.equal(beside!.evidence.seen, 'late-answer');
  // Of three the second: one went unanswered. Of equal TSvals nothing follows.
  const second = tries([1, 2]);
  const partly = await only(acceptEchoing(second, second.packets[1].tsval!), later());
  assert.match(partly.title, /^SYN accepted after 2.* s: 1 of 3 went unanswered, and the answer to SYN 2 came late; /);
  assert.equal(partly.evidence.seen, undefined);
  const frozen = new Conversation().syn().wait(1);
  const { tsval } = frozen.packets[0];
  const equal = await only(acceptEchoing(frozen.synAgain({ tsval: tsval! }), tsval!), later());
  assert.deepEqual([equal.evidence.seen, / 1 of 2 went unanswered/.test(equal.title)], [undefined, true]);
});

/** The SYN-ACK echoes this. */
const acceptEchoing = (attempt: Conversation, tsecr: number): Conversation =>
  attempt.synAck({ tsecr }).ack('client').clientCloses();

test('at the client of a path slower than the timers: SYNs and SYN-ACKs cross, and nothing is accused', async () => {
  const slow = (again: number): Conversation => {
    const c = new Conversation({ rtt: 1.4 }).syn();
    const { t, tsval } = c.packets[0];
    c.now = t + 1;
    c.synAgain({ tsval: tsval! + 1000 });
    c.now = t + 1.4;
    c.synAck({ tsecr: tsval! });
    const ack = t + 1.4001;
    c.now = ack;
    c.ack('client');
    c.now = ack + 0.0001;
    c.send('client', 'PA', { payload: 10 });
    c.now = t + 1.4 + again;
    c.send('server', 'SA', { seq: c.server.nxt - 1, ack: c.client.nxt - 10, tsecr: tsval! });
    return c.wait(1).response().clientCloses();
  };
  assert.deepEqual(
    (await told(slow(1), later())).map(f => [f.evidence.seen, f.severity]),
    [['late-answer', 'info']],
  );
  // Later than a round trip it is repeated for want of the ACK.
  assert.equal((await told(slow(2), later())).length, 2);
});

test('SYNs that were sent as close together as they came were not held back, however fast their clock ticks', async () => {
  for (const [hz, apart] of [
    [1000, 0.05],
    [1_000_000, 0.005],
    [1_000_000, 0.00006],
  ] as const) {
    const host = new Host(CLIENT, { hz });
    const sent = new Conversation({ client: host, at: 1 }).syn();
    sent.packets[0].tsval = host.tsval(1, '');
    sent.now = 1 + apart;
    const finding = await only(accept(sent.synAgain({ tsval: host.tsval(1 + apart, '') })), later());
    assert.equal(finding.evidence.seen, undefined, `${hz} Hz, ${apart} s`);
  }
});

test('an older attempt whose handshake was never completed is no TIME_WAIT', async () => {
  const old = new Conversation({ client: new Host(CLIENT) }).syn().synAck();
  const next = old.reopen(0.1, { clientIsn: 7_777_777 }).syn();
  old.oldAck(next, {});
  const finding = await only(next, later());
  assert.deepEqual(
    [finding.evidence.cause, finding.evidence.seen, finding.severity],
    ['unknown', 'old-attempt', 'notice'],
  );
  assert.match(
    finding.title,
    /cause: an older attempt \(no TIME_WAIT\), for whose handshake the server still waits: it answers for that one/,
  );
});

test('an old connection that is still open is no TIME_WAIT', async () => {
  const old = exchange();
  const next = old.reopen(10, { clientIsn: 9 }).syn();
  old.oldAck(next, {});
  next.bareRst('client', { seq: old.server.rcvNxt }).synAgain().synAck().ack('client');
  const finding = await only(next, later());
  assert.equal(finding.evidence.cause, 'unknown');
  assert.match(finding.title, /the old connection, which the server still has open \(no TIME_WAIT\): it answers/);
});

/** `rounds` times, ten seconds apart, a host with a clock ahead is served and one behind is not. */
const lockedOut = (rounds: number, first = 0): Conversation[] =>
  Array.from({ length: rounds }, (_, round) => first + round).flatMap(i => [
    serverCloses({ client: new Host(CLIENT, { boot: 20_000_000 }), clientPort: 41_000 + i, at: i * 10 }),
    tries([1, 3], { client: new Host(CLIENT, { boot: 2_000_000 }), clientPort: 42_000 + i, at: i * 10 + 2 }),
  ]);

test('per-host-paws: where the signature fits, never from one attempt', async () => {
  const causes = async (...stories: Conversation[]): Promise<unknown[]> =>
    (await told(...stories, later())).map(picked);
  const paws = ['per-host-paws', 3, 'classic', 'warning', 'strong'];
  assert.deepEqual(await causes(...lockedOut(3)), [paws, paws, paws]);
  const unknown = ['unknown', 3, 'classic', 'warning', 'weak'];
  assert.deepEqual(await causes(...lockedOut(2)), [unknown, unknown]);
  const good = tries([1, 3], { client: new Host(CLIENT, { boot: 30_000_000 }), clientPort: 43_000, at: 25 });
  assert.deepEqual((await causes(...lockedOut(3), good)).at(-1), unknown, 'the rule lets that one pass');
  const title = (await told(...lockedOut(1), later()))[0].title;
  assert.match(title, /tcp_tw_recycle=1 would drop it, but that is not proved/);
});

test('a flood of SYNs of one tuple: the rule of tcp_tw_recycle is asked about the first 256', async () => {
  const before = serverCloses({ client: new Host(CLIENT, { boot: 20_000_000 }), clientPort: 41_000 });
  const times = Array.from({ length: 399 }, (_, i) => (i + 1) / 100);
  const flood = tries(times, { client: new Host(CLIENT, { boot: 2_000_000 }), clientPort: 42_000, at: 2 });
  const { findings } = await follow([before, flood, later()]);
  const titles = findings.filter(f => f.rule === 'timestamp-regress').map(f => f.title);
  assert.equal(titles.length, 1);
  assert.match(titles[0], /the first 256 SYNs of this attempt/);
  assert.equal(findings.find(f => f.rule === 'unanswered-syn')!.evidence.syns, 400);
});

/** Causes of unanswered SYNs, and whether the server is said to do what tcp_tw_recycle does. */
async function accused(...stories: Conversation[]): Promise<{ causes: Set<unknown>; signature: boolean }> {
  const { findings } = await follow([...stories, later()]);
  return {
    causes: new Set(findings.filter(f => f.rule === 'unanswered-syn').map(f => f.evidence.cause)),
    signature: findings.some(f => f.rule === 'recycle-signature'),
  };
}

test('per-host-paws: not where the server accepts later what the rule drops', async () => {
  assert.deepEqual(await accused(...lockedOut(3)), { causes: new Set(['per-host-paws']), signature: true });
  const behind = { client: new Host(CLIENT, { boot: 2_000_000 }), clientPort: 44_000 };
  const found = await accused(...lockedOut(3), ...lockedOut(1, 15), clientCloses({ ...behind, at: 154 }));
  assert.deepEqual(found, { causes: new Set(['unknown']), signature: false });
});

test('per-host-paws: not where the SYN that was accepted is recorded after its SYN-ACK', async () => {
  const attempt = tries([1, 2], { client: new Host(CLIENT, { boot: 2_000_000 }), clientPort: 44_000, at: 32 });
  const { client } = attempt;
  const tsval = client.host.tsval(35, attempt.name);
  attempt.now = 35;
  attempt.synAck({ tsecr: tsval }).now = 35.00006;
  attempt.synAgain({ tsval }).ack('client').clientCloses();
  assert.deepEqual(await accused(...lockedOut(4), attempt), { causes: new Set(['unknown']), signature: false });
});

/** A handshake whose server repeats its SYN-ACK. */
function stalled(setup: Setup, requests: number, resumes: boolean): Conversation {
  const c = new Conversation(setup).handshake();
  const again = { seq: c.server.nxt - 1 };
  const first = c.client.nxt;
  if (requests > 0) c.send('client', 'PA', { payload: 10 });
  c.wait(1).send('server', 'SA', again).ack('client');
  for (let i = 1; i < requests; i++) c.wait(1).send('client', 'PA', { payload: 10, seq: first });
  return resumes ? c.ack('server') : c;
}

test('accept-queue: SYN-ACK repeated and data unanswered; explains SYNs to that port as well', async () => {
  const full = await only(stalled({}, 3, true), later());
  assert.deepEqual(picked(full), ['accept-queue', 1, undefined, 'warning', 'strong']);
  assert.match(
    full.title,
    /^The server repeats its SYN-ACK after the client's ACK, and goes on 3\.\d+ s after the SYN/,
  );
  const dropped = tries([1, 3], { clientPort: 40_002, at: 1 });
  const both = await told(stalled({}, 3, true), dropped, later());
  assert.deepEqual(both.map(picked), [
    ['accept-queue', 3, 'classic', 'warning', 'strong'],
    ['accept-queue', 1, undefined, 'warning', 'strong'],
  ]);
  const elsewhere = await told(stalled({}, 3, true), tries([1, 3], { serverPort: 81, at: 1 }), later());
  assert.ok(elsewhere.some(f => f.evidence.cause === 'unknown'));
});

/** As Linux 6.14 and newer do, and all others where the ACK never comes: the SYN-ACK goes on echoing the SYN. */
function echoesSyn(stall: Conversation): Conversation {
  const syn = stall.packets[0].tsval!;
  for (const packet of stall.packets) if (packet.flags === 'SA') packet.tsecr = syn;
  return stall;
}

test("a path that eats the client's ACKs looks like a full accept queue: title, meaning, checks and change name both", async () => {
  const either = await only(echoesSyn(stalled({}, 3, true)), later());
  assert.deepEqual(picked(either), ['accept-queue', 1, undefined, 'warning', 'strong']);
  assert.match(
    either.title,
    /a full accept queue at the server, or a path that drops what the client sends after its SYN/,
  );
  assert.equal(either.evidence.heard, undefined);
  const { meaning, checks, change, askNext } = adviceFor(either);
  assert.match(meaning, /its queue is full.*A path that drops.*asymmetric routing/);
  assert.match(checks.map(({ command }) => command).join('; '), /ListenOverflows.*tcpdump.*nft list ruleset/);
  assert.match(change[0].what, /^Where ListenOverflows grows: a larger listen\(\) backlog/);
  assert.match(askNext, /Else the firewall or network team/);
});

test("a SYN-ACK that echoes a later TSval than the SYN's: the ACK had come, so it is the queue alone", async () => {
  const queue = await only(stalled({}, 3, true), later());
  assert.deepEqual([picked(queue)[0], queue.evidence.heard], ['accept-queue', true]);
  assert.match(queue.title, /a full accept queue at the server, which has had the client's ACK/);
  assert.doesNotMatch(queue.title + adviceFor(queue).meaning, /a path that drops|asymmetric/);
});

test('a handshake that stalls while others are taken on the port: a full accept queue is not accused', async () => {
  const found = await told(echoesSyn(stalled({}, 3, true)), ...others(1.5, 2), later());
  assert.deepEqual(found.map(picked), [['unknown', 1, undefined, 'notice', 'weak']]);
  assert.match(
    found[0].title,
    /a path that drops .*, or a full accept queue, against which speaks that others were taken/,
  );
});

/** At the server: it sends its SYN-ACK so often, and the client's ACK never comes. */
function withoutAck(synAcks: number, setup: Setup = {}): Conversation {
  const c = new Conversation({ clientPort: 40_002, at: 3, ...setup }).syn().synAck();
  const again = { seq: c.server.nxt - 1, tsecr: c.last.tsecr! };
  for (let i = 1; i < synAcks; i++) c.wait(2 ** (i - 1)).send('server', 'SA', again);
  return c;
}

test('at the server, the ACK never comes of a client whose other connections work: told, and neither end accused', async () => {
  const never = await only(...others(0, 2), withoutAck(4), later());
  assert.deepEqual(picked(never), ['path-loss', 1, undefined, 'notice', 'weak']);
  assert.deepEqual([never.evidence.seen, never.evidence.syn_acks], ['no-ack', 4]);
  assert.match(never.title, /^The server repeats its SYN-ACK 3 times, and nothing of the client comes back; cause: /);
  assert.match(adviceFor(never).meaning, /asymmetric routing/);
  assert.deepEqual(
    never.packets.map(({ flags }) => flags),
    ['SA', 'SA', 'SA', 'SA'],
  );
});

test("at the server, the client's data comes after three SYN-ACKs and no ACK before: packets were lost on the way", async () => {
  const c = withoutAck(3);
  const first = c.packets[1].tsval!;
  c.wait(1).send('client', 'PA', { payload: 10, tsecr: first }).ack('server').clientCloses();
  const late = await only(...others(0, 2), c, later());
  assert.deepEqual(picked(late), ['path-loss', 1, undefined, 'info', 'strong']);
  assert.match(late.title, /SYN-ACK 2 times, and of the client data comes 4\.\d+ s after its SYN, and no ACK before/);
});

test('SYN-ACKs to whoever completes nothing are a flood or a scan: counted; a reset, or one repetition, is no news', async () => {
  const counted = async (...stories: Conversation[]): Promise<unknown[]> => {
    const { findings, tally } = await follow(stories);
    return [findings.filter(f => f.rule === 'unanswered-syn').length, tally['synacks.unanswered'] ?? 0];
  };
  assert.deepEqual(await counted(withoutAck(4), withoutAck(3, { clientPort: 40_003 }), later()), [0, 2]);
  assert.deepEqual(await counted(...others(0, 2), withoutAck(2), later()), [0, 0]);
  assert.deepEqual(await counted(...others(0, 2), withoutAck(4).bareRst('client'), later()), [0, 0]);
});

test('a repeated SYN-ACK proves little without data, or when the next segment gets through', async () => {
  const deferred = await only(stalled({}, 0, true), later());
  assert.deepEqual(picked(deferred), ['unknown', 1, undefined, 'info', 'weak']);
  assert.match(deferred.title, /TCP_DEFER_ACCEPT/);
  assert.equal((await only(stalled({}, 2, true), later())).evidence.cause, 'unknown', 'two losses would do');
});

test('three packets of the client in a row may be lost: that makes no full accept queue, for it or for others', async () => {
  const c = new Conversation().handshake();
  const again = { seq: c.server.nxt - 1 };
  const data = { payload: 10, seq: c.client.nxt };
  c.send('client', 'PA', data).wait(1).send('server', 'SA', again).ack('client');
  c.wait(2).send('server', 'SA', again).ack('client').send('client', 'PA', data).ack('server');
  const other = accept(tries([1], { clientPort: 40_002, at: 1 }));
  const both = await told(c, other, later());
  const stall = both.find(({ evidence }) => evidence.syn_acks !== undefined)!;
  assert.deepEqual(picked(stall), ['accept-queue', 1, undefined, 'notice', 'weak']);
  assert.match(stall.title, /a full accept queue at the server, perhaps/);
  assert.deepEqual(
    both.map(({ evidence }) => evidence.cause),
    ['unknown', 'accept-queue'],
  );
});

/** Taken at second 0, its request acknowledged at once, and answered by the application after `answered` seconds. */
function waiting(answered: number, request = 100): Conversation {
  const c = new Conversation().handshake();
  if (request > 0) c.send('client', 'PA', { payload: request }).ack('server');
  return c.wait(answered).send('server', 'PA', { payload: 500 }).ack('client').serverCloses();
}

test('accept-queue, perhaps: who was taken last waits for the application, and nobody is taken meanwhile', async () => {
  const late = (times: readonly number[]): Conversation => accept(tries(times, { clientPort: 40_002, at: 0.5 }));
  const finding = await only(waiting(4), late([1, 2, 3, 4]), later());
  assert.deepEqual(picked(finding), ['accept-queue', 5, 'linear', 'notice', 'weak']);
  assert.match(finding.title, /a full accept queue, perhaps: .* no answer in 3\.\d+ s \(an outage looks the same\)/);
  assert.match(finding.packets[0].note, /accepted before, and still without an answer/);
  const never = await only(waiting(9), tries([1, 2, 3], { clientPort: 40_002, at: 0.5 }), later(10));
  assert.deepEqual(picked(never), ['accept-queue', 4, 'linear', 'warning', 'weak']);
  const together = await told(
    waiting(4),
    late([1, 2, 3, 4]),
    accept(tries([1, 2, 3, 4.1], { at: 0.51, clientPort: 40_004 })),
    later(),
  );
  assert.deepEqual(
    together.map(f => f.evidence.cause),
    ['accept-queue', 'accept-queue'],
    'who is let in a moment earlier speaks against nothing',
  );
});

test('no full accept queue: an idle connection, one that is answered, others that are taken, too few SYNs', async () => {
  const cause = async (...stories: Conversation[]): Promise<unknown> => {
    const found = await told(...stories, later());
    return found.find(f => f.clientPort === 40_002)!.evidence.cause;
  };
  const late = (times: readonly number[]): Conversation => accept(tries(times, { clientPort: 40_002, at: 0.5 }));
  assert.equal(await cause(waiting(4, 0), late([1, 2, 3, 4])), 'unknown', 'nothing was asked of the application');
  assert.equal(await cause(waiting(2), late([1, 2, 3, 4])), 'unknown', 'the application answers meanwhile');
  assert.equal(await cause(waiting(9), ...others(1, 3), late([1, 2, 3, 4])), 'unknown', 'others are taken');
  assert.equal(await cause(waiting(4), late([1, 2])), 'unknown', 'two SYNs may be lost');
  const port81 = accept(tries([1, 2, 3, 4], { clientPort: 40_002, at: 0.5, serverPort: 81 }));
  assert.equal(await cause(waiting(9), port81), 'unknown', 'another port');
});

test('no full accept queue where SYN-ACKs are missing that its timer sends', async () => {
  const c = new Conversation().handshake();
  const first = c.client.nxt;
  for (const gap of [0, 0.2, 0.4, 0.8]) c.wait(gap).send('client', 'PA', { payload: 10, seq: first });
  c.send('server', 'SA', { seq: c.server.nxt - 1 }).ack('client');
  // Others would be due two and six seconds later.
  for (const gap of [2, 5]) c.wait(gap).send('client', 'PA', { payload: 10, seq: first });
  const finding = await only(c.ack('server'), later());
  assert.deepEqual(picked(finding), ['unknown', 1, undefined, 'notice', 'weak']);
  assert.match(finding.title, /a path that loses packets, as SYN-ACKs are missing/);
});

test('a server that accepts what tcp_tw_recycle drops is not suspected of it', async () => {
  const accepted = serverCloses({ client: new Host(CLIENT, { boot: 2_000_000 }), clientPort: 44_000, at: 25 });
  const titles = (await told(...lockedOut(2), accepted, later())).map(({ title }) => title);
  assert.equal(titles.length, 2);
  assert.ok(titles.every(title => !title.includes('tcp_tw_recycle')));
});

test('tcp_abort_on_overflow: the RST explains the SYNs of others at the time', async () => {
  const aborted = new Conversation({ at: 1 }).handshake();
  aborted.bareRst('server', { seq: aborted.server.nxt });
  const finding = await only(aborted, tries([1, 3], { clientPort: 40_002 }), later());
  assert.equal(finding.evidence.cause, 'accept-queue');
});

test('path-loss: one SYN lost while others are taken in between', async () => {
  const lost = (): Conversation => accept(tries([1], { clientPort: 40_002, at: 2.5 }));
  assert.deepEqual(picked(await only(lost(), ...others(0, 8), later())), ['path-loss', 2, undefined, 'info', 'weak']);
  assert.equal((await only(lost(), later())).evidence.cause, 'unknown', 'nothing to compare with');
  const two = accept(tries([1, 3], { clientPort: 40_002, at: 2.5 }));
  assert.equal((await only(two, ...others(0, 8), later())).evidence.cause, 'unknown', 'two in a row');
});

test('one-way-capture: the client goes on as if answered', async () => {
  const oneWay = tries([1]).ack('client').send('client', 'PA', { payload: 10 });
  const went = await follow([oneWay.packets.filter(p => p.dport === 80), later().packets].flat());
  const [finding] = went.findings.filter(f => f.rule === 'unanswered-syn');
  assert.deepEqual(picked(finding!), ['one-way-capture', 2, undefined, 'info', 'strong']);
  assert.match(finding!.title, /^SYN accepted, as it seems, at try 2; .*so the answer likely passed elsewhere/);
  assert.doesNotMatch(finding!.title, /unanswered/, 'the first answer may have passed there, too');
  const seen = exchange({ clientPort: 40_002 }).packets.filter(p => p.dport === 80);
  const silent = await follow([...seen, ...tries([1, 3], { at: 5 }).packets, ...later().packets]);
  const [pending] = silent.findings.filter(f => f.rule === 'unanswered-syn');
  assert.equal(pending!.evidence.cause, 'one-way-capture');
});

test('one SYN of two: a full queue that shows itself within ten seconds, before or after, is the cause', async () => {
  const causes = async (stallAt: number, port = 80): Promise<unknown[]> => {
    const lost = accept(tries([1], { clientPort: 40_002, at: 20 }));
    const full = stalled({ clientPort: 40_004, serverPort: port, at: stallAt }, 3, true);
    const findings = await told(lost, full, ...others(18, 8), later());
    return findings.filter(f => f.evidence.syns === 2).map(picked);
  };
  const queue = ['accept-queue', 2, undefined, 'warning', 'strong'];
  const either = ['path-loss', 2, undefined, 'info', 'weak'];
  assert.deepEqual(await causes(12), [queue], 'it was full before');
  assert.deepEqual(await causes(25), [queue], 'it shows itself after the SYN was accepted');
  assert.deepEqual(await causes(40), [either], 'too late');
  assert.deepEqual(await causes(25, 81), [either], 'on another port');
});

test('one SYN of two, and nothing else: the path or a queue, and who is asked depends on the server', async () => {
  const finding = await only(accept(tries([1], { clientPort: 40_002, at: 2.5 })), ...others(0, 8), later());
  assert.match(finding.title, /lost on the way, or dropped as the accept queue of the server was full for a moment/);
  assert.doesNotMatch(finding.title, /most likely/);
  const { meaning, askNext, checks } = adviceFor(finding);
  assert.match(meaning, /accept queue/);
  assert.match(askNext, /^If ListenOverflows grows: the owner of/);
  assert.ok(checks.some(({ command }) => command.includes('ListenOverflows')));
  const several = await only(accept(tries([1, 3], { clientPort: 40_002, at: 2.5 })), ...others(0, 8), later());
  assert.match(several.title, /a full accept queue/);
});

test('a finding lasts up to the last packet that counts, shown or not', async () => {
  const attempt = tries([1, 2, 3, 4, 5, 7, 11, 19.5]);
  const finding = await only(attempt, later());
  assert.equal(finding.packets.length, 5);
  assert.equal(Math.round((finding.lastAt - finding.firstAt) / 1e6), 19_500);
});

test('so does one on SYN-ACKs that are not heard, and one on a handshake that stalls', async () => {
  const milliseconds = ({ firstAt, lastAt }: Finding): number => Math.round((lastAt - firstAt) / 1e6);
  const repeated = await only(unheard(6), later());
  assert.equal(milliseconds(repeated), 4005, 'from the first SYN that came again to the last SYN-ACK');
  const waits = await only(stalled({}, 4, false), later());
  assert.equal(milliseconds(waits), 3020, 'from the SYN-ACK that came again to the third segment after it');
  for (const { packets, lastAt } of [repeated, waits])
    assert.ok(
      packets.every(({ at }) => at < lastAt),
      'not shown',
    );
});

test('an attempt that a NAT sends on from other ports is one: nothing failed', async () => {
  const behind = { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 };
  const olds = [40_000, 40_001].map(clientPort =>
    serverCloses({ client: new Host(CLIENT, { boot: 50_000_000 }), clientIsn: 1000, clientPort }),
  );
  const refused = olds.map((old, i) => {
    const next = new Conversation({ ...behind, clientPort: 40_000 + i, at: 10 + i }).syn();
    old.oldAck(next);
    return next.bareRst('client', { seq: old.server.rcvNxt });
  });
  const accepted = clientCloses({ ...behind, clientPort: 40_002, at: 13 });
  const findings = await told(...olds, ...refused, accepted, later());
  assert.deepEqual(
    findings.map(f => [f.clientPort, f.severity, f.evidence.syns, f.evidence.ports, f.evidence.next_port]),
    [
      [40_000, 'notice', 1, undefined, 40_001],
      [40_001, 'notice', 1, undefined, 40_002],
    ],
  );
  for (const { title } of findings) assert.match(title, /accepted after 3\.005 s in all, at try 3/);
  const other = clientCloses({ ...behind, clientIsn: 501, clientPort: 40_002, at: 13 });
  const failed = await told(...olds, ...refused, other, later());
  assert.deepEqual(
    failed.map(f => [f.severity, f.evidence.syns]),
    [
      ['notice', 1],
      ['warning', 2],
    ],
  );
  assert.match(failed[1].title, /^A SYN was not accepted, at try 2, the last on one of 2 ports that a NAT gave/);
});

test('whoever sends one SYN from ever more ports begins a new attempt after 32 of them', async () => {
  const ports = Array.from({ length: 40 }, (_, i) => 40_000 + i);
  const olds = ports.map(clientPort =>
    serverCloses({ client: new Host(CLIENT, { boot: 50_000_000 }), clientIsn: 1000, clientPort }),
  );
  const refused = olds.map((old, i) => {
    const behind = { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 };
    const next = new Conversation({ ...behind, clientPort: ports[i], at: 10 + i / 10 }).syn();
    old.oldAck(next);
    return next.bareRst('client', { seq: old.server.rcvNxt });
  });
  const { findings } = await follow([...olds, ...refused, later()], { rules: ['unanswered-syn'], maxFindings: 100 });
  const [before, after] = [findings.slice(0, 32), findings.slice(32)];
  assert.deepEqual(
    [before, after].map(each => each.at(-1)!.evidence.ports),
    [32, 8],
  );
  assert.equal(before.filter(f => f.evidence.next_port !== undefined).length, 31);
  assert.match(before[0].title, /at try 32, from port 40031 of the 32 that it had/);
  assert.match(after[0].title, /at try 8, from port 40039 of the 8 that it had/);
});

/** A SYN meets the TIME_WAIT that another host behind the NAT has left on that port, and the client resets its ACK. */
function refusedBehindNat(clientPort: number, at: number, options: { reset?: boolean } = {}): Conversation[] {
  const old = serverCloses({
    client: new Host(CLIENT, { boot: 50_000_000 }),
    clientIsn: 1000,
    clientPort,
    at: at - 0.5,
  });
  const next = new Conversation({ ...BEHIND_NAT(), clientPort, at }).syn();
  old.oldAck(next);
  return [old, options.reset === false ? next : next.bareRst('client', { seq: old.server.rcvNxt })];
}
const BEHIND_NAT = (): Setup => ({ client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 });
const wholes = (findings: readonly Finding[]): unknown[] =>
  findings.map(f => [f.clientPort, f.severity, f.evidence.syns, f.evidence.ports, f.evidence.next_port]);

test('an attempt that a NAT sends twice from one port, which others have had in between, is one', async () => {
  const legs = [...refusedBehindNat(40_000, 10), ...refusedBehindNat(40_000, 11), ...refusedBehindNat(40_001, 13)];
  const accepted = clientCloses({ ...BEHIND_NAT(), clientPort: 40_002, at: 17 });
  const findings = await told(...legs, accepted, later());
  assert.deepEqual(wholes(findings), [
    [40_000, 'notice', 1, undefined, 40_000],
    [40_000, 'notice', 1, undefined, 40_001],
    [40_001, 'notice', 1, undefined, 40_002],
  ]);
  for (const { title } of findings)
    assert.match(title, /accepted after 7\.0\d\d s in all, at try 4, from port 40002 of the 3 that it had/);
  assert.match(findings[0].title, /went on from the same port, which others had in between,/);
});

test('where a NAT comes back to a port, the SYNs from others are shown in their place, and each port counts once', async () => {
  const [old, first] = refusedBehindNat(40_000, 10);
  const between = refusedBehindNat(40_001, 11);
  first!.now = 13;
  accept(first!.synAgain());
  const findings = await told(old!, first!, ...between, later());
  assert.deepEqual(wholes(findings), [
    [40_000, 'warning', 3, 2, undefined],
    [40_001, 'notice', 1, undefined, 40_000],
  ]);
  assert.match(findings[0].title, /^SYN accepted after 3\.0\d\d s, at try 3, the last on one of 2 ports/);
  assert.deepEqual(
    findings[0].packets.map(({ note }) => note),
    [
      'SYN',
      'ACK of the old connection',
      'RST by the client, at the number that the ACK named',
      'the same SYN, from port 40001',
      'SYN sent again',
      'SYN-ACK',
    ],
  );
});

test('an attempt that goes on from another port is followed though the RST that made the NAT forget it is missing', async () => {
  const accepted = clientCloses({ ...BEHIND_NAT(), clientPort: 40_002, at: 13 });
  const findings = await told(...refusedBehindNat(40_000, 10, { reset: false }), accepted, later());
  assert.deepEqual(wholes(findings), [[40_000, 'notice', 1, undefined, 40_002]]);
  assert.match(
    findings[0].title,
    /as a NAT does that forgot it \(a stack that gives its connections one ISN looks the same\): /,
  );
});

test('a port that goes on after another with the same ISN was accepted is of an attempt of its own, and no NAT is named', async () => {
  const setup = { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 1000 };
  const old = serverCloses({ ...setup, clientIsn: 500 });
  const silent = tries([1, 3, 7], { ...setup, at: old.now + 10 });
  const accepted = clientCloses({ ...setup, clientPort: 40_002, at: old.now + 11 });
  const finding = await only(old, silent, accepted, later());
  assert.deepEqual(
    [finding.evidence.syns, finding.evidence.next_port, finding.evidence.ports],
    [4, undefined, undefined],
  );
  assert.doesNotMatch(finding.title, /NAT|accepted after/);
});

test('of a long row of SYNs all times are told, and the one that was answered is shown', async () => {
  const c = new Conversation({ client: new Host(CLIENT) }).syn();
  for (const after of [1, 2, 4, 8, 16, 34]) c.wait(after).synAgain();
  const answeredSyn = c.last.t;
  const finding = await only(c.synAck().ack('client'), later());
  assert.match(finding.title, /sent again after 1, 3, 7, 15, 31, 65 s/);
  const [syn, answer] = finding.packets.slice(-2);
  assert.deepEqual([syn!.note, answer!.note], ['SYN sent again', 'SYN-ACK']);
  assert.ok(Math.abs((syn!.at - finding.packets[0].at) / 1e9 - answeredSyn) < 0.1);
});

/** The last six bits of the TSval of a SYN cookie, for a client with SACK and this window scale. */
const COOKIE = 16 + 7;

function answeredLate(i: number, at: number, low: number): Conversation {
  const c = new Conversation({ client: new Host(CLIENT), clientPort: 41_000 + i, at }).syn({ lost: true });
  c.wait(1).synAgain();
  const tsval = c.server.host.tsval(c.now, c.name);
  return c.synAck({ tsval: (tsval & ~63) + low }).ack('client');
}

test('late answers whose TSvals carry the options of the client are SYN cookies: the queues of the server were full', async () => {
  const seen = async (...lows: number[]): Promise<unknown[]> =>
    (await told(...lows.map((low, i) => answeredLate(i, 2 * i, low)), later())).map(f => f.evidence.seen);
  assert.deepEqual(await seen(COOKIE, 3, COOKIE, COOKIE, COOKIE), [
    'syn-cookie',
    undefined,
    'syn-cookie',
    'syn-cookie',
    'syn-cookie',
  ]);
  assert.deepEqual(await seen(COOKIE, COOKIE, COOKIE, 4), [undefined, undefined, undefined, undefined]);
});

test('one TSval that looks like that of a SYN cookie tells of none, however many SYNs it answers, nor do four in an hour', async () => {
  const seen = async (count: number, every: number): Promise<Set<unknown>> => {
    const attempts = Array.from({ length: count }, (_, i) => answeredLate(i, i * every, COOKIE));
    return new Set((await told(...attempts, later(count * every + 300))).map(f => f.evidence.seen));
  };
  assert.deepEqual(await seen(8, 0.0001), new Set([undefined]), 'SYNs that an outage lost together');
  assert.deepEqual(await seen(8, 900), new Set([undefined]));
  assert.deepEqual(await seen(8, 3), new Set(['syn-cookie']));
});

test('a server that answers a later connection had been silent up to then', async () => {
  const c = new Conversation({ client: new Host(CLIENT) }).syn({ lost: true });
  for (const after of [6, 12, 24]) c.wait(after).synAgain({ lost: true });
  const next = c.reopen(150, { clientPort: c.client.port + 1 }).handshake();
  const finding = await only(next, later());
  assert.match(finding.title, /up to then the capture shows no packet of this server to this client/);
});

test('where timestamps are cut off the ISN alone tells an attempt from others: followed, and not proved', async () => {
  const cut = async (clientIsn: number, at = 13): Promise<unknown[]> => {
    const accepted = clientCloses({ ...BEHIND_NAT(), clientIsn, clientPort: 40_002, at });
    const stories = [...refusedBehindNat(40_000, 10), accepted];
    for (const { packets } of stories) for (const packet of packets) packet.snap = 54;
    const [finding] = await told(...stories, later());
    return [finding!.severity, finding!.confidence, finding!.evidence.next_port];
  };
  assert.deepEqual(await cut(500), ['notice', 'strong', 40_002]);
  assert.deepEqual(await cut(501), ['warning', 'proof', undefined], 'another ISN');
  assert.deepEqual(await cut(500, 100), ['warning', 'proof', undefined], 'too late for a SYN that is sent again');
});

test('a client that goes on after its RST was accepted, as it seems, though no SYN-ACK was captured', async () => {
  const [old, next] = refusedBehindNat(40_000, 10);
  accept(next!.synAgain());
  const synAck = next!.packets.findIndex(({ flags }) => flags === 'SA');
  next!.packets.splice(synAck, 1);
  const finding = await only(old!, next!, later());
  assert.match(finding.title, /^SYN accepted, as it seems, at try 2; .*goes on as if answered/);
  assert.deepEqual([finding.severity, finding.evidence.seen], ['info', 'not-captured']);
});

/** The connection without its SYN-ACK, and without the client's packets up to its request where `early`. */
function unanswered(c: Conversation, early: boolean): Conversation {
  const from = c.packets.findIndex(({ flags }) => flags === 'SA');
  c.packets.splice(from, early ? 3 : 1);
  return c;
}

test('a SYN-ACK that the capture lacks, of a server that it shows: nothing was unanswered', async () => {
  for (const early of [false, true]) {
    assert.deepEqual(await told(unanswered(clientCloses(), early), later()), []);
    const old = serverCloses();
    const packets = unanswered(
      old.reopen(5, { story: [] }).handshake().request().response().clientCloses(),
      early,
    ).packets;
    const { findings } = await follow([...old.packets, ...packets]);
    assert.deepEqual(
      findings.map(f => [f.rule, f.evidence.outcome]),
      [['port-reuse', 'accepted']],
    );
  }
});

test('a SYN-ACK that the capture lacks after two SYNs: missing, and no capture of one direction', async () => {
  for (const early of [false, true]) {
    const again = tries([1], { clientPort: 40_002, at: 2 }).synAck().ack('client').request().response();
    const finding = await only(exchange(), unanswered(again, early), later());
    assert.deepEqual(picked(finding), ['unknown', 2, undefined, 'info', 'strong']);
    assert.equal(finding.evidence.seen, 'not-captured');
    assert.match(finding.title, /the SYN-ACK is missing from it/);
    assert.doesNotMatch(adviceFor(finding).meaning, /one direction/);
  }
});

test('a refusal after a lost SYN is told, a refusal at once is not', async () => {
  const refused = await only(tries([1]).refuse(), later());
  assert.match(refused.title, /^SYN refused: 1 of 2 went unanswered/);
  assert.deepEqual(await told(new Conversation({ server: SERVER }).syn().refuse(), later()), []);
});

/** SYN-ACKs that pass the capture point and are lost behind it, until the client's `tries`th SYN. */
function unheard(tries: number, setup: Setup = {}): Conversation {
  const c = new Conversation(setup).syn().synAck({ lost: true });
  const again = { seq: c.server.nxt - 1, lost: true };
  for (let i = 1; i < tries; i++) c.wait(0.99).synAgain().send('server', 'SA', again);
  return c;
}

test('path-loss on the way back: the client repeats a SYN that was answered', async () => {
  const late = unheard(3);
  late
    .send('server', 'SA', { seq: late.server.nxt - 1 })
    .ack('client')
    .request()
    .response();
  const finding = await only(late, later());
  assert.deepEqual(picked(finding), ['path-loss', 3, 'linear', 'info', 'strong']);
  assert.match(
    finding.title,
    /^The client repeats its SYN 2 times though the server has answered it, and goes on 2\.\d+ s/,
  );
  assert.deepEqual([finding.evidence.syn_acks, finding.packets.map(({ flags }) => flags)], [4, ['SA', 'S', 'S', 'A']]);
  const never = await only(unheard(4), later());
  assert.deepEqual(picked(never), ['path-loss', 4, 'linear', 'warning', 'strong']);
  assert.match(never.title, /never goes on; cause: 4 SYN-ACKs passed here, and none came through/);
  const once = await only(unheard(2, { client: new Host(CLIENT, { timestamps: false }) }), later());
  assert.deepEqual(picked(once), ['path-loss', 2, undefined, 'notice', 'weak']);
});

test("path-loss on the way back: the server's timer fires first", async () => {
  const c = new Conversation().syn().synAck({ lost: true }).wait(1);
  c.send('server', 'SA', { seq: c.server.nxt - 1 })
    .ack('client')
    .request()
    .response();
  const finding = await only(c, later());
  assert.deepEqual(picked(finding), ['path-loss', 1, undefined, 'info', 'strong']);
  assert.match(finding.title, /^The client answers SYN-ACK number 2, 1\.\d+ s after the first SYN, and none before it/);
});

test('a path that is slower than the timer of SYNs loses nothing; copies at once are no timer', async () => {
  const slow = new Conversation().syn().synAck();
  const { tsval } = slow.last;
  slow
    .wait(1)
    .synAgain()
    .send('server', 'SA', { seq: slow.server.nxt - 1, lost: true });
  assert.deepEqual(await told(slow.ack('client', { tsecr: tsval! }).request().response(), later()), []);
  const flood = new Conversation().syn().synAck({ lost: true });
  for (let i = 0; i < 3; i++) flood.wait(1).send('server', 'SA', { seq: flood.server.nxt - 1, lost: true });
  assert.deepEqual(await told(flood, later()), [], 'a client that says nothing more may never have been there');
  const copied = new Conversation().syn().synAck().wait(0.06).synAgain().ack('client').request();
  assert.deepEqual(await told(copied, later()), []);
});

const LOCAL: Setup = { client: '127.0.0.1:40000', server: '127.0.0.1:80' };
const localLater = (at = 300): Conversation => exchange({ ...LOCAL, clientPort: 44_000, at });

test('on loopback nothing is lost on the way: neither the title nor the advice says so', async () => {
  const stories: [name: string, stories: Conversation[]][] = [
    ['never answered', [tries([1, 3, 7], LOCAL)]],
    ['answered late', [accept(tries([1, 2, 3], LOCAL))]],
    ['one of two', [accept(tries([1], { ...LOCAL, at: 2 })), ...others(0, 6, LOCAL)]],
    ['sent once', [tries([], { ...LOCAL, at: 2 }), ...others(0, 2, LOCAL)]],
    ['IPv6', [tries([1, 3, 7], { client: '[::1]:40000', server: '[::1]:80' })]],
    ['an address of its own', [tries([1, 3, 7], { client: '192.0.2.10:40000', server: '192.0.2.10:80' })]],
  ];
  for (const [name, told] of stories) {
    const finding = await only(...told, localLater());
    assert.deepEqual([finding.evidence.cause, finding.evidence.loopback], ['unknown', true], name);
    assert.match(
      finding.title,
      /on loopback there is no path to lose it on: a full accept or SYN queue, a local/,
      name,
    );
    const { meaning, checks, askNext } = adviceFor(finding);
    assert.doesNotMatch(`${finding.title} ${meaning} ${askNext}`, /lost on the way|network team|outage/, name);
    assert.match(checks.map(({ command }) => command).join('; '), /ListenOverflows.*nft list ruleset/, name);
  }
  const remote = await only(tries([1, 3, 7], { client: '127.0.0.1:40000' }), localLater());
  assert.equal(remote.evidence.loopback, undefined, 'the other end is elsewhere');
});

test('a SYN-ACK on loopback that the client does not hear: a local filter, not the path', async () => {
  const attempt = new Conversation(LOCAL).syn().synAck();
  for (const pause of [1, 2, 4]) attempt.wait(pause).synAgain().synAck();
  const finding = await only(attempt, localLater());
  assert.deepEqual([finding.evidence.cause, finding.evidence.seen], ['unknown', 'not-heard']);
  assert.match(finding.title, /did not come through to the client on the same host.*a local firewall, or rp_filter/);
  assert.match(adviceFor(finding).checks[0].where, /this host/);
});

test('an ACK of neither the SYN nor the connection before it: not the last one, where the capture does show one', async () => {
  const answered = (attempt: Conversation): Conversation => {
    attempt.syn().send('server', 'A', { seq: 777_000, ack: 4_242_000, ipId: 0 }).bareRst('client', { seq: 4_242_000 });
    return attempt.wait(0.99).synAgain().synAck().ack('client');
  };
  const after = await only(answered(serverCloses().reopen(3)));
  assert.match(after.title, /not the last one, so one before that, or one of another machine behind the address$/);
  assert.equal(after.confidence, 'weak');
  assert.match((await only(answered(new Conversation()))).title, /this capture does not show it$/);
});

test('a SYN-ACK that acknowledges another number is of no older connection: a device that tests clients, or late', async () => {
  const tested = (tsecr: number | undefined): Conversation => {
    const c = new Conversation().syn();
    c.send('server', 'SA', { ack: 777, lost: true, ...(tsecr === undefined ? { bare: true } : { tsecr }) });
    return c.bareRst('client', { seq: 777 }).wait(0.99);
  };
  const said = async (c: Conversation): Promise<unknown[]> => {
    const { title, evidence, severity, confidence, packets } = await only(c, later());
    assert.doesNotMatch(title, /older connection|old connection/);
    assert.match(packets[1].note, /^SYN-ACK that acknowledges another number/);
    return [evidence.cause, evidence.seen, severity, confidence, title.split('sends one): ')[1]];
  };
  const device = 'a device that tests clients (SYN cookies, protection from floods) or a SYN proxy';
  const { tsval } = new Conversation().syn().last;
  const notice = ['unknown', 'foreign-syn-ack', 'notice', 'strong'];
  assert.deepEqual(await said(accept(tested(undefined).synAgain())), [
    ...notice,
    `${device} does, or it answers another SYN`,
  ]);
  assert.deepEqual(await said(accept(tested(tsval).synAgain())), [
    ...notice,
    `it echoes this SYN, and so is of ${device}, most likely`,
  ]);
  assert.deepEqual(await said(tested(tsval! - 5000)), [
    'unknown',
    'foreign-syn-ack',
    'warning',
    'strong',
    'it echoes an older TSval than that of the SYN, and so answers an earlier one, most likely',
  ]);
});

test('the SYN-ACK of an older attempt, sent again, answers a new SYN: the server waits for that handshake', async () => {
  const old = new Conversation().syn().synAck();
  const next = old.reopen(1.5).syn();
  const again = { seq: old.server.nxt - 1, t: next.now };
  old.send('server', 'SA', again).bareRst('client', { t: next.now + 0.001, seq: old.client.nxt });
  next.wait(0.1);
  const { findings } = await follow([old, accept(next.synAgain())]);
  const said = findings.map(({ rule, evidence: e }) => [rule, e.outcome ?? e.seen ?? e.class, e.unfitting]);
  assert.deepEqual(said, [
    ['port-reuse', 'syn-ack:old>rst>accepted', undefined],
    ['unanswered-syn', 'old-attempt', undefined],
    ['reset-close', 'answer-to-old-ack', undefined],
  ]);
});

test('an ACK that fits nothing captured: an older connection, perhaps, in the title, the advice and the ladder', async () => {
  const c = new Conversation().syn().send('server', 'A', { seq: 777_000, ack: 4_242_000, lost: true });
  const finding = await only(accept(c.bareRst('client', { seq: 4_242_000 }).synAgain()));
  assert.deepEqual(
    [finding.evidence.cause, finding.evidence.seen, finding.confidence],
    ['time-wait', 'foreign-ack', 'weak'],
  );
  assert.match(
    finding.title,
    /an ACK came back that does not acknowledge it: a device may send that to test clients, but mostly an older/,
  );
  assert.match(adviceFor(finding).meaning, /The packets do not tell which/);
});

test('SYNs between routers without an answer: a key that differs may be the reason', async () => {
  const named = /; or the server expects another TCP MD5 or AO key, or none/;
  for (const serverPort of [179, 80]) {
    const finding = await only(tries([1, 3], { serverPort }), later());
    assert.equal(named.test(finding.title), serverPort === 179);
    assert.equal(finding.evidence.cause, 'unknown');
  }
  const { meaning, checks } = adviceFor(await only(tries([1, 3], { serverPort: 179 }), later()));
  assert.match(meaning, /TCP MD5 or AO key that differs/);
  assert.match(JSON.stringify(checks), /TcpExtTCPMD5NotFound/);
});

test('only the answered SYN has no MPTCP: perhaps something drops SYNs with it', async () => {
  const stamps = (t: number): number[] => [
    8,
    10,
    ...[24, 16, 8, 0].map(shift => ((1_000_000 + t * 1000) >>> shift) & 255),
  ];
  const plain = (t: number): number[] => [2, 4, 5, 180, 4, 2, ...stamps(t), 0, 0, 0, 0, 1, 3, 3, 7];
  const MP_CAPABLE = [30, 4, 1, 0];
  const named = / or something drops SYNs with an unusual option, such as MPTCP, as only the answered one has none/;
  for (const [withOption, expected] of [
    [[true, true, true, false], true],
    [[true, true, false, false], false],
    [[true, true, true, true], false],
    [[false, false, false, false], false],
  ] as const) {
    const tried = tries([1, 2, 3]);
    for (const [i, syn] of tried.packets.entries()) {
      syn.options = withOption[i] ? [...plain(syn.t), ...MP_CAPABLE] : plain(syn.t);
    }
    const { title } = await only(accept(tried), later());
    assert.equal(named.test(title), expected, title);
  }
});
