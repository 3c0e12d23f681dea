/** What the addon makes of a slab is what TypeScript makes of it, word for word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Input } from '../../src/capture/capture-info.ts';
import { addon } from '../../src/capture/native.ts';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import { type DecodeRows, decodeRowsInTypeScript, decodeRowsWith } from '../../src/wire/decode-rows.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Locator } from '../../src/wire/locate.ts';
import { SEGMENT_WORDS, Segments } from '../../src/wire/segments.ts';
import { fixtures } from '../build/fixtures.ts';
import { frame } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';

const skip = addon === undefined ? 'skipped: needs the addon (a C compiler)' : false;
const SHARDS = 2;

/** Both ways of one shard, side by side. */
class Pair {
  private readonly hosts = [new Hosts(), new Hosts()] as const;
  private readonly segments = [new Segments(1), new Segments(1)] as const;
  private readonly shard: number;

  constructor(shard: number) {
    this.shard = shard;
  }

  assertSame(slab: Slab, rows: number, capture: number, where: string): void {
    const decode = (which: 0 | 1, how: DecodeRows): readonly unknown[] => {
      const segments = this.segments[which];
      const bad = how(slab, rows, capture, this.shard, this.hosts[which], segments);
      const records = segments.words.slice(0, segments.count * SEGMENT_WORDS);
      segments.drop(segments.count);
      return [bad, records];
    };
    assert.deepEqual(decode(1, decodeRowsWith(addon!)), decode(0, decodeRowsInTypeScript), where);
  }
}

async function assertSame(inputs: readonly Input[], where: string): Promise<number> {
  const reader = await Reader.open(inputs, new Locator());
  const slab = new Slab();
  const shards = Array.from({ length: SHARDS }, (_, shard) => new Pair(shard));
  let rows = 0;
  for (let batch = await reader.fill(slab, SHARDS); batch !== null; batch = await reader.fill(slab, SHARDS)) {
    rows += batch.rows;
    for (const shard of shards) shard.assertSame(slab, batch.rows, batch.capture, where);
  }
  reader.close();
  return rows;
}

test('every fixture', { skip }, async () => {
  let rows = 0;
  for (const { name, inputs } of fixtures()) rows += await assertSame(inputs, name);
  assert.ok(rows > 1000);
});

test('any options, any flags, cut anywhere, in IPv4 and IPv6', { skip }, async () => {
  const byte = fc.oneof(fc.nat(255), fc.nat(9), fc.constantFrom(2, 3, 4, 8, 10));
  const packet = fc.record({
    ipv6: fc.boolean(),
    port: fc.nat(0xffff),
    flags: fc.constantFrom('S', 'SA', 'A', 'FA', 'R', 'RA', ''),
    seq: fc.nat(0xffff_ffff),
    ack: fc.nat(0xffff_ffff),
    payload: fc.nat(9),
    ttl: fc.nat(255),
    ipId: fc.nat(0xffff),
    words: fc.array(fc.tuple(byte, byte, byte, byte), { maxLength: 10 }),
    timestamps: fc.boolean(),
    missing: fc.nat(60),
    offset: fc.oneof(fc.constant(undefined), fc.nat(15)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 20 }), async packets => {
      const frames = packets.map(({ ipv6, port, words, timestamps, missing, offset, ...fields }, i) => {
        const [src, dst] = ipv6 ? ['2001:db8::10', '2001:db8::80'] : ['192.0.2.10', '198.51.100.80'];
        const options = timestamps ? { tsval: fields.seq, tsecr: fields.ack } : { options: words.flat() };
        const made = frame({ t: i / 1e4, src, sport: port, dst, dport: 80, ...fields, ...options });
        // Ethernet, and an IP header without options.
        if (offset !== undefined) made.bytes[(ipv6 ? 54 : 34) + 12] = offset << 4;
        return { ...made, snap: Math.max((ipv6 ? 54 : 34) + 20, made.bytes.length - missing) };
      });
      await assertSame([{ name: 'any.pcap', bytes: pcap(frames) }], '');
    }),
    { numRuns: 300 },
  );
});
