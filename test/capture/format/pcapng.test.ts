import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../build/bytes.ts';
import { LINKTYPE, raw, sll } from '../../build/links.ts';
import { type Frame, frames } from '../../build/packet.ts';
import { BASE_TIME } from '../../build/pcap.ts';
import { pcapng, Section } from '../../build/pcapng.ts';
import { readBytes } from '../read.ts';
import { packetsAt, SYN, SYN_TEXT } from '../sample.ts';

const BASE = BigInt(BASE_TIME) * 1_000_000_000n;
const since = (rows: readonly { at: bigint }[]): bigint[] => rows.map(r => r.at - BASE);

const RESOLUTIONS: readonly (readonly [string, { resolution?: number; binary?: boolean }, readonly bigint[]])[] = [
  ['absent (10^-6)', {}, [0n, 500_000_000n, 1_123_456_000n]],
  ['10^0', { resolution: 0 }, [0n, 0n, 1_000_000_000n]],
  ['10^-3', { resolution: 3 }, [0n, 500_000_000n, 1_123_000_000n]],
  ['10^-6', { resolution: 6 }, [0n, 500_000_000n, 1_123_456_000n]],
  ['10^-7', { resolution: 7 }, [0n, 500_000_000n, 1_123_456_700n]],
  ['10^-9', { resolution: 9 }, [0n, 500_000_000n, 1_123_456_789n]],
  ['2^-1', { resolution: 1, binary: true }, [0n, 500_000_000n, 1_000_000_000n]],
  ['2^-20', { resolution: 20, binary: true }, [0n, 500_000_000n, 1_123_456_001n]],
  ['2^-32', { resolution: 32, binary: true }, [0n, 500_000_000n, 1_123_456_788n]],
];

for (const bigEndian of [false, true]) {
  for (const [name, resolution, expected] of RESOLUTIONS) {
    test(`pcapng ${bigEndian ? 'be' : 'le'}: if_tsresol ${name}`, async () => {
      const made = frames(packetsAt(0, 0.5, 1.123_456_789));
      const { rows, captures } = await readBytes(pcapng(made, { bigEndian, interfaces: [resolution] }));
      assert.deepEqual(since(rows), expected);
      assert.equal(captures[0].format, 'pcapng');
      assert.deepEqual(captures[0].notes, []);
    });
  }

  test(`pcapng ${bigEndian ? 'be' : 'le'}: if_tsoffset is added, also a negative one`, async () => {
    for (const offset of [1_600_000_000, -3600]) {
      const interfaces = [{ offset, resolution: 9 }];
      const { rows } = await readBytes(pcapng(frames(packetsAt(0.000_000_001, 2)), { bigEndian, interfaces }));
      assert.deepEqual(since(rows), [1n, 2_000_000_000n]);
    }
  });
}

test('pcapng: a time finer than 10^-9 is cut to nanoseconds', async () => {
  // 10^-12: 64 bits of them end in July 1970.
  const { rows } = await readBytes(
    pcapng(frames(packetsAt(0.25, 1.5)), { base: 1000, interfaces: [{ resolution: 12 }] }),
  );
  assert.deepEqual(
    rows.map(r => r.at),
    [1000_250_000_000n, 1001_500_000_000n],
  );
});

test('pcapng: a time that no clock showed counts as absent', async () => {
  const section = new Section();
  const [a, b, c] = frames(packetsAt(1, 2, 3)) as [Frame, Frame, Frame];
  const nonsense = section.interface();
  const bytes = concat(section.header(), nonsense, section.packet(a), section.packet(b), section.packet(c));
  const view = new DataView(bytes.buffer);
  const second = section.header().length + nonsense.length + section.packet(a).length;
  view.setUint32(second + 12, 0xffff_ffff, true);
  const { rows, captures } = await readBytes(bytes);
  assert.deepEqual(since(rows), [1_000_000_000n, 1_000_000_000n, 3_000_000_000n]);
  assert.deepEqual(captures[0].notes, []);
});

