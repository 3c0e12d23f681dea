/** The causes of an unanswered SYN, and what speaks against each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { Conversation, clientCloses, exchange, serverCloses } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';
import { accept, CLIENT, later, only, others, picked, told, tries } from './told.ts';

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

test('a server that accepts what tcp_tw_recycle drops is not suspected of it', async () => {
  const accepted = serverCloses({ client: new Host(CLIENT, { boot: 2_000_000 }), clientPort: 44_000, at: 25 });
  const titles = (await told(...lockedOut(2), accepted, later())).map(({ title }) => title);
  assert.equal(titles.length, 2);
  assert.ok(titles.every(title => !title.includes('tcp_tw_recycle')));
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
