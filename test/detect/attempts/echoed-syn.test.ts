/** SYN-ACKs that echo an earlier SYN than the last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { Conversation } from '../../build/conversation.ts';
import { later, only, picked, told, tries } from './told.ts';

/** The SYN-ACK echoes this. */
const acceptEchoing = (attempt: Conversation, tsecr: number): Conversation =>
  attempt.synAck({ tsecr }).ack('client').clientCloses();

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