test('pcapng: simple packet blocks have the time of the frame before, obsolete ones their own', async () => {
  const section = new Section();
  const [a, b, c] = frames(packetsAt(1, 2, 3)) as [Frame, Frame, Frame];
  const bytes = concat(
    section.header(),
    section.interface({ snaplen: 60 }),
    section.packet(a),
    section.simplePacket(b),
    section.oldPacket(c),
  );
  const { rows } = await readBytes(bytes);
  assert.deepEqual(since(rows), [1_000_000_000n, 1_000_000_000n, 3_000_000_000n]);
  assert.deepEqual(
    rows.map(r => [r.frame, r.length, r.captured]),
    [
      [1, 30, 26],
      [2, 30, 26],
      [3, 30, 26],
    ],
  );
});

test('pcapng: a capture that begins with simple packet blocks takes its origin from the first time', async () => {
  const section = new Section();
  const [a, b] = frames(packetsAt(1, 2.5)) as [Frame, Frame];
  const { rows, origin } = await readBytes(
    concat(section.header(), section.interface(), section.simplePacket(a), section.packet(b)),
  );
  assert.equal(origin, BASE_TIME + 2);
  assert.deepEqual(since(rows), [2_500_000_000n, 2_500_000_000n]);
});

test('pcapng: nothing but simple packet blocks has no time', async () => {
  const section = new Section();
  const made = frames(packetsAt(1, 2)).map(f => section.simplePacket(f));
  const { rows, captures, origin } = await readBytes(concat(section.header(), section.interface(), ...made));
  assert.equal(origin, 0);
  assert.equal(rows.length, 2);
  assert.equal(captures[0].firstNs, null);
});

test('pcapng: sections of both byte orders, each with interfaces of its own', async () => {
  const [a, b, c] = [frames(packetsAt(1)), frames(packetsAt(2), raw()), frames(packetsAt(3), sll())].map(f => f[0]);
  const bytes = concat(
    pcapng([a!], { bigEndian: true }),
    pcapng([b!], { interfaces: [{ linkType: LINKTYPE.RAW, resolution: 9 }] }),
    pcapng([{ ...c!, iface: 1 }], { bigEndian: true, interfaces: [{}, { linkType: LINKTYPE.LINUX_SLL }] }),
  );
  const { rows, captures } = await readBytes(bytes);
  assert.deepEqual(since(rows), [1_000_000_000n, 2_000_000_000n, 3_000_000_000n]);
  assert.deepEqual(captures[0].linkTypes, [LINKTYPE.ETHERNET, LINKTYPE.RAW, LINKTYPE.LINUX_SLL]);
});

test('pcapng: blocks that nobody knows are passed over; custom blocks have a frame number, as in tshark', async () => {
  const section = new Section();
  const [a, b] = frames(packetsAt(1, 2)) as [Frame, Frame];
  const custom = section.block(0x0bad, section.words.of32(32_473, 1));
  const names = section.block(4, new Uint8Array(40));
  const bytes = concat(
    section.header(),
    section.unknown(100),
    section.interface(),
    section.unknown(0),
    section.packet(a),
    names,
    custom,
    section.packet(b),
  );
  const { rows, captures, skipped } = await readBytes(bytes);
  assert.deepEqual(
    rows.map(r => r.frame),
    [1, 3],
  );
  assert.equal(captures[0].frames, 3);
  assert.deepEqual(skipped, { 'not-ip': 1 });
});

test('pcapng: an unknown block larger than a slab is passed over', async () => {
  const section = new Section();
  const [a, b] = frames(packetsAt(1, 2)) as [Frame, Frame];
  const big = section.unknown(5 << 20);
  const { rows } = await readBytes(
    concat(section.header(), section.interface(), section.packet(a), big, section.packet(b)),
  );
  assert.equal(rows.length, 2);
});

