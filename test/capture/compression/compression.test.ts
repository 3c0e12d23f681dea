import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { XxHash32, xxh32 } from '../../../src/capture/compression/xxh32.ts';
import { concat } from '../../build/bytes.ts';
import { frames } from '../../build/packet.ts';
import { pcap } from '../../build/pcap.ts';
import { inPieces, type Outcome, read, readBytes } from '../read.ts';
import { stream } from '../sample.ts';

const SMALL = pcap(frames(stream(20, 100)));
const LARGE = pcap(frames(stream(300, 1400)));

const made = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../../../../test/capture/compression/samples/${name}`, import.meta.url)));

/** Half a pcap, to see where concatenated streams meet. */
const HALF = 1717;

/** With a header checksum, an extra field, a name and a comment, and padded with zeros. */
function dressed(compressed: Uint8Array): Uint8Array {
  const text = new TextEncoder();
  const header = compressed.slice(0, 10);
  header[3] = 2 | 4 | 8 | 16;
  const fields = [new Uint8Array([3, 0, 1, 2, 3]), text.encode('a.pcap\0'), text.encode('of a gateway\0')];
  return concat(header, ...fields, new Uint8Array(2), compressed.subarray(10), new Uint8Array(16));
}

/** One block as it is, since it would not become smaller: as `lz4` stores what is compressed or encrypted already. */
function stored(plain: Uint8Array): Uint8Array {
  const descriptor = new Uint8Array([0x70, 0x40]); // version 1, independent blocks of up to 64 KiB with checksums
  const size = [plain.length & 0xff, (plain.length >>> 8) & 0xff, plain.length >>> 16, 0x80];
  const check = (xxh32(descriptor) >>> 8) & 0xff;
  const sum = xxh32(plain);
  const sumBytes = [0, 8, 16, 24].map(shift => (sum >>> shift) & 0xff);
  return concat([0x04, 0x22, 0x4d, 0x18], descriptor, [check], size, plain, sumBytes, new Uint8Array(4));
}

const FORMS: readonly (readonly [string, string, Uint8Array, Uint8Array])[] = [
  ['gzip', 'gzip', gzipSync(SMALL), SMALL],
  ['gzip of two members', 'gzip', concat(gzipSync(SMALL.subarray(0, HALF)), gzipSync(SMALL.subarray(HALF))), SMALL],
  ['gzip with every field in its header, and zeros behind it', 'gzip', dressed(gzipSync(SMALL)), SMALL],
  ['gzip, larger', 'gzip', gzipSync(LARGE, { level: 1 }), LARGE],
  ['zstd', 'zstd', made('stream-20.pcap.zst'), SMALL],
  ['zstd, larger', 'zstd', made('stream-300.pcap.zst'), LARGE],
  ['xz', 'xz', made('stream-20.pcap.xz'), SMALL],
  ['xz, larger', 'xz', made('stream-300.pcap.xz'), LARGE],
  ['lz4', 'lz4', made('stream-20.pcap.lz4'), SMALL],
  ['lz4 with a block that is not compressed', 'lz4', stored(SMALL), SMALL],
  ['lz4 with linked blocks and checksums', 'lz4', made('stream-300.pcap.linked.lz4'), LARGE],
];

const facts = ({ rows, skipped }: Outcome): unknown => ({ rows, skipped });

for (const [name, format, compressed, plain] of FORMS) {
  test(`${name}: the same rows as the plain capture`, async () => {
    const expected = await readBytes(plain);
    const outcome = await readBytes(compressed);
    assert.deepEqual(facts(outcome), facts(expected));
    assert.equal(outcome.captures[0].format, `${format}+pcap`);
    assert.equal(outcome.captures[0].bytes, plain.length);
    assert.deepEqual(outcome.captures[0].notes, []);
  });

  test(`${name}: from a stream in pieces of one and of seven bytes`, async () => {
    const expected = facts(await readBytes(plain));
    for (const size of plain === SMALL ? [1, 7] : [1000]) {
      const outcome = await read([{ name: '-', stream: inPieces(compressed, size) }]);
      assert.deepEqual(facts(outcome), expected);
    }
  });

  test(`${name}: cut short, what inflated before is read and noted`, async () => {
    const whole = (await readBytes(plain)).rows;
    let most = 0;
    for (const share of [0.3, 0.6, 0.9]) {
      const cut = compressed.subarray(0, Math.floor(compressed.length * share));
      const outcome = await readBytes(cut).catch((error: Error) => error);
      if (outcome instanceof Error) {
        assert.match(outcome.message, /^test\.pcap: (cannot be read|ends in the middle)/);
        continue;
      }
      assert.deepEqual(outcome.rows, whole.slice(0, outcome.rows.length));
      assert.ok(outcome.rows.length >= most && outcome.rows.length < whole.length);
      most = outcome.rows.length;
      assert.deepEqual(
        outcome.captures[0].notes.map(n => n.kind),
        ['truncated'],
      );
    }
  });

  test(`${name}: with any byte damaged it ends in rows or in an error, and says so`, async () => {
    const whole = (await readBytes(plain)).rows;
    const step = Math.max(1, Math.floor(compressed.length / 60));
    for (let at = 0; at < compressed.length; at += step) {
      const damaged = compressed.slice();
      damaged[at] = damaged[at] ^ 0x55;
      const outcome = await readBytes(damaged).catch((error: Error) => error);
      if (outcome instanceof Error) assert.equal(outcome.name, 'CaptureError');
      else if (outcome.captures[0].notes.length === 0) assert.deepEqual(outcome.rows.length, whole.length);
    }
  });
}

test('gzip: damage in the middle of a large stream loses little of what came before', async () => {
  const big = pcap(frames(stream(2000, 1400)));
  const compressed = gzipSync(big, { level: 1 });
  const at = Math.floor(compressed.length / 2);
  const damaged = compressed.slice();
  damaged.fill(0xff, at, at + 40);
  const { rows, captures } = await readBytes(damaged);
  assert.ok(rows.length > 900, `${rows.length} of about 1000 frames`);
  assert.equal(captures[0].notes[0].kind, 'damaged');
});

test('gzip: a stream of many small members, some of them empty', async () => {
  const members: Uint8Array[] = [];
  for (let at = 0; at < SMALL.length; at += 40) members.push(gzipSync(SMALL.subarray(at, at + 40)), gzipSync(''));
  const { rows, captures } = await readBytes(concat(...members));
  assert.equal(rows.length, 20);
  assert.deepEqual(captures[0].notes, []);
});

test('gzip: a wrong checksum at the end is noted, and all frames are read', async () => {
  for (const back of [8, 4]) {
    const compressed = gzipSync(SMALL);
    compressed[compressed.length - back] ^= 1;
    const { rows, captures } = await readBytes(compressed);
    assert.equal(rows.length, 20);
    assert.match(captures[0].notes[0].text, /^the gzip stream is damaged \(a checksum is wrong\)/);
  }
});

test('garbage behind a whole stream is noted, the capture is read', async () => {
  const streams = ['stream-20.pcap.zst', 'stream-20.pcap.lz4', 'stream-20.pcap.xz'].map(made);
  for (const compressed of [...streams, gzipSync(SMALL)]) {
    const { rows, captures } = await readBytes(concat(compressed, new Uint8Array(1000).fill(0x77)));
    assert.equal(rows.length, 20);
    assert.deepEqual(
      captures[0].notes.map(n => n.kind),
      ['damaged'],
    );
  }
});

test('a second stream behind the first is inflated, as xz, lz4 and zstd do', async () => {
  for (const name of ['stream-20.pcap.xz', 'stream-20.pcap.lz4', 'stream-20.pcap.zst']) {
    const { captures, rows } = await readBytes(concat(made(name), made(name)));
    assert.equal(rows.length, 20);
    // What it holds begins with a file header, where a record should be.
    assert.deepEqual(
      captures[0].notes.map(n => [n.kind, n.offset]),
      [['damaged', SMALL.length]],
    );
  }
});

test('two xz captures that overlap are read side by side', async () => {
  const compressed = made('stream-300.pcap.xz');
  const { rows } = await read([
    { name: 'a', bytes: compressed },
    { name: 'b', bytes: compressed },
  ]);
  assert.equal(rows.length, 600);
});

test('xz with SHA-256, which the decoder does not know, is refused in words', async () => {
  await assert.rejects(readBytes(made('stream-20.pcap.sha256.xz')), {
    message:
      'test.pcap: cannot be read: the xz stream uses an option that is not supported, such as SHA-256 checks (byte 0)',
  });
});

test('raw deflate is no capture', async () => {
  await assert.rejects(readBytes(deflateRawSync(SMALL)), /test\.pcap: is not a pcap or pcapng capture/);
});

test('xxh32 gives the values of the reference implementation', () => {
  const text = (s: string): Uint8Array => Buffer.from(s);
  assert.equal(xxh32(text('')), 0x02cc5d05);
  assert.equal(xxh32(text('a')), 0x550d7456);
  assert.equal(xxh32(text('abc')), 0x32d153ff);
  assert.equal(xxh32(text('Nobody inspects the spammish repetition')), 0xe2293b2f);
});

test('xxh32 does not depend on how the bytes come', () => {
  const bytes = SMALL.subarray(0, 500);
  const expected = xxh32(bytes);
  for (const size of [1, 3, 15, 16, 17, 33]) {
    const hash = new XxHash32();
    for (let at = 0; at < bytes.length; at += size) hash.update(bytes.subarray(at, at + size));
    assert.equal(hash.digest(), expected);
  }
});
