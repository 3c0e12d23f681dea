import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../build/bytes.ts';
import { LINKTYPE } from '../../build/links.ts';
import { frames } from '../../build/packet.ts';
import { BASE_TIME, type PcapOptions, pcap, pcapHeader, pcapRecord, Words } from '../../build/pcap.ts';
import { readBytes } from '../read.ts';
import { packetsAt, SYN, SYN_TEXT, stream } from '../sample.ts';

const SECOND = 1_000_000_000n;
const BASE = BigInt(BASE_TIME) * SECOND;

const FORMS: readonly (readonly [string, PcapOptions, string])[] = [
  ['microseconds, little endian', {}, 'pcap'],
  ['microseconds, big endian', { bigEndian: true }, 'pcap'],
  ['nanoseconds, little endian', { nanos: true }, 'pcap-ns'],
  ['nanoseconds, big endian', { nanos: true, bigEndian: true }, 'pcap-ns'],
  ['modified, little endian', { modified: true }, 'pcap-modified'],
  ['modified, big endian', { modified: true, bigEndian: true }, 'pcap-modified'],
];

for (const [form, options, format] of FORMS) {
  test(`pcap: ${form}`, async () => {
    const { rows, captures, origin } = await readBytes(pcap(frames(packetsAt(0, 0.000_001, 1.5)), options));
    assert.equal(origin, BASE_TIME);
    assert.deepEqual(
      rows.map(r => r.at - BASE),
      [0n, 1000n, 1_500_000_000n],
    );
    assert.deepEqual(
      rows.map(r => r.frame),
      [1, 2, 3],
    );
    assert.equal(captures[0].format, format);
    assert.deepEqual(captures[0].linkTypes, [1]);
    assert.equal(captures[0].firstNs, BASE);
    assert.equal(captures[0].lastNs, BASE + 1_500_000_000n);
    assert.deepEqual(captures[0].notes, []);
  });
}

test('pcap: nanoseconds are kept to the last digit', async () => {
  const { rows } = await readBytes(pcap(frames(packetsAt(0.123_456_789, 86_399.999_999_999)), { nanos: true }));
  assert.deepEqual(
    rows.map(r => r.at - BASE),
    [123_456_789n, 86_399_999_999_999n],
  );
});

test('pcap: times after 2038 are unsigned', async () => {
  const base = 4_000_000_000;
  const { rows, origin } = await readBytes(pcap(frames([SYN]), { base }));
  assert.equal(origin, base);
  assert.equal(rows[0].at, BigInt(base) * SECOND);
});

test('pcap: the upper bits of the network field, which tell of a frame check sequence, are no link type', async () => {
  const { rows, captures } = await readBytes(pcap(frames([SYN]), { linkType: 0x2400_0001 }));
  assert.equal(rows[0].text, SYN_TEXT);
  assert.deepEqual(captures[0].linkTypes, [1]);
});

const withVersion = (bytes: Uint8Array, minor: number): Uint8Array => {
  const copy = bytes.slice();
  copy.set(new Words(false).of16(2, minor), 4);
  return copy;
};

/** Record headers with the two lengths exchanged. */
const exchanged = (bytes: Uint8Array): Uint8Array => {
  const copy = bytes.slice();
  for (let at = 24; at < copy.length; ) {
    const captured = new DataView(copy.buffer).getUint32(at + 8, true);
    copy.copyWithin(at + 8, at + 12, at + 16);
    new DataView(copy.buffer).setUint32(at + 12, captured, true);
    at += 16 + captured;
  }
  return copy;
};

for (const minor of [0, 1, 2]) {
  test(`pcap version 2.${minor}: the original length comes first`, async () => {
    const { rows } = await readBytes(withVersion(exchanged(pcap(frames(stream(3, 500)), { snaplen: 68 })), minor));
    assert.deepEqual(
      rows.map(r => [r.length, r.captured]),
      [1, 2, 3].map(() => [520, 34]),
    );
  });
}

