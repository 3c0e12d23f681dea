/** SYNs that something answers which does not acknowledge them: a TIME_WAIT, an older attempt, or neither. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { Conversation, serverCloses } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';
import { accept, CLIENT, later, only, picked } from './told.ts';

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

test('a SYN-ACK that echoes a later TSval, and that the client does not reset, answers a SYN that the capture lacks', async () => {
  const first = new Conversation().syn();
  const second = first.reopen(20).syn();
  first.packets.pop();
  const finding = await only(second.synAck().ack('client').request(), later());
  const { title, severity, confidence, evidence } = finding;
  assert.match(title, /it echoes a later TSval than that of the SYN, and so answers one that this capture lacks, most/);
  assert.doesNotMatch(title + adviceFor(finding).meaning, /device/);
  assert.deepEqual([severity, confidence, evidence.seen], ['info', 'weak', 'syn-not-captured']);
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
    /an ACK came back that does not acknowledge it, mostly that of an older connection on this tuple/,
  );
  assert.match(adviceFor(finding).meaning, /The packets do not tell which/);
});
