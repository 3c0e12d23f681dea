/**
 * A reader that is not ours (pcap-parser on npm) must find the same frames at the same times in every classic
 * microsecond capture of the fixtures.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import { Locator } from '../../src/wire/locate.ts';
import { bytesOf, fixtures } from '../build/fixtures.ts';
import { read } from './read.ts';

interface Record {
  at: bigint;
  data: Buffer;
}

interface ParserPacket {
  header: { timestampSeconds: number; timestampMicroseconds: number; capturedLength: number; originalLength: number };
  data: Buffer;
}

interface Parser {
  on(event: 'packet', listener: (packet: ParserPacket) => void): void;
  on(event: 'end', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
}

const { parse } = createRequire(import.meta.url)('pcap-parser') as { parse(input: Readable): Parser };

const MICROSECOND_MAGICS = [0xa1b2c3d4, 0xd4c3b2a1];
const isClassic = (file: Uint8Array): boolean =>
  file.length >= 24 && MICROSECOND_MAGICS.includes(Buffer.from(file).readUInt32BE(0));

function independently(file: Uint8Array): Promise<Record[]> {
  return new Promise((resolve, reject) => {
    const records: Record[] = [];
    const parser = parse(Readable.from([Buffer.from(file)]));
    parser.on('packet', ({ header, data }) => {
      const at = BigInt(header.timestampSeconds) * 1_000_000_000n + BigInt(header.timestampMicroseconds) * 1000n;
      records.push({ at, data });
    });
    parser.on('end', () => resolve(records));
    parser.on('error', reject);
  });
}

/** Bytes of each TCP header, as our reader locates it, by frame. */
async function headers(file: Uint8Array): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const reader = await Reader.open([{ name: 'file.pcap', bytes: file }], new Locator());
  const slab = new Slab();
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) {
    for (let row = 0; row < batch.rows; row++) {
      const at = slab.tcpAt[row];
      found.set(slab.frame[row], Buffer.from(slab.bytes.subarray(at, at + 20)).toString('hex'));
    }
  }
  reader.close();
  return found;
}

const classic = fixtures().filter(f => f.inputs.length === 1 && isClassic(bytesOf(f)));

test('there are fixtures that both can read', () => assert.ok(classic.length > 50, `${classic.length}`));

for (const fixture of classic) {
  test(`${fixture.name}: the same frames at the same times`, async () => {
    const file = bytesOf(fixture);
    const records = await independently(file);
    const { captures, rows } = await read([{ name: fixture.name, bytes: file }]);
    assert.equal(captures[0].frames, records.length);
    for (const { frame, at } of rows) assert.equal(at, records[frame - 1].at, `time of frame ${frame}`);
    for (const [frame, header] of await headers(file)) {
      assert.ok(records[frame - 1].data.toString('hex').includes(header), `bytes of frame ${frame}`);
    }
  });
}