for (const [name, change] of [
  ['as it should be', (b: Uint8Array) => b],
  ['exchanged', exchanged],
] as const) {
  test(`pcap version 2.3: the lengths ${name}`, async () => {
    const { rows } = await readBytes(withVersion(change(pcap(frames(stream(3, 500)), { snaplen: 68 })), 3));
    assert.deepEqual(
      rows.map(r => [r.length, r.captured]),
      [1, 2, 3].map(() => [520, 34]),
    );
  });
}

test('pcap: more captured than was on the wire is tolerated', async () => {
  const bytes = pcap(frames(stream(2)));
  new DataView(bytes.buffer).setUint32(24 + 12, 20, true);
  const { rows } = await readBytes(bytes);
  assert.deepEqual(
    rows.map(r => r.length),
    [30, 30],
  );
});

test('pcap: records longer than the snapshot length of the header are read', async () => {
  const bytes = concat(
    pcapHeader(LINKTYPE.ETHERNET, { snaplen: 68 }),
    ...frames(stream(3, 500)).map(f => pcapRecord(f)),
  );
  assert.equal((await readBytes(bytes)).rows.length, 3);
});

test('pcap: a length that nobody writes ends the reading with a note', async () => {
  const whole = pcap(frames(stream(3)));
  const recordSize = (whole.length - 24) / 3;
  const bytes = whole.slice();
  new DataView(bytes.buffer).setUint32(24 + recordSize * 2 + 8, 0x7fff_ffff, true);
  const { rows, captures } = await readBytes(bytes);
  assert.equal(rows.length, 2);
  assert.deepEqual(captures[0].notes, [
    {
      kind: 'damaged',
      text: 'damaged: a record says that 2147483647 bytes of it were captured',
      offset: 24 + recordSize * 2,
    },
  ]);
});

test('pcap: a file that cat appended is no frame, and the note says how captures are joined', async () => {
  const whole = pcap(frames(stream(3)));
  const { rows, captures } = await readBytes(concat(whole, whole));
  assert.deepEqual([rows.length, captures[0].frames], [3, 3]);
  const text =
    'damaged: another file header follows; cat cannot join captures: name the files, or join them by mergecap';
  assert.deepEqual(captures[0].notes, [{ kind: 'damaged', text, offset: whole.length }]);
});

test('pcap: a fraction of more than a second is added up', async () => {
  const bytes = pcap(frames([SYN]));
  new DataView(bytes.buffer).setUint32(24 + 4, 3_000_000, true);
  const { rows, origin } = await readBytes(bytes);
  assert.equal(origin, BASE_TIME + 3);
  assert.equal(rows[0].at, BASE + 3n * SECOND);
});

test('pcap: a header without frames is an empty capture', async () => {
  const { rows, captures, origin, batches } = await readBytes(pcapHeader(LINKTYPE.ETHERNET));
  assert.deepEqual([rows.length, captures[0].frames, captures[0].firstNs, origin], [0, 0, null, 0]);
  assert.deepEqual(
    batches.map(b => [b.rows, b.limit]),
    [[0, Infinity]],
  );
});

test('pcap: a frame larger than a slab keeps its headers, and what follows is found', async () => {
  const jumbo = { ...SYN, payload: 40_000 };
  const [huge] = frames([{ ...jumbo, tso: true }]);
  const long = { ...huge!, bytes: concat(huge!.bytes, new Uint8Array(5 << 20)) };
  const [after] = frames([{ ...SYN, t: 1, seq: 77 }]);
  const bytes = concat(pcapHeader(LINKTYPE.ETHERNET, { snaplen: 16 << 20 }), pcapRecord(long), pcapRecord(after!));
  const { rows, captures } = await readBytes(bytes);
  assert.deepEqual(
    rows.map(r => r.frame),
    [1, 2],
  );
  assert.equal(rows[0].length, long.bytes.length - 34);
  assert.equal(rows[1].text, SYN_TEXT);
  assert.equal(captures[0].bytes, bytes.length);
});
