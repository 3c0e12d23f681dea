/**
 * A pcap file of large packets, of which a thread of the addon reads ahead and leaves out the payloads of plain TCP frames
 * (native/headers.c). What is left is a pcap again, of which the same segments are made; without the addon, and where
 * a filter may look at payloads, the file is read as it is. Only for reading from the start to the end.
 */
import type { Head } from './head.ts';
import { LinkType } from './link.ts';
import { addon, type HeaderReading, type Native } from './native.ts';
import { FILE_HEADER, isUsualPcap } from './pcap.ts';
import type { Source } from './source.ts';

/** Below, a thread costs more than it saves: bytes of a file, and of a record. */
const WORTH_A_THREAD = 16 << 20;
const LARGE_RECORD = 512;
/** At a time: captures that overlap are read side by side. Two megabytes each. */
const MOST_THREADS = 2;
let threads = 0;

/** Whether it pays, and the addon knows the format: this machine's byte order, Ethernet, no old version. */
export function isWorthIt({ bytes, bodyAt, frames }: Head, size: number): boolean {
  if (size < WORTH_A_THREAD || bytes.length < FILE_HEADER || (bytes.length - bodyAt) / frames < LARGE_RECORD)
    return false;
  return isUsualPcap(bytes, LinkType.ETHERNET);
}

/** `source` is such a file, of which nothing has been read; it is read as it is where no thread is to be had. */
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
  /** Bytes read of the file, and left out, up to those that were taken last or a little beyond. */
  private readonly told = new Float64Array(2);
  private omittedBefore = 0;

  constructor(source: Source, native: Native, reading: HeaderReading) {
    this.source = source;
    this.size = source.size;
    this.native = native;
    this.reading = reading;
    threads++;
  }

  get consumed(): number {
    return this.reading === undefined ? this.source.consumed : this.told[0]!;
  }

  read(target: Uint8Array, at: number, limit: number): number | Promise<number> {
    if (this.reading !== undefined) {
      const count = this.native.takeHeaders(this.reading, target, at, limit, this.told);
      if (count > 0) return count;
      // The end, or what cannot be read: the file itself says which.
      this.endReading();
      this.source.unread(this.source.consumed - this.told[0]!);
    }
    return this.source.read(target, at, limit);
  }

  omitted(): number {
    const count = this.told[1]! - this.omittedBefore;
    this.omittedBefore = this.told[1]!;
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