test('pcapng: what the kernel dropped is noted once, with the last count of each interface', async () => {
  const section = new Section();
  const [a, b] = frames(packetsAt(1, 2)) as [Frame, Frame];
  const { captures } = await readBytes(
    concat(
      section.header(),
      section.interface(),
      section.interface(),
      section.packet(a),
      section.statistics(0, 3),
      section.statistics(1, 4),
      section.packet(b),
      section.statistics(0, 5),
    ),
  );
  assert.deepEqual(captures[0].notes, [{ kind: 'dropped', text: '9 packets were dropped while capturing', count: 9 }]);
});

test('pcapng: no drops, no note', async () => {
  const section = new Section();
  const [a] = frames(packetsAt(1)) as [Frame];
  const { captures } = await readBytes(
    concat(section.header(), section.interface(), section.packet(a), section.statistics(0, 0)),
  );
  assert.deepEqual(captures[0].notes, []);
});

const DAMAGES: readonly (readonly [string, (section: Section, frame: Frame) => Uint8Array])[] = [
  ['a packet block names interface 7, which is not described', (s, f) => s.packet({ ...f, iface: 7 })],
  ['a block says that it is 4 bytes long', s => s.words.of32(6, 4, 4)],
  ['a block says that it is 4294967292 bytes long', s => s.words.of32(6, 0xffff_fffc, 0)],
  ['the two lengths of a block differ', s => s.words.of32(0x77, 16, 0, 20)],
  ['a section header has no byte order mark', s => s.words.of32(0x0a0d_0d0a, 28, 0, 0, 0, 0, 28)],
  ['unsupported pcapng version 9', s => s.words.of32(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 9, 0, 0, 28)],
  ['a packet block says that 999 bytes were captured', s => s.words.of32(6, 32, 0, 0, 0, 999, 999, 32)],
  ['a packet block is too short', s => s.words.of32(6, 16, 0, 16)],
  ['an interface description is too short', s => s.words.of32(1, 12, 12)],
];

for (const [problem, make] of DAMAGES) {
  test(`pcapng: ${problem}`, async () => {
    const section = new Section();
    const [a, b] = frames(packetsAt(1, 2)) as [Frame, Frame];
    const before = concat(section.header(), section.interface(), section.packet(a));
    const { rows, captures } = await readBytes(concat(before, make(section, b), section.packet(b)));
    assert.deepEqual(
      rows.map(r => r.frame),
      [1],
    );
    assert.deepEqual(captures[0].notes, [{ kind: 'damaged', text: `damaged: ${problem}`, offset: before.length }]);
  });
}

test('pcapng: a length that was not rounded up is read as Wireshark reads it', async () => {
  const section = new Section();
  const [frame] = frames([SYN]) as [Frame];
  const odd = { ...frame, bytes: concat(frame.bytes, [0]) };
  const block = section.packet(odd);
  const view = new DataView(block.buffer);
  view.setUint32(4, block.length - 3, true);
  view.setUint32(block.length - 4, block.length - 3, true);
  const { rows } = await readBytes(concat(section.header(), section.interface(), block, section.packet(frame)));
  assert.deepEqual(
    rows.map(r => r.text),
    [SYN_TEXT, SYN_TEXT],
  );
});

test('pcapng: a block of 16 MiB is passed over, and one that says it is longer is damage', async () => {
  const MOST = 16 << 20;
  for (const [size, seen] of [
    [MOST, 2],
    [MOST + 4, 1],
  ] as const) {
    const section = new Section();
    const [a, b] = frames(packetsAt(1, 2)) as [Frame, Frame];
    const before = concat(section.header(), section.interface(), section.packet(a));
    const { rows, captures } = await readBytes(
      concat(before, section.block(0x77, new Uint8Array(size - 12)), section.packet(b)),
    );
    assert.equal(rows.length, seen);
    assert.equal(captures[0].notes.length, 2 - seen);
  }
});
