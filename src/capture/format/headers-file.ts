/**
 * A pcap file of large packets: a thread of the addon reads it ahead and leaves out the payloads of plain TCP frames
 * (native/headers.c). The result is again a pcap and yields the same segments. Without the addon, and when a filter may
 * look at payloads, the file is read as it is. Only for reading from start to end.
 */
import type { Head } from '../head.ts';
import { LinkType } from '../link/link.ts';
import { addon, type HeaderReading, type Native } from '../native.ts';
import type { Source } from '../source.ts';
import { isUsualPcap } from './pcap.ts';
import { FILE_HEADER } from './pcap-layout.ts';

/** A thread saves more than it costs from this size of the file, and of its average record, in bytes. */
const WORTH_A_THREAD = 16 << 20;
const LARGE_RECORD = 512;
/** Most threads at a time, of two megabytes each; captures that overlap are read concurrently. */
const MOST_THREADS = 2;
let threads = 0;

/** Whether a thread pays, and the addon supports the file: this machine's byte order, Ethernet, not an old version. */
export function isWorthIt({ bytes, bodyAt, frames }: Head, size: number): boolean {
  if (size < WORTH_A_THREAD || bytes.length < FILE_HEADER || (bytes.length - bodyAt) / frames < LARGE_RECORD)
    return false;
  return isUsualPcap(bytes, LinkType.ETHERNET);
}

/** `source` is such a file, not read from yet; it is returned as it is when no thread is available. */
export function headersOf(source: Source, fileHeader: Uint8Array, native = addon): Source {
  if (native === undefined || source.descriptor === undefined || threads >= MOST_THREADS) return source;
  const reading = native.readHeaders(source.descriptor, fileHeader);
  return reading === undefined ? source : new HeadersFile(source, native, reading);
}

class HeadersFile implements Source {
  readonly compression = undefined;
  readonly reopenable = true;
  readonly damage = undefined;
  readonly size: number;
  private readonly source: Source;
  private readonly native: Native;
  private reading: HeaderReading | undefined;
  /** Bytes of the file read, and bytes left out, up to the bytes taken last or a little beyond. */
  private readonly progress = new Float64Array(2);
  private omittedBefore = 0;

  constructor(source: Source, native: Native, reading: HeaderReading) {
    this.source = source;
    this.size = source.size;
    this.native = native;
    this.reading = reading;
    threads++;
  }

  get consumed(): number {
    return this.reading === undefined ? this.source.consumed : this.progress[0];
  }

  read(target: Uint8Array, at: number, limit: number): number | Promise<number> {
    if (this.reading !== undefined) {
      const count = this.native.takeHeaders(this.reading, target, at, limit, this.progress);
      if (count > 0) return count;
      // At the end of the file, or at a read error: reading the file itself shows which.
      this.endReading();
      this.source.unread(this.source.consumed - this.progress[0]);
    }
    return this.source.read(target, at, limit);
  }

  omitted(): number {
    const count = this.progress[1] - this.omittedBefore;
    this.omittedBefore = this.progress[1];
    return count;
  }

  unread(count: number): boolean {
    return this.reading !== undefined && this.native.giveBackHeaders(this.reading, count);
  }

  ready(): boolean {
    return true;
  }

  close(): void {
    this.endReading();
    this.source.close();
  }

  private endReading(): void {
    if (this.reading === undefined) return;
    this.native.closeHeaders(this.reading);
    this.reading = undefined;
    threads--;
  }
}
