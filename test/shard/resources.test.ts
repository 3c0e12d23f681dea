import assert from 'node:assert/strict';
import { appendFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Input } from '../../src/capture/capture-info.ts';
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

const syn = (i: number): Packet => ({
  t: i / 1_000,
  src: `192.0.2.${i % 200}`,
  sport: 1_024 + Math.floor(i / 200),
  dst: '198.51.100.80',
  dport: 80,
  flags: 'S',
  seq: i,
});

/** As short as packets are, each of another flow. */
const FLOOD = 20_000;
const flood = pcap(
  frames(
    Array.from({ length: FLOOD }, (_, i) => syn(i)),
    raw(),
  ),
);

const assertNoneEvicted = async (input: Input, workers: number): Promise<void> => {
  const { tally } = await collect([input], { workers, maxFlows: 4_000_000 });
  assert.deepEqual([tally.flows, tally['evicted.flows'] ?? 0], [FLOOD, 0]);
};

for (const workers of [0, 2]) {
  test(`no flow is evicted of a capture that begins one with each packet, in ${workers} threads`, async t => {
    const path = join(folder(t), 'flood.pcap');
    writeFileSync(path, flood);
    const anHourAgo = Date.now() / 1e3 - 3600;
    utimesSync(path, anHourAgo, anHourAgo);
    await assertNoneEvicted({ name: 'bytes', bytes: flood }, workers);
    await assertNoneEvicted({ name: 'file', path }, workers);
  });

  test(`nor of one of which nobody knows how long it is, in ${workers} threads`, async t => {
    const path = join(folder(t), 'flood.pcap.gz');
    writeFileSync(path, gzipSync(flood));
    await assertNoneEvicted({ name: 'compressed', path }, workers);
    await assertNoneEvicted({ name: 'stream', stream: Readable.from([flood]) }, workers);
  });

  test(`nor of one that is written while it is read, in ${workers} threads`, async t => {
    const path = join(folder(t), 'growing.pcap');
    const opened = 10_000;
    writeFileSync(path, flood.subarray(0, opened));
    const analysed = assertNoneEvicted({ name: 'growing', path }, workers);
    appendFileSync(path, flood.subarray(opened));
    await analysed;
  });
}
