/** Inputs as they really come: files, pipes, streams that pause, and everything that is no capture. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Reader } from '../../src/capture/reader.ts';
import { type Batch, Slab } from '../../src/capture/slab.ts';
import { Locator } from '../../src/wire/locate.ts';
import { concat } from '../build/bytes.ts';
import { frames } from '../build/packet.ts';
import { pcap, pcapHeader, pcapRecord } from '../build/pcap.ts';
import { bytesOf, inPieces, read } from './read.ts';
import { stream } from './sample.ts';

const directory = mkdtempSync(join(tmpdir(), 'pawscope-source-'));
after(() => rmSync(directory, { recursive: true }));

const SAMPLE = pcap(frames(stream(5000, 500)));
const write = (name: string, bytes: Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
};

test('a file, its bytes, a stream of it in pieces of any size, and its gzip: the same rows', async () => {
  const path = write('sample.pcap', SAMPLE);
  const { rows } = await read([{ name: path, path }]);
  assert.equal(rows.length, 5000);
  const packed = write('packed', gzipSync(SAMPLE));
  for (const input of [
    bytesOf(SAMPLE),
    { name: '-', stream: inPieces(SAMPLE, 65_536) },
    { name: '-', stream: inPieces(SAMPLE, 999) },
    { name: packed, path: packed },
    { name: '-', stream: inPieces(gzipSync(SAMPLE), 4096) },
  ]) {
    assert.deepEqual((await read([input])).rows, rows);
  }
});

test('progress: what was consumed reaches the total, before inflating', async () => {
  const packed = gzipSync(SAMPLE);
  const inputs = [write('a.pcap', SAMPLE), write('b.gz', packed)].map(path => ({ name: path, path }));
  const reader = await Reader.open(inputs, new Locator());
  assert.equal(reader.total, SAMPLE.length + packed.length);
  while (await reader.fill(new Slab(), 1));
  assert.equal(reader.consumed, reader.total);
  reader.close();
});

test('a named pipe is read as it fills', { skip: process.platform === 'win32' }, async () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const file = write('piped.pcap', SAMPLE);
  const writer = spawn('sh', ['-c', `cat '${file}' > '${path}'`]);
  const { rows, captures } = await read([{ name: path, path }]);
  assert.equal(rows.length, 5000);
  assert.equal(captures[0].format, 'pcap');
  writer.kill();
});

test('a live stream that pauses hands over what it has', async () => {
  const packets = frames(stream(3));
  async function* live(): AsyncGenerator<Uint8Array> {
    yield concat(pcapHeader(1), pcapRecord(packets[0]));
    yield pcapRecord(packets[1]);
    await sleep(200);
    yield pcapRecord(packets[2]);
  }
  const reader = await Reader.open([{ name: '-', stream: live() }], new Locator());
  const slab = new Slab();
  const batches: number[] = [];
  for (let batch: Batch | null; (batch = await reader.fill(slab, 1)) !== null; ) batches.push(batch.rows);
  assert.deepEqual(batches, [2, 1]);
  reader.close();
});

test('a stream that fails names the input', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield SAMPLE.subarray(0, 5000);
    await Promise.reject(new Error('the cable was cut'));
  }
  await assert.rejects(read([{ name: '-', stream: failing() }]), {
    name: 'CaptureError',
    message: 'standard input: cannot be read: the cable was cut (byte 5000)',
  });
});

test('standard input without a byte is named in words', async () => {
  async function* nothing(): AsyncGenerator<Uint8Array> {}
  await assert.rejects(read([{ name: '-', stream: nothing() }]), { message: 'standard input is empty (byte 0)' });
});

test('a reader can be closed before the end', async () => {
  const path = write('closed.gz', gzipSync(SAMPLE));
  const reader = await Reader.open([{ name: path, path }], new Locator());
  reader.close();
  const half = await Reader.open([{ name: path, path }], new Locator());
  await half.fill(new Slab(), 1);
  half.close();
  half.close();
});

const STRANGERS: readonly (readonly [string, Uint8Array | string, RegExp])[] = [
  ['empty', '', /: is empty \(byte 0\)$/],
  ['one byte', 'x', /: is not a pcap or pcapng capture \(byte 0\)$/],
  [
    'tcpdump.txt',
    '12:00:00.000000 IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S]\n',
    /is not .* but text; "tcpdump -w FILE"/,
  ],
  ['archive.zip', 'PK\x03\x04lots of bytes that are a zip archive', /but a zip archive; unpack it first \(byte 0\)$/],
  [
    'sun.snoop',
    'snoop\0\0\0\0\0\0\x02\0\0\0\x04 and so on',
    /but a snoop capture; "editcap -F pcapng" converts it \(byte 0\)$/,
  ],
  ['cut.pcap', SAMPLE.subarray(0, 10), /: ends in the middle of its file header \(byte 10\)$/],
  ['cut.pcapng', Uint8Array.from([0x0a, 0x0d, 0x0d, 0x0a, 0x1c]), /ends in the middle of its file header \(byte 5\)$/],
  ['cut.gz', gzipSync(SAMPLE).subarray(0, 12), /: cannot be read: the gzip stream ends too early \(byte 0\)$/],
  [
    'text.gz',
    gzipSync('no capture, but a letter to a friend'),
    /: is not a pcap or pcapng capture but text; .* \(byte 0\)$/,
  ],
];

for (const [name, content, message] of STRANGERS) {
  test(`no capture: ${name}`, async () => {
    const path = write(name, Buffer.from(content as string));
    for (const input of [{ name, path }, bytesOf(Buffer.from(content as string), name)]) {
      await assert.rejects(read([input]), error => {
        assert.equal((error as Error).name, 'CaptureError');
        assert.match((error as Error).message, message);
        assert.ok((error as Error).message.startsWith(`${name}: `));
        return true;
      });
    }
  });
}

test('no capture: a file that is not there, a directory, one without permission', async () => {
  const missing = join(directory, 'missing.pcap');
  await assert.rejects(read([{ name: missing, path: missing }]), { message: `${missing}: there is no such file` });
  const folder = join(directory, 'folder');
  mkdirSync(folder);
  await assert.rejects(read([{ name: folder, path: folder }]), {
    message: `${folder}: it is a folder, not a capture`,
  });
  const secret = write('secret.pcap', SAMPLE);
  chmodSync(secret, 0);
  if (process.getuid?.() === 0) return; // root may read everything
  await assert.rejects(read([{ name: secret, path: secret }]), { message: `${secret}: permission denied` });
});
