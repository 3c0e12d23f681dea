/** What became of the TIME_WAIT that an RST met. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { type Conversation, serverCloses, TW_ISN_STEP } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { told } from './told.ts';

/** A SYN meets the server's TIME_WAIT, is answered by its ACK, and the client resets it; then what `goOn` tells. */
async function assassination(goOn: (next: Conversation, old: Conversation) => unknown): Promise<Finding> {
  const old = serverCloses();
  const next = old.reopen(2, { clientIsn: 1000 });
  const behind = { tsval: old.server.tsRecent - 5000, lost: true };
  next.syn(behind);
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt });
  goOn(next, old);
  return (await told(next)).find(f => f.evidence.class === 'tw-assassination')!;
}

test('an RST ends a TIME_WAIT: the next SYN is accepted with an ISN of its own', async () => {
  const finding = await assassination(next => next.wait(1).synAgain().synAck().ack('client'));
  assert.equal(finding.evidence.effective, true);
  assert.match(finding.title, /meets the server's TIME_WAIT and ends it$/);
  const { meaning } = adviceFor(finding);
  assert.match(meaning, /ended the TIME_WAIT of the server/);
  assert.doesNotMatch(meaning, /unless/);
  assert.match(finding.packets.at(-1)!.note, /the TIME_WAIT is gone/);
});

test('an RST into a TIME_WAIT that had run out when the next SYN was accepted: whether it ended it is not said', async () => {
  const old = serverCloses();
  const next = old
    .reopen(59.5, { clientIsn: 1000, client: new Host('192.0.2.10', { timestamps: false }) })
    .syn({ lost: true });
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt }).wait(1).synAgain().synAck().ack('client');
  const finding = (await told(next)).find(f => f.evidence.class === 'tw-assassination')!;
  assert.ok(!('effective' in finding.evidence));
  assert.match(finding.title, /and should end it, unless tcp_rfc1337=1 there$/);
  assert.match(finding.packets.at(-1)!.note, /the TIME_WAIT is gone/);
});

test('an RST does not end a TIME_WAIT that answers again, or whose numbers go on', async () => {
  const again = await assassination((next, old) => {
    next.wait(1).synAgain({ lost: true });
    old.oldAck(next);
  });
  assert.equal(again.evidence.effective, false);
  assert.match(again.title, /does not end it: tcp_rfc1337=1 there, or the RST was lost/);
  const continued = await assassination((next, old) => {
    next.wait(1).synAgain();
    next.server.nxt = (old.server.nxt + TW_ISN_STEP) >>> 0;
    next.synAck().ack('client');
  });
  assert.equal(continued.evidence.effective, false);
});

test('an RST to a TIME_WAIT that nothing follows: what it did is not said', async () => {
  const finding = await assassination(next => next);
  assert.ok(!('effective' in finding.evidence));
  assert.match(finding.title, /and should end it, unless tcp_rfc1337=1 there$/);
});
