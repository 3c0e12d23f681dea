import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_PORT_RANGE } from '../../src/base/limits.ts';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import { detectors } from '../../src/detect/index.ts';
import { Shard } from '../../src/shard/shard.ts';
import { count, merge, type Tally } from '../../src/shard/tally.ts';
import type { Hosts } from '../../src/wire/hosts.ts';
import { Locator } from '../../src/wire/locate.ts';
import { u32 } from '../build/bytes.ts';
import { frame } from '../build/packet.ts';
import { pcapHeader, pcapRecord } from '../build/pcap.ts';
import { SYN6 } from '../capture/sample.ts';

const tally = fc.dictionary(fc.constantFrom('frames', 'segments', 'flows', 'duplicates'), fc.nat(1000));
const sum = (...all: readonly Tally[]): Tally => all.reduce<Tally>((into, one) => merge(into, one), {});

test('tallies add up in any order', () => {
  const algebra = fc.property(tally, tally, tally, (a, b, c) => {
    assert.deepEqual(sum(a, sum(b, c)), sum(sum(a, b), c));
    assert.deepEqual(sum(a, b), sum(b, a));
    assert.deepEqual(sum(a, {}), sum(a));
  });
  fc.assert(algebra);
});

test('counting begins at zero', () => {
  const counts: Tally = {};
  count(counts, 'frames');
  count(counts, 'frames', 4);
  count(counts, 'flows', 0);
  assert.deepEqual(counts, { frames: 5, flows: 0 });
});

/** One SYN from so many IPv6 sources, a millisecond apart. */
function flood(sources: number): Uint8Array {
  const { bytes, linkType } = frame(SYN6);
  const SOURCE_END = 14 + 8 + 16;
  const records = Array.from({ length: sources }, (_, i) => {
    const copy = Uint8Array.from(bytes);
    copy.set(u32(i), SOURCE_END - 4);
    return pcapRecord({ t: i / 1000, bytes: copy, linkType });
  });
  return Buffer.concat([pcapHeader(linkType), ...records]);
}

test('a flood of IPv6 sources is let go of with its flows: the table of hosts stays small', async () => {
  const SOURCES = 100_000;
  const MAX_FLOWS = 1000;
  const reader = await Reader.open([{ name: 'flood.pcap', bytes: flood(SOURCES) }], new Locator());
  const shard = new Shard({
    shard: 0,
    origin: reader.origin,
    maxFlows: MAX_FLOWS,
    timeWait: 60e9,
    flows: false,
    rules: detectors.map(({ meta }) => meta.id),
    maxFindings: 100,
    portRange: DEFAULT_PORT_RANGE,
  });
  const slab = new Slab();
  let most = 0;
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) {
    shard.take(slab, batch);
    most = Math.max(most, (shard as unknown as { hosts: Hosts }).hosts.capacity);
  }
  const { tally: told } = shard.finish(SOURCES * 1e6, () => {});
  reader.close();
  assert.deepEqual([told!.segments, told!.flows], [SOURCES, SOURCES]);
  assert.ok(told!['evicted.flows'] >= SOURCES - MAX_FLOWS - 1);
  assert.ok(most < 90_000, `${most} rows of hosts`);
});
