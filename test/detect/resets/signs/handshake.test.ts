/** RSTs that end a handshake: joins of MPTCP, refusals of what was not captured, answers to nothing that was asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../../src/detect/advice/index.ts';
import type { Finding } from '../../../../src/detect/finding.ts';
import { type Changes, Conversation, clientCloses, exchange, serverCloses } from '../../../build/conversation.ts';
import { follow } from '../../../flow/follow.ts';
import { advised, hints, mptcp, told } from '../told.ts';

test('a refusal whose SYN the capture lacks is no sign of a device, on an open, a closed or a reset connection', async () => {
  const later = (story: Conversation): Conversation => story.wait(30).refuse({ ack: story.client.nxt + 900_000_000 });
  for (const story of [exchange(), clientCloses(), exchange().rstFrom('server')]) {
    const finding = (await told(later(story))).at(-1)!;
    assert.match(
      finding.title,
      /^The server refuses another connection on these ports, most likely: .* not in this capture$/,
    );
    assert.equal(finding.evidence.refuses_unseen, true);
    assert.deepEqual(
      (finding.evidence.hints as string[]).filter(hint => /ip-id|time|middlebox/.test(hint)),
      [],
    );
    assert.match(adviceFor(finding).meaning, /the capture lacks that SYN/);
  }
  const forged = exchange().rstFrom('server', { bare: true, ipId: 0, seq: 0, ack: 1 });
  assert.ok((await hints(forged)).includes('middlebox-likely'), 'a window is none of a closed port');
});

test('an MPTCP join whose token is gone is refused: nobody is said to have no listener', async () => {
  const join = await advised(new Conversation().syn(mptcp(1)).refuse());
  assert.deepEqual([join.finding.evidence.class, join.finding.evidence.mptcp_join], ['refused', true]);
  assert.match(join.finding.title, /^An MPTCP join is refused: .*its token/);
  assert.match(join.said, /MPTcpExtMPJoinNoTokenFound/);
  const [first] = await told(new Conversation().syn(mptcp(0)).refuse());
  assert.match(first!.title, /^Connection refused: likely no listener/, 'MP_CAPABLE is no join');
});

test('MPTCP joins that the server takes no more of are no full accept queue, for them or for SYNs without an answer', async () => {
  const join = new Conversation().syn(mptcp(1)).synAck().ack('client').bareRst('server');
  const lost = new Conversation({ clientPort: 40_001, at: 0.5 }).syn().wait(1).synAgain().wait(2).synAgain();
  const { findings } = await follow([join, lost, new Conversation({ client: '192.0.2.99:5', at: 200 }).handshake()]);
  const reset = findings.find(f => f.rule === 'reset-close')!;
  assert.deepEqual([reset.evidence.class, reset.evidence.mptcp_join], ['handshake-abort', true]);
  assert.match(reset.title, /^The server resets an MPTCP join .* limit of subflows/);
  assert.doesNotMatch(reset.title + adviceFor(reset).meaning, /accept queue|listener/);
  assert.equal(findings.find(f => f.rule === 'unanswered-syn')!.evidence.cause, 'unknown');
});

test('a SYN and an RST of the client: before any answer only where the capture has anything of the server', async () => {
  const alone = await advised(new Conversation().syn().bareRst('client'));
  assert.deepEqual([alone.finding.confidence, alone.finding.evidence.unseen], ['weak', 'server']);
  assert.match(alone.finding.title, /no packet of the server, so whether an answer had come is not known/);
  assert.match(alone.said, /where both directions pass/);
  const next = exchange().reopen(3, { clientPort: 40_001 }).syn().bareRst('client');
  const [heard] = await told(next);
  assert.deepEqual([heard!.confidence, heard!.evidence.unseen], ['strong', undefined]);
  assert.match(heard!.title, /gives up its SYN before any answer/);
});

test('a refusal and a FIN that echo older TSvals than the SYN: the client ignores one, refuses the other, and connects', async () => {
  const c = new Conversation().syn();
  c.refuse({ tsval: 100, tsecr: 100, bare: false }).send('server', 'FA', {
    seq: 0,
    tsval: 100,
    tsecr: 100,
    lost: true,
  });
  c.bareRst('client').synAck().ack('client').request();
  const { findings } = await follow(c);
  const seen = findings.map(({ rule, evidence }) => [rule, evidence.class, evidence.effective, evidence.foreign_echo]);
  assert.deepEqual(seen, [
    ['reset-close', 'ineffective', false, true],
    ['reset-close', 'answer-to-old-ack', undefined, true],
  ]);
  assert.doesNotMatch(findings.map(f => f.title).join(), /middlebox|refused|because/);
  assert.match(findings[1].title, /^The client resets what answers its SYN: that echoes a TSval older than the SYN$/);
});

test('what answers a SYN and does not acknowledge it: of an older connection only where its numbers are those of one', async () => {
  const said = async (...stories: Conversation[]): Promise<unknown[]> => {
    const found = (await follow(stories)).findings.filter(f => f.evidence.class === 'answer-to-old-ack');
    return found.map(({ title, confidence, evidence }) => [
      title.split('answered with ')[1],
      confidence,
      evidence.unfitting,
    ]);
  };
  const old = serverCloses();
  const next = old.reopen(30, { clientIsn: 100 }).syn();
  old.oldAck(next).bareRst('client', { seq: old.client.nxt });
  assert.deepEqual(await said(old, next), [['an ACK of an older connection', 'proof', undefined]]);

  const foreign = (flags: string): Conversation =>
    new Conversation().syn().send('server', flags, { ack: 777 }).bareRst('client', { seq: 777 });
  assert.deepEqual(await said(foreign('A')), [['an ACK that does not acknowledge it', 'weak', 'ack']]);
  assert.deepEqual(await said(foreign('SA')), [['a SYN-ACK that acknowledges another number', 'strong', 'syn-ack']]);
});

test('a server that answers from another address: nobody says that the SYN-ACK was not asked for', async () => {
  const asked = new Conversation({ client: '192.0.2.10:41100' }).syn();
  const from = { src: '198.51.100.81', dst: '192.0.2.10' };
  asked.synAck(from).bareRst('client', { seq: asked.client.nxt, src: '192.0.2.10', dst: '198.51.100.81' });
  const [finding, ...more] = await told(asked);
  assert.equal(more.length, 0);
  assert.equal(finding!.evidence.class, 'unsolicited-synack');
  assert.match(finding!.title, /no SYN to its sender that it answers$/);
  const advice = adviceFor(finding!);
  assert.match(advice.meaning, /the SYN went to another address, and the server answers from a wrong one/);
  assert.match(advice.checks[0].command, /tcp src port CLIENT_PORT and/);
});

test('two SYN-ACKs for one SYN: two machines, if more than the ISN differs; then no accept queue is accused', async () => {
  const reset = async (second: Changes, before = false, ticks = 10, isScaled = true): Promise<Finding> => {
    const c = new Conversation().syn().wait(0.99).synAgain();
    if (!isScaled) for (const syn of c.packets) delete syn.wscale;
    c.synAck();
    const { isn, clock } = { isn: c.server.nxt, clock: c.last.tsval! };
    if (!before) c.ack('client');
    c.send('server', 'SA', { seq: isn + 5_000_000, tsval: clock + ticks, lost: true, ...second });
    c.server.nxt = isn;
    c.ack('client').bareRst('server');
    const [finding, ...more] = await told(c);
    assert.equal(more.length, 0);
    assert.equal(finding!.evidence.class, 'handshake-abort');
    return finding!;
  };
  for (const second of [{ wscale: 9 }, { tsval: 88_888_888, ttl: 63 }, { ttl: 50 }, { ttl: 61 }]) {
    for (const before of [false, true]) {
      const finding = await reset(second, before);
      assert.equal(finding.evidence.two_answers, true, JSON.stringify(second));
      assert.match(finding.title, /two answers, of two machines by their numbers/);
      assert.match(adviceFor(finding).meaning, /two hosts have one address/);
    }
  }
  for (const second of [{}, { ttl: 63 }, { ttl: 62 }, { tsval: 88_888_888 }]) {
    const again = await reset(second);
    assert.equal(again.evidence.two_answers, undefined, `a server that begins again: ${JSON.stringify(second)}`);
    assert.match(again.title, /a full accept queue/);
  }
  // 10 ms are 10,000 ticks of a clock with microseconds (B7), and no usual clock has as many.
  for (const [ticks, isTwo] of [
    [10_000, undefined],
    [5000, true],
  ] as const) {
    assert.equal((await reset({ ttl: 63 }, false, ticks)).evidence.two_answers, isTwo, `${ticks} ticks`);
  }
  const unscaled = await reset({ wscale: 7 }, false, 10, false);
  assert.equal(unscaled.evidence.two_answers, undefined, 'its scale was set to 0 as the client has none');
});

test('an RST more than three seconds after the only SYN-ACK, which would have come again: packets are missing', async () => {
  for (const [after, expected] of [
    [2.9, undefined],
    [3.5, 'client'],
  ] as const) {
    const [finding] = await told(new Conversation().syn().synAck().wait(after).bareRst('client'));
    assert.equal(finding!.evidence.unseen, expected, `${after} s`);
  }
});
