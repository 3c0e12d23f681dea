/** One direction is stamped late, by more than a round trip: its SYN comes after packets of its connection (docs/rules.md D0.6). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../build/collect.ts';
import { type Conversation, clientCloses, exchange, serverCloses, TW_ISN_STEP } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import type { Packet } from '../build/packet.ts';
import { flows, follow, resets } from './follow.ts';

const RTT = 0.0001;

/** The packets as captured if those of the client are stamped late. */
const clientLate = (packets: readonly Packet[], by: number): Packet[] =>
  packets.map(packet => (packet.dport === 80 ? { ...packet, t: packet.t + by } : packet)).toSorted((a, b) => a.t - b.t);

const told = ({ findings }: Outcome, severity: string): string[] =>
  findings.filter(f => f.severity === severity).map(f => `${f.rule} ${f.title}`);

const unseen = ({ tally }: Outcome): number[] => [tally['unseen.directions'] ?? 0, tally['unseen.acknowledged'] ?? 0];

test('a port that was used once: no connection before it, and nothing is missing', async () => {
  for (const by of [0.0002, 0.0005, 0.002, 0.04]) {
    for (const closed of [serverCloses({ rtt: RTT }), clientCloses({ rtt: RTT })]) {
      const outcome = await follow(clientLate(closed.packets, by));
      assert.deepEqual(outcome.findings, [], `${by} s`);
      assert.equal(outcome.tally.flows, 1);
      assert.deepEqual(unseen(outcome), [0, 0]);
    }
  }
});

test('a port that is used again and again: all of its connections are accepted', async () => {
  const first = serverCloses({ rtt: RTT });
  let last: Conversation = first;
  for (let i = 0; i < 5; i++) {
    last = last.reopen(2, { clientIsn: last.client.nxt + TW_ISN_STEP, serverIsn: last.server.nxt + TW_ISN_STEP });
    last.handshake().request(4).response().serverCloses();
  }
  for (const by of [0.00015, 0.0005, 0.002]) {
    const outcome = await follow(clientLate(first.packets, by));
    assert.deepEqual(told(outcome, 'warning'), [], `${by} s`);
    assert.equal(outcome.tally.flows, 6);
  }
});

test('packets that overtake the SYN on a used port count neither as an answer of the old connection nor as its own', async () => {
  const old = serverCloses({ rtt: RTT });
  const next = old.reopen(2, { clientIsn: old.client.nxt + TW_ISN_STEP, serverIsn: old.server.nxt + TW_ISN_STEP });
  next.handshake().request(1).response(100).serverCloses();
  const syn = next.packets.findLastIndex(({ flags }) => flags === 'S');
  for (const overtaking of [2, 3, 4, 5]) {
    const packets = [...next.packets];
    packets.splice(syn + overtaking, 0, packets.splice(syn, 1)[0]);
    // The SYN-ACK is even later.
    packets.splice(syn + overtaking + 2, 0, packets.splice(syn, 1)[0]);
    const times = next.packets.map(({ t }) => t);
    const outcome = await follow(packets.map((packet, i) => ({ ...packet, t: times[i] })));
    assert.deepEqual(told(outcome, 'warning'), [], `${overtaking} before it`);
  }
});

/** A limit: when the RST is told, its SYN is not known yet. So the user reads `no-flow` where it is `refused`. */
test('a SYN whose refusal is stamped before it counts as answered, though the RST is told as no-flow', async () => {
  for (const by of [0.0003, 0.02]) {
    const c = exchange({ client: '192.0.2.10:40001', rtt: RTT }).clientCloses();
    const next = c.reopen(0.5, { clientPort: 40002 }).syn().refuse();
    const outcome = await follow(clientLate(next.packets, by));
    assert.deepEqual([told(outcome, 'warning'), resets(outcome)], [[], ['no-flow']], `${by} s: no reuse after a reset`);
    assert.equal(outcome.tally['syns.unanswered'] ?? 0, 0);
  }
});

test('a late copy of a SYN opens nothing where the capture lacks it, the handshake and what was said first', async () => {
  for (const closed of [serverCloses(), clientCloses(), exchange(), exchange().rstFrom('server')]) {
    const [syn] = closed.packets;
    for (const missing of [2, 3, 4, 5, 6]) {
      const outcome = await follow([...closed.packets.slice(missing), { ...syn!, t: 0.5 }]);
      assert.equal(flows(outcome).length, 1, `${missing}`);
      assert.deepEqual(
        outcome.findings.filter(({ rule }) => rule !== 'reset-close'),
        [],
      );
    }
    const newer = { ...syn!, t: 0.5, tsval: syn!.tsval! + 5000 };
    assert.equal(flows(await follow([...closed.packets.slice(6), newer])).length, 2, 'a TSval of now');
    const far = { ...syn!, t: 0.5, seq: (syn!.seq - 2 ** 20) >>> 0 };
    assert.equal(flows(await follow([...closed.packets.slice(6), far])).length, 2, 'a number of another connection');
  }
});

test('a SYN with other numbers, or a later one, is a use of the port again', async () => {
  const far = exchange({ rtt: RTT, clientIsn: 1000 });
  far.reopen(0, { clientIsn: 0x7000_0000 }).syn();
  const late = exchange({ rtt: RTT, clientIsn: 1000 });
  late.reopen(0.06, { clientIsn: 900 }).syn();
  const newer = exchange({ client: new Host('192.0.2.10'), rtt: RTT, clientIsn: 1000 });
  newer.reopen(0.02, { clientIsn: 900 }).syn();
  for (const { packets } of [far, late, newer]) {
    const joined = packets.slice(1);
    assert.equal(flows(await follow(joined)).length, 2);
  }
});
