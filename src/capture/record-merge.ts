/**
 * The records of several live sources in the order in which they are analysed: that of time, of equals the source that
 * was given first. A record goes on once no other source can have an earlier one. A source is read only while its clock
 * is behind (sequence.ts), so no more than a slab of each waits here.
 */
import { endianness } from 'node:os';
import type { Nanos } from '../base/time.ts';
import { REORDERING } from './row-filler.ts';

/** Fields of a record of nanosecond pcap, and the size of its header. */
const NANOSECONDS = 4;
const CAPTURED = 8;
const RECORD_HEADER = 16;
const LITTLE = endianness() === 'LE';
const SECOND = 1_000_000_000n;
/** Written at once. */
const PORTION = 256 << 10;

/** Whole records, and for each where the clock of its source stands when it has been read. */
interface Block {
  bytes: Uint8Array;
  clocks: Float64Array;
  /** The next record: its number and its place. */
  next: number;
  at: number;
}

/** The records of one source, told what is read of it. */
export class RecordStream {
  readonly index: number;
  /** What is read next is not earlier, as the analysis has it (row-filler.ts). */
  clock: Nanos;
  isOver = false;
  readonly blocks: Block[] = [];
  private readonly merge: RecordMerge;

  constructor(merge: RecordMerge, index: number, clock: Nanos) {
    this.merge = merge;
    this.index = index;
    this.clock = clock;
  }

  /** Of the record that goes on next; undefined: none waits. */
  get head(): Nanos | undefined {
    const [block] = this.blocks;
    return block?.clocks[block.next];
  }

  /** So many whole records, which are copied. */
  take(records: Uint8Array, packets: number): void {
    const bytes = records.slice();
    const view = new DataView(bytes.buffer);
    const clocks = new Float64Array(packets);
    let at = 0;
    let from = { record: 0, at: 0 };
    const pass = (record: number): void => {
      if (record > from.record) {
        const block = { bytes: bytes.subarray(from.at, at), clocks: clocks.subarray(from.record, record) };
        this.blocks.push({ ...block, next: 0, at: 0 });
      }
      from = { record, at };
    };
    for (let i = 0; i < packets; i++) {
      const ns = this.merge.nanos(view.getUint32(at, LITTLE), view.getUint32(at + NANOSECONDS, LITTLE));
      if (ns < this.clock - REORDERING) {
        // The clock was set back: what came before would wait until it has caught up.
        pass(i);
        this.merge.flush(this.index);
        this.clock = ns;
      }
      this.clock = Math.max(this.clock, ns);
      clocks[i] = this.clock;
      at += RECORD_HEADER + view.getUint32(at + CAPTURED, LITTLE);
    }
    pass(packets);
    this.merge.release(this.index);
  }

  /** Nothing is left to be read from before this instant, nanoseconds since the epoch. */
  reach(ns: bigint): void {
    this.clock = Math.max(this.clock, this.merge.sinceOrigin(ns));
    this.merge.release(this.index);
  }

  /** There is no more. */
  end(): void {
    this.isOver = true;
    this.merge.release(this.index);
  }
}

export class RecordMerge {
  readonly streams: readonly RecordStream[];
  private readonly originS: number;
  private readonly write: (records: Uint8Array, source: number) => void;
  private readonly portion = new Uint8Array(PORTION);
  private filled = 0;

  /**
   * `started`: when each source began, nanoseconds since the epoch. `write` gets whole records, and which source was read
   * to have them; valid during the call.
   */
  constructor(started: readonly bigint[], write: (records: Uint8Array, source: number) => void) {
    this.originS = Number((started[0] ?? 0n) / SECOND);
    this.write = write;
    this.streams = started.map((ns, i) => new RecordStream(this, i, this.sinceOrigin(ns)));
  }

  /** Nanoseconds since a second that does not change. */
  sinceOrigin(ns: bigint): Nanos {
    return Number(ns - BigInt(this.originS) * SECOND);
  }

  nanos(s: number, ns: number): Nanos {
    return (s - this.originS) * 1e9 + ns;
  }

  /** Writes what no source can have anything before. */
  release(reader: number): void {
    this.writeUntil(({ head, isOver, clock }) => head ?? (isOver ? Number.POSITIVE_INFINITY : clock), reader);
  }

  /** Writes all there is. */
  flush(reader: number): void {
    this.writeUntil(({ head }) => head ?? Number.POSITIVE_INFINITY, reader);
  }

  /** `reach`: where a source goes on at the earliest. */
  private writeUntil(reach: (stream: RecordStream) => Nanos, reader: number): void {
    for (;;) {
      let first: RecordStream | undefined;
      let second: RecordStream | undefined;
      for (const stream of this.streams) {
        if (first === undefined || reach(stream) < reach(first)) {
          second = first;
          first = stream;
        } else if (second === undefined || reach(stream) < reach(second)) second = stream;
      }
      if (first?.head === undefined) break;
      const limit = second === undefined ? Number.POSITIVE_INFINITY : reach(second);
      this.writeFrom(first, limit, first.index < (second?.index ?? Number.POSITIVE_INFINITY), reader);
    }
    this.spill(reader);
  }

  /** The records up to `limit`, of which there is one at least; `including` those at it. */
  private writeFrom({ blocks }: RecordStream, limit: Nanos, including: boolean, reader: number): void {
    for (let block = blocks[0]; block !== undefined; block = blocks[0]) {
      const { bytes, clocks } = block;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const from = block.at;
      while (block.next < clocks.length) {
        const clock = clocks[block.next]!;
        if (clock > limit || (clock === limit && !including)) break;
        block.at += RECORD_HEADER + view.getUint32(block.at + CAPTURED, LITTLE);
        block.next++;
      }
      this.put(bytes.subarray(from, block.at), reader);
      if (block.next < clocks.length) return;
      blocks.shift();
    }
  }

  private put(records: Uint8Array, reader: number): void {
    if (this.filled + records.length > PORTION) this.spill(reader);
    if (records.length > PORTION) this.write(records, reader);
    else {
      this.portion.set(records, this.filled);
      this.filled += records.length;
    }
  }

  private spill(reader: number): void {
    if (this.filled > 0) this.write(this.portion.subarray(0, this.filled), reader);
    this.filled = 0;
  }
}
