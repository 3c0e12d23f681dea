/**
 * Both sides of a SYN proxy in one capture, as on the gateway itself with `-i any`: each packet of the server comes with its
 * own numbers and clock, and with those of the proxy. The packets are those of nftables' synproxy (docs/rules.md D0.3).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { Conversation } from '../build/conversation.ts';
import type { Packet } from '../build/packet.ts';
import { follow } from '../flow/follow.ts';

/** How the server numbers what the proxy numbers otherwise. */
const SEQ = 1_200_000_000;
const TSVAL = 900_000_000;
const LATER = 0.000_02;

const shifted = (value: number, by: number): number => (value + by) >>> 0;

/** A packet between proxy and server: it comes a moment before its translation if the server sent it, else after it. */
function behind(packet: Packet): Packet {
  const fromServer = packet.sport === 80;
  return {
    ...packet,
    t: packet.t + (fromServer ? -LATER : LATER),
    ttl: packet.ttl! + (fromServer ? 1 : -1),
    seq: fromServer ? shifted(packet.seq, SEQ) : packet.seq,
    ack: fromServer || packet.ack === 0 ? packet.ack! : shifted(packet.ack!, SEQ),
    ...(packet.tsval === undefined ? {} : { tsval: fromServer ? shifted(packet.tsval, TSVAL) : packet.tsval }),
    ...(packet.tsecr === undefined || fromServer ? {} : { tsecr: shifted(packet.tsecr, TSVAL) }),
  };
}

/** The proxy takes the SYN; then it asks the server, which answers `after` the client has. */
function proxied(after: (c: Conversation) => void): Packet[] {
  const c = new Conversation().syn().synAck({ window: 0 }).ack('client');
  const [syn, synAck] = c.packets as [Packet, Packet];
  const asked = [
    { ...syn, t: c.now, tsecr: synAck.tsval!, window: 63, ipId: syn.ipId! + 1 },
    behind({ ...synAck, t: c.now + 0.000_1, window: 65_160 }),
  ];
  const rest = c.packets.length;
  c.wait(0.001);
  after(c);
  const both = c.packets.slice(rest).flatMap(packet => [packet, behind(packet)]);
  return [...c.packets.slice(0, rest), ...asked, ...both].sort((a, b) => a.t - b.t);
}

const told = async (packets: readonly Packet[]): Promise<string[]> =>
  (await follow(packets)).findings.map(({ rule, evidence }: Finding) => `${rule} ${evidence.class ?? evidence.cause}`);

test('no segment was overtaken, and none is refused: the clock on the other side of the proxy is another', async () => {
  const packets = proxied(c => {
    c.request().response().wait(0.5).response().wait(1).response().clientCloses();
  });
  assert.deepEqual(await told(packets), []);
});

test('an RST of the server is told once, by the numbers of the side where they fit, and no device is blamed', async () => {
  const { findings } = await follow(proxied(c => c.request().response().rstFrom('server')));
  assert.deepEqual(
    findings.map(({ rule, evidence }) => [rule, evidence.class]),
    [['reset-close', 'abort']],
  );
  assert.doesNotMatch(findings[0].title, /device/);
});

test('a closed port behind a SYN proxy: the RST that comes instead of a window is a refusal, and no listener was closed', async () => {
  const c = new Conversation().syn().synAck({ window: 0 }).ack('client');
  const { packets } = c;
  const refusal = { ipId: 0, window: 0, bare: true };
  c.rstFrom('server', refusal);
  const atServer: Packet = { ...c.last, t: c.last.t - LATER, seq: 0, ttl: c.last.ttl! + 1 };
  const client = [...packets];
  for (const seen of [client, [...client.slice(0, -1), atServer, client.at(-1)!]]) {
    const { findings } = await follow(seen);
    assert.deepEqual(
      findings.map(({ rule, evidence }) => [rule, evidence.class, evidence.syn_proxy]),
      [['reset-close', 'abort', true]],
    );
    assert.match(findings[0].title, /^What is behind a SYN proxy does not take the connection, most likely: [^;]+$/);
  }
});
