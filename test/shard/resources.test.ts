import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { roomForFlows } from '../../src/shard/resources.ts';
import { collect } from '../build/collect.ts';
import { raw } from '../build/links.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { folder } from '../build/store-sample.ts';

test('a capture has room for as many flows as it may have packets, a stream for as many as asked for', () => {
  assert.equal(roomForFlows(4_000_000, 1_000_000, 1), 1_000_000);
  assert.equal(roomForFlows(4_000_000, 1_000_000, 2), 2_000_000, 'all of them may be of one shard');
  assert.equal(roomForFlows(4_000_000, Number.POSITIVE_INFINITY, 2), 4_000_000);
  assert.equal(roomForFlows(1_000, 1_000_000, 1), 1_000);
  assert.ok(roomForFlows(4_000_000, 10, 1) > 1_000, 'a file may grow while it is read');
});

test('no flow is evicted of a capture that begins one with each packet, as short as packets are', async t => {
  const syn = (i: number): Packet => ({
    t: i / 1_000,
    src: `192.0.2.${i % 200}`,
    sport: 1_024 + Math.floor(i / 200),
    dst: '198.51.100.80',
    dport: 80,
    flags: 'S',
    seq: i,
  });
  const flood = Array.from({ length: 20_000 }, (_, i) => syn(i));
  const bytes = pcap(frames(flood, raw()));
  const path = join(folder(t), 'flood.pcap');
  writeFileSync(path, bytes);
  for (const input of [
    { name: 'bytes', bytes },
    { name: 'file', path },
  ]) {
    for (const workers of [0, 2]) {
      const { tally } = await collect([input], { workers, maxFlows: 4_000_000 });
      assert.deepEqual([tally.flows, tally['evicted.flows'] ?? 0], [flood.length, 0], `${input.name}, ${workers}`);
    }
  }
});
