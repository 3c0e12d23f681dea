/** The number of shards, and the threads they run on, must not change a single finding or count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Input } from '../src/capture/capture-info.ts';
import { SLAB_ROWS } from '../src/capture/slab.ts';
import { collect, type Outcome } from './build/collect.ts';
import { Conversation } from './build/conversation.ts';
import { fixtures } from './build/fixtures.ts';
import { inShards } from './build/in-process.ts';
import { frames, type Packet } from './build/packet.ts';
import { pcap } from './build/pcap.ts';
import { longTraffic, randomTraffic } from './build/random-traffic.ts';

const SHARDS = [2, 7];
/** Starting seven threads takes a second, so they are for the fixtures in which hosts and captures are many. */
const THREADS_ON_ALL = 2;
const BUSY = ['many-faults.pcap', 'healthy-traffic.pcap', 'lab-nat-two-clients.pcap', 'rotated', 'clock-step.pcap'];

/** Intervals and flows come from each shard as they end, so in any order. */
const sorted = (rows: readonly unknown[]): string[] => rows.map(row => JSON.stringify(row)).sort();

const essence = ({ status, findings, timeWaits, flows, curve, tally }: Outcome): unknown => ({
  status,
  findings,
  tally,
  timeWaits: sorted(timeWaits),
  flows: sorted(flows),
  curve,
});

async function assertSameInShards(inputs: readonly Input[]): Promise<void> {
  const one = await inShards(inputs, 1);
  for (const shards of SHARDS) {
    const many = await inShards(inputs, shards);
    assert.deepEqual(many.findings, one.findings);
    assert.deepEqual(many.tally, one.tally);
    assert.deepEqual(sorted(many.timeWaits), sorted(one.timeWaits));
    assert.deepEqual(many.curve, one.curve);
  }
}

for (const { name, inputs } of fixtures()) {
  test(`${name} gives the same in 2 and 7 shards as in one`, () => assertSameInShards(inputs));

  for (const workers of BUSY.includes(name) ? [1, 2, 7] : [THREADS_ON_ALL]) {
    test(`${name} gives the same on ${workers} threads as on none`, async () => {
      const alone = await collect(inputs, { workers: 0, flows: true });
      const shared = await collect(inputs, { workers, flows: true });
      assert.deepEqual(essence(shared), essence(alone));
    });
  }
}

test('random traffic gives the same in 2 and 7 shards as in one', async () => {
  const property = fc.asyncProperty(randomTraffic(), frames =>
    assertSameInShards([{ name: 'random.pcap', bytes: pcap(frames, { nanos: true, linkType: 1 }) }]),
  );
  await fc.assert(property, { numRuns: 300 });
});

test('traffic of several slabs gives the same in any number of shards and on threads', async () => {
  const inputs = [{ name: 'long.pcap', bytes: pcap(longTraffic(2.5 * SLAB_ROWS), { nanos: true }) }];
  await assertSameInShards(inputs);
  const alone = await collect(inputs, { maxFlows: 100_000, flows: true });
  const shared = await collect(inputs, { workers: 2, maxFlows: 100_000, flows: true });
  assert.deepEqual(essence(shared), essence(alone));
});

test('how long a lone SYN was watched does not depend on the packets of other hosts', async () => {
  const answered = new Conversation({ client: '192.0.2.10:40000' }).handshake();
  const lone = new Conversation({ client: '192.0.2.10:40001', at: 1 }).syn();
  const others = (at: number, port: number): readonly Packet[] =>
    new Conversation({ client: `192.0.2.99:${port}`, server: '198.51.100.99:80', at }).handshake().packets;
  const story = [...answered.packets, ...lone.packets, ...others(50, 5000)];
  const clockStepsBack = others(20, 5001);
  for (const rest of [others(75.99, 5001), clockStepsBack]) {
    await assertSameInShards([{ name: 'lone.pcap', bytes: pcap(frames([...story, ...rest]), { nanos: true }) }]);
  }
});
