/** Cutting a capture into pieces must not change a single finding: state carries from one file into the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SECOND } from '../src/base/time.ts';
import type { Input } from '../src/capture/capture-info.ts';
import { SLAB_ROWS } from '../src/capture/slab.ts';
import type { Finding } from '../src/detect/finding.ts';
import { collect, type Outcome } from './build/collect.ts';
import { bytesOf, fixtures } from './build/fixtures.ts';
import type { Frame } from './build/packet.ts';
import { pcap } from './build/pcap.ts';
import { longTraffic, randomTraffic } from './build/random-traffic.ts';
import { cutAt, isPlainPcap, records } from './build/records.ts';

const PIECES = [2, 3, 10];

const piece = (i: number): string => `piece-${i + 1}.pcap`;
/** As `editcap -c` and `dumpcap -b` name them: one capture, whatever its clock does where it was cut. */
const numbered = (i: number): string => `piece_${String(i).padStart(5, '0')}_20231114221320.pcap`;

const inputs = (files: readonly Uint8Array[], name: (i: number) => string): Input[] =>
  files.map((bytes, i) => ({ name: name(i), bytes }));

/**
 * All that may not change: everything but in which file, and as which frame of it, a packet is found. Instants count
 * from the run's origin, which an earlier first frame in one of the pieces moves.
 */
function essence({ origin, findings, timeWaits, curve, tally }: Outcome, wholeOrigin: number): unknown {
  const instant = (at: number): number => at + (origin - wholeOrigin) * SECOND;
  const located = (finding: Finding): unknown => ({
    ...finding,
    at: instant(finding.at),
    firstAt: instant(finding.firstAt),
    lastAt: instant(finding.lastAt),
    capture: 0,
    frame: 0,
    packets: finding.packets.map(packet => ({ ...packet, at: instant(packet.at), capture: 0, frame: 0 })),
  });
  const intervals = timeWaits
    .map(row => ({ ...row, entered: instant(row.entered), start: instant(row.start), end: instant(row.end) }))
    .map(row => (row.hiddenUntil === undefined ? row : { ...row, hiddenUntil: instant(row.hiddenUntil) }))
    .map(row => JSON.stringify({ ...row, capture: 0 }))
    .sort();
  const second = (s: number): number => s + origin - wholeOrigin;
  const moved = curve.map(({ seconds, hidden, ...row }) => ({
    ...row,
    seconds: seconds.map(second),
    hidden: { ...hidden, seconds: hidden.seconds.map(second) },
  }));
  return { findings: findings.map(located), intervals, curve: moved, tally };
}

async function assertSameWhenCut(file: Uint8Array, cuts: readonly number[], name = piece): Promise<void> {
  await assertSame(file, inputs(cutAt(file, cuts), name));
}

async function assertSame(file: Uint8Array, given: Input[]): Promise<void> {
  const whole = await collect(inputs([file], piece));
  const pieces = await collect(given);
  assert.deepEqual(essence(pieces, whole.origin), essence(whole, whole.origin));
}

for (const fixture of fixtures().filter(f => f.inputs.length === 1)) {
  const file = bytesOf(fixture);
  if (!isPlainPcap(file)) continue;
  const count = records(file).records.length;
  test(`${fixture.name} cut in the middle, and into ten`, async () => {
    const tenths = Array.from({ length: 9 }, (_, i) => Math.floor(((i + 1) * count) / 10));
    // A record that is cut short belongs to the whole capture only.
    const [clean] = cutAt(file, []);
    await assertSameWhenCut(clean!, [count >> 1], numbered);
    await assertSameWhenCut(clean!, tenths, numbered);
    // Without a clock step the times of the files tell their order, whatever order they are named in.
    if (fixture.name !== 'clock-step.pcap') await assertSame(clean!, inputs(cutAt(clean!, tenths), piece).reverse());
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

/** Set back by so many seconds from these places on (shares of the frames). */
const steps = fc.array(
  fc.record({
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    back: fc.oneof(fc.double({ min: 0.02, max: 5, noNaN: true }), fc.double({ min: 5, max: 5_000, noNaN: true })),
  }),
  { minLength: 1, maxLength: 3 },
);

function setBack(frames: readonly Frame[], at: readonly { place: number; back: number }[]): Frame[] {
  return frames.map((frame, i) => ({
    ...frame,
    t: at.reduce((t, { place, back }) => (i >= Math.floor(place * frames.length) ? t - back : t), frame.t),
  }));
}

/** Frames before which the clock stands more than 10 ms ahead of them: there a cut hides the step. */
function stepsOf(frames: readonly Frame[]): Set<number> {
  const found = new Set<number>();
  let clock = Number.NEGATIVE_INFINITY;
  for (const [i, { t }] of frames.entries()) {
    // Microsecond rounding of the capture aside.
    if (t < clock - 0.009_99) found.add(i);
    clock = t < clock - 0.009_99 ? t : Math.max(clock, t);
  }
  return found;
}

for (const pieces of PIECES) {
  test(`traffic whose clock steps back, cut into ${pieces} files at random frames`, async () => {
    const property = fc.asyncProperty(
      randomTraffic(),
      steps,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: pieces - 1, maxLength: pieces - 1 }),
      async (traffic, at, places) => {
        const frames = setBack(traffic, at);
        const cuts = places.map(place => Math.floor(place * frames.length));
        const file = pcap(frames, { nanos: true, linkType: 1 });
        await assertSameWhenCut(file, cuts, numbered);
        const seams = stepsOf(frames);
        await assertSameWhenCut(
          file,
          cuts.filter(cut => !seams.has(cut)),
        );
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });
}

test('traffic whose clock steps back twice, cut at each of its frames', async () => {
  const [traffic] = fc.sample(randomTraffic(), { seed: 7, numRuns: 1 });
  const frames = setBack(traffic!, [
    { place: 0.3, back: 40 },
    { place: 0.7, back: 2_000 },
  ]);
  const file = pcap(frames, { nanos: true, linkType: 1 });
  const seams = stepsOf(frames);
  assert.equal(seams.size, 2);
  for (let cut = 0; cut <= frames.length; cut++) {
    await assertSameWhenCut(file, [cut], numbered);
    if (!seams.has(cut)) await assertSameWhenCut(file, [cut]);
  }
});

test('traffic of several slabs whose clock steps back far into earlier files', async () => {
  const traffic = longTraffic(2.5 * SLAB_ROWS);
  const span = traffic.at(-1)!.t - traffic[0].t;
  const frames = setBack(traffic, [{ place: 0.5, back: span / 3 }]);
  const file = pcap(frames, { nanos: true });
  const tenths = Array.from({ length: 9 }, (_, i) => Math.floor(((i + 0.7) * frames.length) / 10));
  for (const cuts of [[0.45], [0.55], [0.98], [0.2, 0.6, 0.8]]) {
    await assertSameWhenCut(
      file,
      cuts.map(share => Math.floor(share * frames.length)),
    );
  }
  await assertSameWhenCut(file, tenths);
});
