/** The directions of a connection carry different VLAN ids: it is one connection all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, type Outcome } from '../build/collect.ts';
import { Conversation, serverCloses } from '../build/conversation.ts';
import { ETHERNET, vlan } from '../build/links.ts';
import { frame, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { newHost, oldHost } from '../build/situations/reuse.ts';
import { flows, follow, timeWaits } from './follow.ts';

const SERVER_PORT = 80;

/** The way back carries a tag, the way out does not. */
const split = (packets: readonly Packet[], tag = 81): Promise<Outcome> =>
  collect(
    [
      {
        name: 'split.pcap',
        bytes: pcap(
          packets.map(p => frame(p, p.sport === SERVER_PORT ? vlan(tag) : ETHERNET)),
          { nanos: true },
        ),
      },
    ],
    { flows: true },
  );

const findings = ({ findings: all }: Outcome): unknown[] =>
  all.map(({ rule, severity, confidence, title, evidence, packets }) => ({
    ...{ rule, severity, confidence, title, evidence },
    frames: packets.map(p => p.frame),
  }));

function collision(): Conversation {
  const old = serverCloses({ client: oldHost() });
  const next = old.reopen(30, { client: newHost() }).syn();
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt }).wait(0.01).synAgain().synAck().ack('client');
  return next.request().response().serverCloses();
}

const SITUATIONS: readonly (readonly [string, () => readonly Packet[]])[] = [
  ['a connection that meets a TIME_WAIT', () => collision().packets],
  ['a refusal', () => new Conversation().syn().refuse().packets],
  [
    'a SYN that is answered at its third try',
    () => serverCloses().reopen(90).syn().wait(1).synAgain().wait(2).synAgain().synAck().ack('client').packets,
  ],
  ['an abort after data', () => new Conversation().handshake().request(100).response(500).bareRst('server').packets],
  ['a connection of which the beginning is missing', () => serverCloses().packets.slice(3)],
  ['a connection of which the server is heard first', () => serverCloses().packets.slice(4)],
];

for (const [what, packetsOf] of SITUATIONS) {
  test(`told as if both directions had the same id: ${what}`, async () => {
    const packets = packetsOf();
    const [plain, halves] = [await follow(packets), await split(packets)];
    assert.deepEqual(flows(halves), flows(plain));
    assert.deepEqual(timeWaits(halves), timeWaits(plain));
    assert.deepEqual(findings(halves), findings(plain));
  });
}

test('another customer with the same addresses and other numbers is another connection', async () => {
  const onlyOut = serverCloses().packets.filter(p => p.dport === SERVER_PORT);
  const onlyBack = serverCloses({ clientIsn: 9_000_000, serverIsn: 800_000_000, at: 0.003 }).packets.filter(
    p => p.sport === SERVER_PORT,
  );
  const both = [...onlyOut, ...onlyBack].sort((a, b) => a.t - b.t);
  assert.equal((await split(both)).tally.flows, 2);
});

/** Each packet with the VLAN id that stands beside it. */
const tagged = (packets: readonly (readonly [Packet, number])[]): Promise<Outcome> =>
  collect(
    [
      {
        name: 'tagged.pcap',
        bytes: pcap(
          packets.toSorted(([a], [b]) => a.t - b.t).map(([packet, tag]) => frame(packet, vlan(tag))),
          { nanos: true },
        ),
      },
    ],
    { flows: true },
  );

const on = (packets: readonly Packet[], out: number, back = out): [Packet, number][] =>
  packets.map(p => [p, p.sport === SERVER_PORT ? back : out]);

test('a connection that has both directions in one VLAN stays there when another of its hosts is split', async () => {
  const whole = new Conversation({ clientPort: 41_000 }).handshake().request(100).response(500).wait(2);
  whole.bareRst('server');
  const halves = new Conversation({ at: 1 }).handshake().request(100).response(500).serverCloses();
  const outcome = await tagged([...on(whole.packets, 20), ...on(halves.packets, 10, 20)]);
  assert.deepEqual(flows(outcome), flows(await follow([whole, halves])));
});

test('of two connections that an answer fits it belongs to the newer, whichever VLAN became known first', async () => {
  const first = new Conversation().syn();
  const again = { ...first.last, t: 1, ipId: first.last.ipId! + 1 };
  first.wait(1.01).synAck();
  const other = serverCloses({ client: '192.0.2.77:50000', at: -5 });
  const tags = [10, 20].map(tag =>
    tagged([...on(other.packets, tag), [first.packets[0], 10], [again, 20], [first.last, 30]]),
  );
  const [one, two] = await Promise.all(tags);
  const ofClient = (outcome: Outcome): string[] => flows(outcome).filter(text => text.startsWith('40000'));
  assert.equal(ofClient(one!).length, 2);
  assert.deepEqual(ofClient(one!), ofClient(two!));
});

test('two halves whose numbers are under 4 MiB apart are one connection, others two', async () => {
  for (const [apart, expected] of [
    [4 * 2 ** 20 - 1, 1],
    [4 * 2 ** 20, 2],
  ] as const) {
    // Both are joined in the middle: what the server acknowledges is so far from where the client stands.
    const c = new Conversation({ clientIsn: 9_000_000 }).handshake();
    c.packets.length = 0;
    c.send('client', 'PA', { payload: 100 });
    c.ack('server', { ack: c.client.nxt + apart });
    assert.equal(flows(await split(c.packets)).length, expected, `${apart} apart`);
  }
});
