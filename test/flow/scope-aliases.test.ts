import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScopeAliases } from '../../src/flow/scope-aliases.ts';
import { collect, type Outcome } from '../build/collect.ts';
import { type Conversation, serverCloses } from '../build/conversation.ts';
import { ETHERNET, vlan } from '../build/links.ts';
import { type Frame, frame, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { newHost, oldHost } from '../build/situations/reuse.ts';
import { evidence, flows, follow, timeWaits } from './follow.ts';

test('nothing is renamed before something was learned', () => {
  const aliases = new ScopeAliases();
  assert.ok(aliases.isEmpty);
  assert.equal(aliases.resolve(1, 2, 5), 5);
});

test('two names of a path become the one that came first, in both directions', () => {
  const aliases = new ScopeAliases();
  aliases.learn(1, 2, 0, 5);
  assert.ok(!aliases.isEmpty);
  assert.equal(aliases.resolve(2, 1, 0), 5);
  assert.equal(aliases.resolve(1, 2, 5), 5);
  // The other direction has its copies in the other order: nothing changes.
  aliases.learn(2, 1, 5, 0);
  assert.equal(aliases.resolve(1, 2, 0), 5);
  assert.equal(aliases.resolve(1, 2, 5), 5);
});

test('a third name joins the first two', () => {
  const aliases = new ScopeAliases();
  aliases.learn(1, 2, 7, 5);
  aliases.learn(1, 2, 9, 7);
  for (const scope of [5, 7, 9]) assert.equal(aliases.resolve(1, 2, scope), 5);
});

test('other hosts and other VLANs keep their names', () => {
  const aliases = new ScopeAliases();
  aliases.learn(1, 2, 0, 5);
  assert.equal(aliases.resolve(1, 3, 0), 0);
  assert.equal(aliases.resolve(1, 2, 6), 6);
});

const TAG = 7;
const BETWEEN = 0.00004;

/** Each packet on the VLAN device and on its parent; `taggedFirst` says which copy comes first. */
const onBothDevices = (packets: readonly Packet[], taggedFirst: (p: Packet) => boolean): Frame[] =>
  packets.flatMap(p => {
    const links = taggedFirst(p) ? [vlan(TAG), ETHERNET] : [ETHERNET, vlan(TAG)];
    return links.map((link, i) => frame({ ...p, t: p.t + i * BETWEEN }, link));
  });

const ofFrames = (frames: readonly Frame[]): Promise<Outcome> =>
  collect([{ name: 'any.pcap', bytes: pcap(frames, { nanos: true }) }], { flows: true });

function collision(): Conversation {
  const old = serverCloses({ client: oldHost() });
  const next = old.reopen(30, { client: newHost() }).syn();
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt }).wait(0.01).synAgain().synAck().ack('client');
  return next.request().response().serverCloses();
}

const ORDERS: readonly (readonly [string, (p: Packet) => boolean])[] = [
  ['the tagged copy first in one direction, the untagged in the other', p => p.dport === 80],
  ['the untagged copy first in the direction of the SYN', p => p.sport === 80],
  ['the tagged copy always first', () => true],
  ['the untagged copy always first', () => false],
  ['the order changing from packet to packet', p => p.ipId! % 2 === 0],
];

for (const [name, taggedFirst] of ORDERS) {
  test(`a connection recorded on a VLAN device and its parent is one: ${name}`, async () => {
    const { packets } = collision();
    const [plain, both] = [await follow(packets), await ofFrames(onBothDevices(packets, taggedFirst))];
    assert.equal(both.tally.duplicates, packets.length);
    assert.equal(both.tally.flows, 2);
    assert.deepEqual(flows(both), flows(plain));
    assert.deepEqual(timeWaits(both), timeWaits(plain));
    for (const rule of ['port-reuse', 'timestamp-regress', 'reset-close']) {
      assert.deepEqual(evidence(both, rule), evidence(plain, rule));
    }
  });
}

test('two tenants with the same addresses on two VLANs stay two', async () => {
  const { packets } = serverCloses();
  const other = packets.map(p => ({ ...p, t: p.t + 1 }));
  const outcome = await ofFrames([...packets.map(p => frame(p, vlan(1))), ...other.map(p => frame(p, vlan(2)))]);
  assert.equal(outcome.tally.flows, 2);
  assert.equal(outcome.findings.length, 0);
});
