/** A file of which the headers alone are read gives the segments, counts and notes of the whole file. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { CaptureInfo, Input } from '../../../src/capture/capture-info.ts';
import { PacketFilter } from '../../../src/capture/filter.ts';
import { headersOf, isWorthIt } from '../../../src/capture/format/headers-file.ts';
import { isUsualPcap } from '../../../src/capture/format/pcap.ts';
import { FILE_HEADER } from '../../../src/capture/format/pcap-layout.ts';
import { readHead } from '../../../src/capture/head.ts';
import { LinkType } from '../../../src/capture/link/link.ts';
import { addon } from '../../../src/capture/native.ts';
import { Reader } from '../../../src/capture/reader.ts';
import { Slab } from '../../../src/capture/slab.ts';
import { openSource } from '../../../src/capture/source.ts';
import { decodeRows } from '../../../src/wire/decode-rows.ts';
import { Hosts } from '../../../src/wire/hosts.ts';
import { Locator } from '../../../src/wire/locate.ts';
import { SEGMENT_WORDS, Segments } from '../../../src/wire/segments.ts';
import { concat } from '../../build/bytes.ts';
import { bytesOf, fixtures } from '../../build/fixtures.ts';
import { ETHERNET, vlan } from '../../build/links.ts';
import { type Frame, frames, type Packet } from '../../build/packet.ts';
import { pcap } from '../../build/pcap.ts';
import { longTraffic, randomTraffic } from '../../build/random-traffic.ts';

const skip = addon === undefined ? 'skipped: needs the addon (a C compiler)' : false;
const folder = mkdtempSync(join(tmpdir(), 'pawscope-headers-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'large.pcap');

interface Read {
  segments: Int32Array;
  skipped: number[];
  info: CaptureInfo;
}

async function readAll(input: Input): Promise<Read> {
  const reader = await Reader.open([input], new Locator());
  const slab = new Slab();
  const hosts = new Hosts();
  const segments = new Segments(1);
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) {
    decodeRows(slab, batch.rows, batch.capture, 0, hosts, segments);
  }
  reader.close();
  const { words, count } = segments;
  return {
    segments: words.slice(0, count * SEGMENT_WORDS),
    skipped: [...reader.skipped],
    info: { ...reader.captures[0], source: '' },
  };
}

/** What comes of the file in pieces of `limit` bytes, of which now and then some are given back. */
async function shortened(bytes: Uint8Array, limit: number): Promise<{ bytes: Uint8Array; omitted: number }> {
  writeFileSync(path, bytes);
  const source = headersOf(await openSource({ name: path, path }), bytes);
  const target = new Uint8Array(bytes.length + limit);
  let filled = 0;
  let omitted = 0;
  for (let turn = 0; ; turn++) {
    const count = (await source.read(target, filled, limit)) as number;
    omitted += source.omitted!();
    if (count === 0) break;
    filled += count;
    const back = turn % 3 === 0 ? count >> 1 : 0;
    if (source.unread(back)) filled -= back;
  }
  assert.equal(source.consumed, bytes.length);
  source.close();
  return { bytes: target.slice(0, filled), omitted };
}

/** Bytes are told as if all of them had been read. */
function adding(info: CaptureInfo, omitted: number): CaptureInfo {
  const notes = info.notes.map(note => (note.offset === undefined ? note : { ...note, offset: note.offset + omitted }));
  return { ...info, bytes: info.bytes + omitted, notes };
}

async function assertSame(bytes: Uint8Array, limit: number, where = ''): Promise<number> {
  const short = await shortened(bytes, limit);
  assert.equal(short.bytes.length + short.omitted, bytes.length, where);
  const of = async (all: Uint8Array): Promise<Read | string> =>
    readAll({ name: 'it', bytes: all }).catch((error: Error) => error.message);
  const [whole, less] = [await of(bytes), await of(short.bytes)];
  if (typeof less !== 'string') less.info = adding(less.info, short.omitted);
  assert.deepEqual(less, whole, where);
  return short.omitted;
}

test('every fixture of the usual format', { skip }, async () => {
  let omitted = 0;
  for (const fixture of fixtures()) {
    const bytes = bytesOf(fixture);
    if (bytes.length < FILE_HEADER || !isUsualPcap(bytes, LinkType.ETHERNET)) continue;
    omitted += await assertSame(bytes, 10_000, fixture.name);
  }
  assert.ok(omitted > 0);
});

/** With tags of these types before its ethertype. */
const tagged = (frame: Frame, types: readonly number[]): Frame => ({
  ...frame,
  bytes: concat(
    frame.bytes.subarray(0, 12),
    types.flatMap((type, i) => [type >> 8, type & 0xff, 0, 7 + i]),
    frame.bytes.subarray(12),
  ),
});

