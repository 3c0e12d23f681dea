import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type CapturedFrame, captureFile } from '../../../src/capture/format/pcap-writer.ts';
import { walkFrames } from '../../../src/capture/frame-walk.ts';
import { Slab } from '../../../src/capture/slab.ts';
import { folder } from '../../build/store-sample.ts';

const ORIGIN = 1_700_000_000;
const ETHERNET = 1;
const RAW = 101;

const frame = (nanos: number, linkType: number, size: number): CapturedFrame => ({
  ns: BigInt(ORIGIN) * 1_000_000_000n + BigInt(nanos),
  linkType,
  bytes: new Uint8Array(size).fill(size),
  length: size + 1000,
});

/** Writes the frames, reads them back, and says whether that reached the end. */
async function throughFile(t: TestContext, frames: readonly CapturedFrame[], cutBy = 0): Promise<[unknown, boolean]> {
  const path = join(folder(t), 'x');
  const bytes = Buffer.concat([...captureFile(frames)]);
  writeFileSync(path, bytes.subarray(0, bytes.length - cutBy));
  const slab = new Slab();
  const read: CapturedFrame[] = [];
  const whole = await walkFrames(path, ORIGIN, slab, ({ at, start, end, length, linkType }, i) => {
    read.push({
      ns: BigInt(ORIGIN) * 1_000_000_000n + BigInt(at[i]),
      linkType: linkType[i],
      bytes: slab.bytes.slice(start[i], end[i]),
      length: length[i],
    });
  });
  return [read, whole];
}

test('frames of one link type and of several are read back as they were', async t => {
  const one = [frame(1, ETHERNET, 60), frame(999_999_999, ETHERNET, 61)];
  const several = [...one, frame(2_000_000_003, RAW, 62), frame(2_000_000_004, ETHERNET, 63)];
  for (const frames of [one, several]) assert.deepEqual(await throughFile(t, frames), [frames, true]);
});

test('more frames than fit a slab are all read', async t => {
  const frames = Array.from({ length: 300 }, (_, i) => frame(i, ETHERNET, 10_000 + i));
  assert.deepEqual(await throughFile(t, frames), [frames, true]);
});

test('a file that ends inside a record gives what is before it, and says so', async t => {
  const frames = [frame(1, ETHERNET, 60), frame(2, ETHERNET, 60)];
  assert.deepEqual(await throughFile(t, frames, 1), [frames.slice(0, 1), false]);
});
