/** What proves a setting once the server goes on, and what takes back what was known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, exchange, handshake } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';
import { behindNat, newer, older, refusing, revealed, SERVER, settings } from './revealed.ts';

test('of what is accepted by a SYN-ACK alone a SYN proxy may be the author: no proof until the server goes on', async () => {
  const [silent] = await revealed(behindNat().handshake().send('client', 'PA', { payload: 100, lost: true }));
  assert.deepEqual([silent!.confidence, silent!.evidence.syn_proxy], ['strong', true]);
  assert.match(
    silent!.title,
    /^SYNs that .*: what answers at the server's address, perhaps a SYN proxy, does not apply it$/,
  );
  // Later one goes on: it is the proof that is shown.
  const first = behindNat().handshake();
  const second = first.reopen(3, { client: older(), clientPort: 42_000 }).handshake().request();
  const [proved] = await revealed(second);
  assert.deepEqual(
    [proved!.confidence, proved!.evidence.syn_proxy, proved!.evidence.count, proved!.clientPort],
    ['proof', undefined, 2, 42_000],
  );
  // An RST is no sign of life: a proxy sends it as well.
  assert.deepEqual(await settings(behindNat().handshake().bareRst('server')), [
    'tcp_tw_recycle dropped-syn-accepted 1 strong',
  ]);
});

test('a SYN-ACK of window 0 is that of a SYN proxy, until the server opens its window', async () => {
  const proxied = (): Conversation => behindNat().syn().synAck({ window: 0 }).ack('client');
  const { findings } = await follow(proxied());
  assert.deepEqual(
    findings.filter(f => f.evidence.syn_proxy === true).map(f => `${f.rule} ${f.title.split('; ').at(-1)}`),
    [
      'timestamp-regress it was accepted: this is no such server, or a SYN proxy answers for it',
      "revealed-setting SYNs that tcp_tw_recycle drops are accepted: what answers at the server's address, perhaps a SYN proxy, does not apply it",
    ],
  );
  assert.deepEqual(await settings(proxied().ack('server', { window: 0 })), [
    'tcp_tw_recycle dropped-syn-accepted 1 strong',
  ]);
  assert.deepEqual(await settings(proxied().ack('server')), ['tcp_tw_recycle dropped-syn-accepted 1 proof']);
});

test('such a SYN left unanswered later takes it back', async () => {
  const answered = behindNat().handshake().request().response();
  const lost = answered.reopen(3, { client: older(), clientPort: 42_000 }).syn();
  assert.deepEqual(await settings(lost), []);
});

test('a SYN-ACK with timestamps takes it back', async () => {
  const off = exchange({ server: refusing() });
  assert.deepEqual(await settings([off, exchange({ clientPort: 41_000, at: 5 })]), []);
});

test('timestamps that the server sends all the same take it back: something changed its SYN-ACK', async () => {
  const stripped = handshake({ server: new Host(SERVER) });
  stripped.packets[1] = { ...stripped.packets[1], tsval: undefined, tsecr: undefined };
  assert.deepEqual(await settings([stripped.request().response()]), []);
});

test("a SYN-ACK of another TTL than what the server sends was a device's, which tells nothing of the server", async () => {
  const answered = (ttl: number): Conversation => {
    const story = new Conversation({ server: refusing() }).syn().synAck({ ttl }).ack('client');
    return story.request().response();
  };
  assert.deepEqual(await settings([answered(248)]), []);
  assert.deepEqual(await settings([answered(refusing().ttl + 1)]), ['tcp_timestamps syn-ack-without 1 weak']);
});

test('of attempts of which there is more to tell each counts as well, and a SYN-ACK with timestamps takes it back', async () => {
  const first = exchange({ client: newer(), server: refusing() });
  const second = exchange({ client: older(), server: refusing(), clientPort: 41_000, at: 2 });
  const { findings } = await follow([first, second]);
  assert.equal(findings.filter(f => f.rule === 'timestamp-regress').length, 1);
  assert.deepEqual(await settings([first, second]), ['tcp_timestamps syn-ack-without 2 strong']);
  assert.deepEqual(await settings([first, exchange({ client: older(), clientPort: 41_000, at: 2 })]), []);
});