test('random traffic, cut anywhere, with a byte of it changed', { skip }, async () => {
  const damage = fc.record({ cut: fc.double({ min: 0, max: 1, noNaN: true }), at: fc.nat(), byte: fc.nat(255) });
  const vlans = fc.array(fc.constantFrom(0x8100, 0x88a8, 0x9100), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(randomTraffic(), vlans, damage, fc.boolean(), async (some, tags, { cut, at, byte }, nanos) => {
      const bytes = pcap(
        some.map(frame => tagged(frame, tags)),
        { nanos, linkType: 1 },
      );
      const end = FILE_HEADER + Math.round((bytes.length - FILE_HEADER) * cut);
      if (end > FILE_HEADER) bytes[FILE_HEADER + (at % (end - FILE_HEADER))] = byte;
      await assertSame(bytes.slice(0, end), 1 + (at % 2000));
    }),
    { numRuns: 200 },
  );
});

const SEGMENT: Packet = {
  t: 0,
  src: '192.0.2.10',
  sport: 40_000,
  dst: '198.51.100.80',
  dport: 80,
  flags: 'A',
  seq: 1,
  ack: 1,
  payload: 1000,
  tsval: 1,
};
const V6 = { src: '2001:db8::10', dst: '2001:db8::80' };

for (const [what, segment, link, omitted] of [
  ['IPv4', {}, ETHERNET, 1000],
  ['a VLAN', {}, vlan(5), 1000],
  ['a VLAN in another', {}, vlan(5, 6), 1000],
  ['IPv6', V6, ETHERNET, 1000],
  ['IPv6 in a VLAN', V6, vlan(5), 1000],
  ['more VLANs', {}, vlan(5, 6, 7), 0],
  ['IPv4 with options', { ipOptions: [1, 1, 1, 1] }, vlan(5), 0],
  ['IPv4 without a length', { tso: true }, vlan(5), 0],
  ['IPv6 with an extension header', { ...V6, extensions: [{ header: 60 }] }, ETHERNET, 0],
  ['a fragment of IPv6', { ...V6, fragment: { offset: 0, more: true } }, ETHERNET, 0],
] as const) {
  test(`${what}: ${omitted === 0 ? 'read as it is' : 'without its payload'}`, { skip }, async () => {
    const bytes = pcap(frames([{ ...SEGMENT, ...segment }], link));
    assert.equal(await assertSame(bytes, 10_000), omitted);
    for (let snap = 1; snap < 140; snap++)
      await assertSame(pcap(frames([{ ...SEGMENT, ...segment, snap }], link)), 10_000);
  });
}

/** 20 MB of full segments, a third of which is read as it is: more than the thread keeps ready. */
const large = pcap(
  frames(
    Array.from(
      { length: 14_000 },
      (_, i): Packet => ({
        t: i / 1000,
        src: '192.0.2.10',
        sport: 40_000 + (i % 7),
        dst: '198.51.100.80',
        dport: 80,
        flags: i % 50 === 0 ? 'S' : 'A',
        seq: i * 1400,
        ack: 1,
        payload: 1400,
        tsval: i,
        ...(i % 3 === 0 ? { ipOptions: [1, 1, 1, 1] } : {}),
      }),
    ),
  ),
);

const END = new Uint8Array(20).fill(0xff);

for (const [what, change] of [
  ['whole', () => {}],
  ['cut in the middle of a record', (size: number) => truncateSync(path, size - 700)],
  ['damaged', () => appendFileSync(path, END)],
] as const) {
  test(`a large file is read so without being asked: ${what}`, { skip }, async () => {
    writeFileSync(path, large);
    change(large.length);
    const all = new Uint8Array(large.length + END.length);
    const file = openSync(path, 'r');
    const size = readSync(file, all, 0, all.length, 0);
    closeSync(file);
    const whole = await readAll({ name: 'it', bytes: all.subarray(0, size) });
    const source = await openSource({ name: path, path });
    assert.ok(isWorthIt(await readHead(path, source), source.size));
    source.close();
    assert.deepEqual(await readAll({ name: path, path }), whole);
  });
}

test('a filter may look at payloads: then they are read', { skip }, async () => {
  writeFileSync(path, large);
  const reader = await Reader.open([{ name: path, path }], new Locator(), new PacketFilter('tcp[1000] != 0'));
  const slab = new Slab();
  let rows = 0;
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) rows += batch.rows;
  reader.close();
  assert.ok(rows > 10_000);
});

test('a run that ends early leaves no thread', { skip }, async () => {
  writeFileSync(path, concat(pcap(longTraffic(1000)), large.subarray(FILE_HEADER)));
  const threads = (): number => readdirSync('/proc/self/task').length;
  const before = threads();
  for (let i = 0; i < 20; i++) {
    const source = headersOf(await openSource({ name: path, path }), large.subarray(0, FILE_HEADER));
    await source.read(new Uint8Array(1000), 0, 1000);
    source.close();
    assert.equal(await source.read(new Uint8Array(1000), 0, 1000), 0);
  }
  assert.ok(threads() <= before);
});
