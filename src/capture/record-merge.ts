/**
 * Merges the records of several live sources in the order in which they are analysed: by time, then by the order of the
 * sources. A record is written once no other source can have an earlier one. A source is read only while its clock is
 * furthest behind (sequence.ts), so at most one slab of each waits here.
 */
import type { Nanos } from '../base/time.ts';
import { LITTLE, recordEnd, TS_SEC, TS_USEC } from './format/pcap-layout.ts';
import { REORDERING } from './row-filler.ts';

const SECOND = 1_000_000_000n;
/** Bytes collected before they are written. */
const PORTION = 256 << 10;

/** Whole records and, for each, the clock of its source after it has been read. */
interface Block {
  bytes: Uint8Array;
  clocks: Float64Array;
  /** The next record to be written: its number in the block, and its offset in `bytes`. */
  next: number;
  at: number;
}

/** The records of one source that have been read and wait to be written. */
export class RecordStream {
  readonly index: number;
  /** The clock of the source, by the rule of row-filler.ts: the record read next counts as not earlier. */
  clock: Nanos;
  isOver = false;
  readonly blocks: Block[] = [];
  private readonly merge: RecordMerge;

  constructor(merge: RecordMerge, index: number, clock: Nanos) {
    this.merge = merge;
    this.index = index;
    this.clock = clock;
  }

  /** Time of the next record to be written; undefined when none is waiting. */
  get head(): Nanos | undefined {
    const [block] = this.blocks;
    return block?.clocks[block.next];
  }

  /** Adds `packets` whole records. They are copied, so the caller may reuse its buffer. */
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
      const s = view.getUint32(at + TS_SEC, LITTLE);
      const ns = this.merge.nanos(s, view.getUint32(at + TS_USEC, LITTLE));
      if (ns < this.clock - REORDERING) {
        // The clock was set back: the records before would wait until it has caught up.
        pass(i);
        this.merge.flush(this.index);
        this.clock = ns;
      }
      this.clock = Math.max(this.clock, ns);
      clocks[i] = this.clock;
      at = recordEnd(view, at);
    }
    pass(packets);
    this.merge.release(this.index);
  }

  /** Everything before this instant, nanoseconds since the epoch, has been read. */
  reach(ns: bigint): void {
    this.clock = Math.max(this.clock, this.merge.sinceOrigin(ns));
    this.merge.release(this.index);
  }

  /** The source has no more records. */
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
   * `started`: when each source began capturing, in nanoseconds since the epoch. `write` receives whole records, valid
   * only during the call, and the index of the source that was read last.
   */
  constructor(started: readonly bigint[], write: (records: Uint8Array, source: number) => void) {
    this.originS = Number((started[0] ?? 0n) / SECOND);
    this.write = write;
    this.streams = started.map((ns, i) => new RecordStream(this, i, this.sinceOrigin(ns)));
  }

  /** Nanoseconds since the second in which the first source began. */
  sinceOrigin(ns: bigint): Nanos {
    return Number(ns - BigInt(this.originS) * SECOND);
  }

  nanos(s: number, ns: number): Nanos {
    return (s - this.originS) * 1e9 + ns;
  }

  /** Writes the records before which no source can have another. `reader` is the source that was read. */
  release(reader: number): void {
    this.writeUntil(({ head, isOver, clock }) => head ?? (isOver ? Number.POSITIVE_INFINITY : clock), reader);
  }

  /** Writes all waiting records. */
  flush(reader: number): void {
    this.writeUntil(({ head }) => head ?? Number.POSITIVE_INFINITY, reader);
  }

  /** `reach` returns the earliest time at which a source can have another record. */
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

  /** Writes the records before `limit`, and at `limit` if `including`; there is at least one. */
  private writeFrom({ blocks }: RecordStream, limit: Nanos, including: boolean, reader: number): void {
    for (let block = blocks[0]; block !== undefined; block = blocks[0]) {
      const { bytes, clocks } = block;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const from = block.at;
      while (block.next < clocks.length) {
        const clock = clocks[block.next];
        if (clock > limit || (clock === limit && !including)) break;
        block.at = recordEnd(view, block.at);
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
