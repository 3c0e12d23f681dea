/** Cutting a capture into pieces must not change a single finding: state carries from one file into the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Input } from '../src/capture/capture-info.ts';
import { SLAB_ROWS } from '../src/capture/slab.ts';
import type { Finding } from '../src/detect/finding.ts';
import { collect, type Outcome } from './build/collect.ts';
import { bytesOf, fixtures } from './build/fixtures.ts';
import { pcap } from './build/pcap.ts';
import { longTraffic, randomTraffic } from './build/random-traffic.ts';
import { cutAt, isPlainPcap, records } from './build/records.ts';

const PIECES = [2, 3, 10];
/** Set back, the clock cannot tell which of two files comes first: nor can we. */
const WITHOUT_TIME_ORDER = ['clock-step.pcap'];

const inputs = (files: readonly Uint8Array[]): Input[] =>
  files.map((bytes, i) => ({ name: `piece-${i + 1}.pcap`, bytes }));

/** All that may not change: everything but in which file, and as which frame of it, a packet is found. */
function essence({ findings, timeWaits, tally }: Outcome): unknown {
  const located = (finding: Finding): unknown => ({
    ...finding,
    capture: 0,
    frame: 0,
    packets: finding.packets.map(packet => ({ ...packet, capture: 0, frame: 0 })),
  });
  const intervals = timeWaits.map(row => JSON.stringify({ ...row, capture: 0 })).sort();
  return { findings: findings.map(located), intervals, tally };
}

async function assertSameWhenCut(file: Uint8Array, cuts: readonly number[]): Promise<void> {
  const whole = await collect(inputs([file]));
  const pieces = await collect(inputs(cutAt(file, cuts)));
  assert.deepEqual(essence(pieces), essence(whole));
}

for (const fixture of fixtures().filter(f => f.inputs.length === 1 && !WITHOUT_TIME_ORDER.includes(f.name))) {
  const file = bytesOf(fixture);
  if (!isPlainPcap(file)) continue;
  const count = records(file).records.length;
  test(`${fixture.name} cut in the middle, and into ten`, async () => {
    const tenths = Array.from({ length: 9 }, (_, i) => Math.floor(((i + 1) * count) / 10));
    // A record that is cut short belongs to the whole capture only.
    const [clean] = cutAt(file, []);
    await assertSameWhenCut(clean!, [count >> 1]);
    await assertSameWhenCut(clean!, tenths);
  });
}

for (const pieces of PIECES) {
  test(`random traffic cut into ${pieces} files at random frames`, async () => {
    const property = fc.asyncProperty(
      randomTraffic(),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: pieces - 1, maxLength: pieces - 1 }),
      async (frames, places) => {
        const cuts = places.map(place => Math.floor(place * frames.length));
        await assertSameWhenCut(pcap(frames, { nanos: true, linkType: 1 }), cuts);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });
}

test('traffic of several slabs, cut at a row of each', async () => {
  const frames = longTraffic(2.5 * SLAB_ROWS);
  await assertSameWhenCut(pcap(frames, { nanos: true }), [1, SLAB_ROWS - 1, SLAB_ROWS, SLAB_ROWS + 777, 2 * SLAB_ROWS]);
});
