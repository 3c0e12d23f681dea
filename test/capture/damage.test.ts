/** Whatever happens to the bytes: no exception but a CaptureError, no hang, and a note where something is missing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vlan } from '../build/links.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { pcapng } from '../build/pcapng.ts';
import { gre, vxlan } from '../build/tunnels.ts';
import { type Outcome, readBytes } from './read.ts';
import { packetsAt, SYN6 } from './sample.ts';

const PACKETS: readonly Packet[] = [
  ...packetsAt(0, 0.1),
  { ...SYN6, t: 0.2, extensions: [{ header: 0 }, { header: 60, size: 16 }] },
  { ...packetsAt(0.3)[0], tsval: 7, tsecr: 3, ipOptions: [7, 4, 0, 0] },
];

const attempt = (bytes: Uint8Array): Promise<Outcome | undefined> =>
  readBytes(bytes).catch((error: Error) => {
    assert.equal(error.name, 'CaptureError', error.stack);
    return undefined;
  });

const FILES: readonly (readonly [string, Uint8Array])[] = [
  ['pcap', pcap(frames(PACKETS))],
  ['pcap, modified, big endian', pcap(frames(PACKETS), { modified: true, bigEndian: true })],
  ['pcapng', pcapng(frames(PACKETS), { interfaces: [{ name: 'eth0', resolution: 9, offset: 5 }] })],
  ['pcapng, big endian', pcapng(frames(PACKETS), { bigEndian: true })],
];

for (const [name, whole] of FILES) {
  test(`${name}: cut at every byte`, async () => {
    const all = (await readBytes(whole)).rows;
    // Where a cut leaves whole records only.
    const seams = new Set<number>();
    for (let size = 0; size < whole.length; size++) {
      const outcome = await attempt(whole.subarray(0, size));
      if (outcome === undefined) {
        assert.ok(size < 28, `unreadable at ${size}`);
        continue;
      }
      assert.deepEqual(outcome.rows, all.slice(0, outcome.rows.length));
      const [info] = outcome.captures;
      if (info!.notes.length === 0) {
        seams.add(size);
        assert.equal(info!.bytes, size);
        continue;
      }
      assert.deepEqual(
        info!.notes.map(n => n.kind),
        ['truncated'],
      );
      assert.ok(seams.has(info!.notes[0].offset!) || info!.notes[0].offset === 0);
    }
    assert.ok(seams.size >= PACKETS.length);
  });

  test(`${name}: each byte flipped in turn`, async () => {
    for (let at = 0; at < whole.length; at++) {
      for (const flip of [0xff, 0x01, 0x80]) {
        const damaged = whole.slice();
        damaged[at] = damaged[at] ^ flip;
        const outcome = await attempt(damaged);
        if (outcome !== undefined) assert.ok(outcome.frames <= PACKETS.length * 10);
      }
    }
  });
}

/** A small generator of the same noise on every machine (Numerical Recipes' LCG). */
function* noise(seed: number): Generator<number> {
  for (let x = seed; ; ) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    yield x >>> 8;
  }
}

test('frames of noise behind every link type are counted, never thrown', async () => {
  const random = noise(1);
  const next = (): number => random.next().value as number;
  const linkTypes = [
    0, 1, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 129, 163, 192, 228, 229, 239, 274, 276,
  ];
  for (const linkType of linkTypes) {
    const made = Array.from({ length: 400 }, (_, i) => ({
      t: i,
      linkType,
      bytes: Uint8Array.from({ length: next() % 150 }, () => next() & 255),
    }));
    const outcome = await readBytes(pcap(made, { linkType }));
    const counted = Object.values(outcome.skipped).reduce((a, b) => a + b, 0);
    assert.equal(counted + outcome.rows.length, 400, `link type ${linkType}`);
  }
});

test('real headers with a few random bytes are counted, never thrown', async () => {
  const random = noise(2);
  const next = (): number => random.next().value as number;
  const base = [
    ...frames(PACKETS),
    ...frames(PACKETS, vlan(5, 7)),
    ...frames(PACKETS, undefined, inner => vxlan(5)(gre({ key: 1 })(inner))),
  ];
  const made = Array.from({ length: 20_000 }, (_, i) => {
    const frame = base[i % base.length];
    const bytes = frame.bytes.slice();
    for (let k = next() % 4; k >= 0; k--) bytes[next() % bytes.length] = next() & 255;
    return { ...frame, t: i, bytes: bytes.subarray(0, next() % 3 === 0 ? next() % bytes.length : undefined) };
  });
  const { rows, frames: read, skipped } = await readBytes(pcap(made));
  const counted = Object.values(skipped).reduce((a, b) => a + b, 0);
  assert.equal(read, 20_000);
  assert.equal(rows.length + counted, 20_000);
  // What a shard relies on.
  assert.ok(rows.every(r => r.captured >= 20 && r.length >= 20));
});
