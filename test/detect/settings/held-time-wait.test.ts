/** What the answer to a SYN on the tuple of a TIME_WAIT shows of tcp_rfc1337, and of how long TIME_WAIT lasts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, serverCloses } from '../../build/conversation.ts';
import { newer, older, revealed, SERVER, settings } from './revealed.ts';

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
