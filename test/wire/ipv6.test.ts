import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PADDED } from '../build/links.ts';
import { type Frame, frame, frameOf, ip, type Packet } from '../build/packet.ts';
import { readFrames } from '../capture/read.ts';
import { SYN6, SYN6_TEXT } from '../capture/sample.ts';

const one = async (made: Frame) => {
  const { rows, skipped } = await readFrames([made]);
  return { row: rows[0], skipped };
};

test('IPv6: a plain segment, padded and not', async () => {
  for (const link of [undefined, PADDED]) {
    const { row } = await one(frame(SYN6, link));
    assert.deepEqual([row!.text, row!.length, row!.captured], [SYN6_TEXT, 20, 20]);
  }
});

const EXTENSIONS: readonly (readonly [string, NonNullable<Packet['extensions']>])[] = [
  ['hop-by-hop options', [{ header: 0 }]],
  ['destination options', [{ header: 60, size: 24 }]],
  ['routing', [{ header: 43, size: 24 }]],
  ['mobility', [{ header: 135 }]],
  ['all of them', [{ header: 0, size: 16 }, { header: 60 }, { header: 43, size: 40 }, { header: 60, size: 264 }]],
];

for (const [name, extensions] of EXTENSIONS) {
  test(`IPv6: behind ${name}`, async () => {
    const { row } = await one(frame({ ...SYN6, payload: 7, extensions }));
    assert.deepEqual([row!.text, row!.length, row!.captured], [SYN6_TEXT, 27, 27]);
  });
}

test('IPv6: an authentication header counts words of four bytes', async () => {
  const segment = frame({ ...SYN6, payload: 3 }).bytes.subarray(14 + 40);
  const made = ip(SYN6, 51, Uint8Array.from([6, 4, 0, 0, ...new Array(20).fill(9), ...segment]));
  const { row } = await one(frameOf(0, made));
  assert.deepEqual([row!.text, row!.length], [SYN6_TEXT, 23]);
});

test('IPv6: an atomic fragment is a whole datagram, a first fragment gives a row, later ones are counted', async () => {
  const parts = [
    { offset: 0, more: false },
    { offset: 0, more: true },
    { offset: 64, more: true },
    { offset: 104, more: false },
  ];
  const made = parts.map((fragment, t) => frame({ ...SYN6, t, payload: 100, fragment }));
  const { rows, skipped } = await readFrames(made);
  assert.deepEqual(
    rows.map(r => r.frame),
    [1, 2],
  );
  assert.deepEqual(skipped, { fragment: 2 });
});

test('IPv6: ESP and "no next header" end the walk', async () => {
  const made = [50, 59].map((next, t) => frameOf(t, ip(SYN6, next, new Uint8Array(60))));
  assert.deepEqual((await readFrames(made)).skipped, { 'not-tcp': 2 });
});

test('IPv6: payload length 0 goes to the end of the frame (jumbograms, BIG TCP)', async () => {
  const made = frame({ ...SYN6, payload: 3000, extensions: [{ header: 0 }] });
  made.bytes.set([0, 0], 14 + 4);
  assert.deepEqual(await one(made).then(({ row }) => [row!.length, row!.captured]), [3020, 3020]);
  const cut = { ...made, snap: 120 };
  assert.deepEqual(await one(cut).then(({ row }) => [row!.length, row!.captured]), [3020, 58]);
});

test('IPv6: cut by the snap length in the header, in an extension header, in TCP', async () => {
  const made = frame({ ...SYN6, payload: 100, extensions: [{ header: 0, size: 16 }] });
  for (const snap of [20, 53, 55, 60, 70, 89]) {
    assert.deepEqual((await one({ ...made, snap })).skipped, { 'cut-short': 1 }, `${snap}`);
  }
  assert.equal((await one({ ...made, snap: 90 })).row!.captured, 20);
});

test('IPv6: extension headers that lead out of the datagram', async () => {
  const made = frame({ ...SYN6, extensions: [{ header: 60 }] });
  made.bytes[14 + 40 + 1] = 255;
  assert.deepEqual((await one(made)).skipped, { 'bad-header': 1 });
});

test('IPv6: version 4 under an IPv6 ethertype', async () => {
  const made = frame(SYN6);
  made.bytes[14] = 0x45;
  assert.deepEqual((await one(made)).skipped, { 'bad-header': 1 });
});
