/** The ISN of the SYN after a close at which both ends came into TIME_WAIT (docs/rules.md B5, D4), and what answers a SYN. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { serverCloses, simultaneousClose } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { follow, followFile, reuse } from '../flow/follow.ts';

/** The SYN of a client that had FINs cross, and holds a TIME_WAIT as the server does; `isn` from its old snd_nxt. */
async function again(isn: number): Promise<Finding[]> {
  const old = simultaneousClose();
  const next = old.reopen(1.5, { clientIsn: (old.client.nxt + isn) >>> 0, serverIsn: (old.server.nxt + 65_537) >>> 0 });
  next.handshake();
  const { findings } = await followFile(old.packets, {
    rules: ['port-reuse', 'revealed-setting'],
    flows: false,
    maxFlows: 16_384,
  });
  return findings;
}

/** As a real client did with FINs that crossed, with tcp_tw_reuse=1 and from a port of its own (TWRecycled grew). */
test('its own TIME_WAIT is taken over though the server has one too', async () => {
  const [taken, setting] = await again(65_537);
  const { owner, client_isn: isn, tw_reuse: eligible, outcome } = taken!.evidence;
  assert.deepEqual([owner, isn, outcome], ['both', 'tw-reuse', 'accepted:tw-isn']);
  assert.deepEqual(eligible, { '<=4.18': 'phase', '4.19': 'yes', '6.14': 'yes' });
  assert.deepEqual([setting!.evidence.setting, setting!.evidence.proof], ['tcp_tw_reuse', 'own-isn']);
});

test('any other number says nothing of the client: another host behind its address may have sent the SYN', async () => {
  const findings = await again(70_000);
  assert.deepEqual(
    findings.map(({ rule, evidence }) => [rule, evidence.owner, evidence.client_isn]),
    [['port-reuse', 'both', undefined]],
  );
});

test('an ACK with numbers beyond the FINs of the old connection is not of that one', async () => {
  const outcome = async (later: number): Promise<unknown> => {
    const old = serverCloses();
    const next = old.reopen(10).syn();
    old.oldAck(next, { ipId: 0, seq: old.server.nxt + later, ack: old.server.rcvNxt + later });
    return reuse(await follow([old, next])).outcome;
  };
  assert.equal(await outcome(0), 'challenge-ack');
  assert.equal(await outcome(1), 'challenge-ack:foreign');
  assert.equal(await outcome(5000), 'challenge-ack:foreign');
});

test('nor is it an answer to a SYN just below, if it echoes what the old connection had sent', async () => {
  const old = serverCloses();
  const next = old.reopen(10, { client: new Host('192.0.2.10', { boot: 0 }), clientIsn: old.client.nxt - 52 }).syn();
  const { nxt, rcvNxt } = old.server;
  old.oldAck(next, { ipId: 0, seq: nxt + 5000, ack: rcvNxt + 5000 });
  assert.equal(reuse(await follow([old, next])).outcome, 'challenge-ack:foreign');
});

test('an ACK with exactly the numbers of the old connection does not answer a SYN just below, whatever it echoes', async () => {
  const old = serverCloses({ client: new Host('192.0.2.10', { boot: 0 }), clientPort: 40_000 });
  const client = new Host('192.0.2.10', { boot: 0x7000_0000 });
  const next = old.reopen(10, { client, clientPort: 40_000, clientIsn: old.client.nxt - 52 }).syn();
  old.oldAck(next, { ipId: 0, tsecr: 0x7000_0000 + 20_000 });
  assert.equal(reuse(await follow([old, next])).outcome, 'challenge-ack');
});
