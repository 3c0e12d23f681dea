/** What several live interfaces bring, in the order in which it is analysed. */
import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordMerge } from '../../src/capture/record-merge.ts';

const START_S = 1_700_000_000;
const MS = 1_000_000;
const LITTLE = endianness() === 'LE';

/** Records at these milliseconds after the start, each `length` bytes of its source's number. */
function records(source: number, times: readonly number[], length = 4): Uint8Array {
  const bytes = new Uint8Array(times.length * (16 + length)).fill(source);
  const view = new DataView(bytes.buffer);
  for (const [i, ms] of times.entries()) {
    const fields = [START_S + Math.floor(ms / 1e3), (((ms % 1e3) + 1e3) % 1e3) * MS, length, length];
    for (const [field, value] of fields.entries()) view.setUint32(i * (16 + length) + field * 4, value, LITTLE);
  }
  return bytes;
}

class Recorder {
  /** `source:milliseconds` of each record that was written. */
  readonly written: string[] = [];
  private readonly merge: RecordMerge;

  constructor(sources: number) {
    const started = Array.from({ length: sources }, () => BigInt(START_S) * 1_000_000_000n);
    this.merge = new RecordMerge(started, bytes => this.note(bytes));
  }

  read(source: number, times: readonly number[], length?: number): void {
    const bytes = records(source, times, length);
    this.merge.streams[source].take(bytes, times.length);
    bytes.fill(0xff); // the slot is filled anew
  }

  silent(source: number, until: number): void {
    this.merge.streams[source].reach((BigInt(START_S) * 1_000n + BigInt(until)) * 1_000_000n);
  }

  end(source: number): void {
    this.merge.streams[source].end();
  }

  /** What was written since this was asked last. */
  take(): string[] {
    return this.written.splice(0);
  }

  private note(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += 16 + view.getUint32(at + 8, LITTLE)) {
      const ms = (view.getUint32(at, LITTLE) - START_S) * 1e3 + view.getUint32(at + 4, LITTLE) / MS;
      this.written.push(`${bytes[at + 16]}:${ms}`);
    }
  }
}

test('what one interface brought early waits for what another brings late', () => {
  const recorder = new Recorder(2);
  recorder.read(0, [10, 20, 40]);
  assert.deepEqual(recorder.take(), []);
  recorder.read(1, [15, 30]);
  assert.deepEqual(recorder.take(), ['0:10', '1:15', '0:20', '1:30']);
  recorder.read(1, [50]);
  assert.deepEqual(recorder.take(), ['0:40']);
});

test('packets of one instant stand in the order in which the interfaces were named', () => {
  const recorder = new Recorder(3);
  recorder.read(2, [5, 5]);
  recorder.read(0, [5]);
  recorder.read(1, [5, 6]);
  for (const source of [2, 1, 0]) recorder.end(source);
  assert.deepEqual(recorder.take(), ['0:5', '1:5', '2:5', '2:5', '1:6']);
});

test('an interface where nothing comes holds up the packets of others only until its time has gone on', () => {
  const recorder = new Recorder(2);
  recorder.read(0, [100, 200, 300]);
  recorder.silent(1, 250);
  assert.deepEqual(recorder.take(), ['0:100', '0:200']);
  recorder.end(1);
  assert.deepEqual(recorder.take(), ['0:300']);
});

test('a packet that its interface hands over late stays behind those that it handed over before', () => {
  const recorder = new Recorder(2);
  recorder.read(0, [20, 15, 21]);
  recorder.read(1, [18, 30]);
  assert.deepEqual(recorder.take(), ['1:18', '0:20', '0:15', '0:21']);
});

test('a clock that is set back keeps nothing waiting for the time at which it stood', () => {
  const recorder = new Recorder(2);
  recorder.read(0, [5_000, 5_001]);
  recorder.silent(1, 4_000);
  recorder.read(0, [5_002, 1_000, 1_001]);
  assert.deepEqual(recorder.take(), ['0:5000', '0:5001', '0:5002', '0:1000', '0:1001']);
  recorder.read(1, [4_500]);
  recorder.end(0);
  assert.deepEqual(recorder.take(), ['1:4500']);
});

test('frames larger than what is written at once are written whole', () => {
  const recorder = new Recorder(2);
  recorder.read(0, [1, 3], 300_000);
  recorder.read(1, [2, 4]);
  recorder.end(0);
  recorder.end(1);
  assert.deepEqual(recorder.take(), ['0:1', '1:2', '0:3', '1:4']);
});

test('however the interfaces are read, all packets are there once, in the order of time', () => {
  const blocks = fc.array(fc.tuple(fc.nat(2), fc.array(fc.nat(50), { minLength: 1, maxLength: 20 })), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(blocks, read => {
      const recorder = new Recorder(3);
      const clocks = [0, 0, 0];
      const all: [number, number][] = [];
      for (const [source, steps] of read) {
        const times = steps.map(step => (clocks[source] += step));
        all.push(...times.map((ms): [number, number] => [ms, source]));
        recorder.read(source, times);
      }
      for (const source of [0, 1, 2]) recorder.end(source);
      all.sort(([a, i], [b, j]) => a - b || i - j);
      assert.deepEqual(
        recorder.take(),
        all.map(([ms, source]) => `${source}:${ms}`),
      );
    }),
  );
});
