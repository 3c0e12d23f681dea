/** Rows that the addon fills are those that TypeScript fills, and the clock goes on as it would have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Input } from '../../src/capture/capture-info.ts';
import { addon } from '../../src/capture/native.ts';
import { Reader } from '../../src/capture/reader.ts';
import { type Batch, Slab } from '../../src/capture/slab.ts';
import { Locator } from '../../src/wire/locate.ts';
import { fixtures } from '../build/fixtures.ts';
import { type Frame, frame } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';

const skip = addon === undefined ? 'skipped: needs the addon (a C compiler)' : false;
const SHARDS = 7;

/** Every frame goes the usual way. */
class InTypeScript extends Locator {
  override locatePlain(): number {
    return 0;
  }
}

class Counting extends Locator {
  filled = 0;

  override locatePlain(...given: Parameters<Locator['locatePlain']>): number {
    const rows = super.locatePlain(...given);
    this.filled += rows;
    return rows;
  }
}

interface Told {
  batch: Batch;
  rows: unknown;
  skipped: number[];
}

async function read(inputs: readonly Input[], locator: Locator): Promise<Told[]> {
  const reader = await Reader.open(inputs, locator);
  const slab = new Slab();
  const told: Told[] = [];
  for (let batch = await reader.fill(slab, SHARDS); batch !== null; batch = await reader.fill(slab, SHARDS)) {
    const { at, ipAt, tcpAt, end, length, frame: number, scope, shard } = slab;
    const rows = [at, ipAt, tcpAt, end, length, number, scope, shard].map(column => column.slice(0, batch!.rows));
    told.push({ batch, rows, skipped: [...reader.skipped] });
  }
  reader.close();
  return told;
}

async function assertSame(inputs: readonly Input[], where: string): Promise<number> {
  const counting = new Counting();
  assert.deepEqual(await read(inputs, counting), await read(inputs, new InTypeScript()), where);
  return counting.filled;
}

test('every fixture', { skip }, async () => {
  let filled = 0;
  for (const { name, inputs } of fixtures()) filled += await assertSame(inputs, name);
  assert.ok(filled > 1000);
});

test('plain frames among others, cut anywhere, with times that go back', { skip }, async () => {
  const one = fc.record({
    micros: fc.oneof(fc.nat(1000), fc.integer({ min: -30_000, max: 30_000 })),
    ipv6: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    payload: fc.nat(9),
    missing: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(70) }),
    /** A byte of Ethernet, IP or TCP header that is another. */
    changed: fc.option(fc.tuple(fc.nat(53), fc.nat(255)), { freq: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 40 }), async packets => {
      let t = 1;
      const frames: Frame[] = packets.map(({ micros, ipv6, payload, missing, changed }) => {
        t = Math.max(0, t + micros / 1e6);
        const [src, dst] = ipv6 ? ['2001:db8::10', '2001:db8::80'] : ['192.0.2.10', '198.51.100.80'];
        const made = frame({ t, src, sport: 40_000, dst, dport: 80, flags: 'A', seq: 1, ack: 1, payload });
        if (changed) made.bytes[changed[0]] = changed[1];
        return { ...made, snap: Math.max(1, made.bytes.length - missing) };
      });
      await assertSame([{ name: 'any.pcap', bytes: pcap(frames) }], '');
    }),
    { numRuns: 500 },
  );
});
