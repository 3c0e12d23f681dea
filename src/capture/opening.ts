/** Opens an input when it is read; a compressed file already while the one before it is read, to inflate ahead. */
import { fstatSync } from 'node:fs';
import type { Input } from './capture-info.ts';
import { headersOf, isWorthIt } from './format/headers-file.ts';
import { FILE_HEADER, RECORD_HEADER } from './format/pcap-layout.ts';
import type { Head } from './head.ts';
import { openSource, type Source } from './source.ts';

/** Typical ratio of a capture's size to its compressed size. */
const INFLATED = 3;
/** Assumed size of a record in bytes when the head contains none. */
const USUAL_RECORD = 96;

/** A file that nobody wrote to for so long will hardly grow while it is read. */
const QUIET_MS = 10_000;

const mayGrow = ({ descriptor }: Source): boolean =>
  descriptor !== undefined && Date.now() - fstatSync(descriptor).mtimeMs < QUIET_MS;

export class Opening {
  /** Estimated number of packets, as if all were as large as the first ones. */
  readonly packets: number;
  /** No more packets than this; infinite where nobody knows how many bytes will come. */
  readonly mostPackets: number;
  private readonly input: Input;
  private readonly compressed: boolean;
  /** The file header, if only packet headers are to be read (headers-file.ts). */
  private readonly fileHeader: Uint8Array | undefined;
  private ahead: Promise<Source> | undefined;
  private done = false;

  /** `head` is the head of `source`. */
  constructor(input: Input, source: Source, head: Head, isFiltered: boolean) {
    this.input = input;
    this.compressed = source.reopenable && source.compression !== undefined;
    const headersAlone = !isFiltered && source.descriptor !== undefined && isWorthIt(head, source.size);
    const record = head.frames === 0 ? USUAL_RECORD : (head.bytes.length - head.bodyAt) / head.frames;
    this.packets = (source.size * (source.compression === undefined ? 1 : INFLATED)) / record;
    const isKnown = source.compression === undefined && source.size > 0 && !mayGrow(source);
    // No packet block of pcapng is shorter than the header of a pcap record.
    this.mostPackets = isKnown ? Math.ceil(source.size / RECORD_HEADER) : Number.POSITIVE_INFINITY;
    this.fileHeader = headersAlone ? head.bytes.slice(0, FILE_HEADER) : undefined;
  }

  /** Call this when the input will be read next. */
  prepare(): void {
    if (!this.compressed || this.done) return;
    this.ahead ??= openSource(this.input, true);
    // A failure is reported when the input is read.
    this.ahead.catch(() => {});
  }

  async open(): Promise<Source> {
    const opened = this.ahead ?? openSource(this.input, true);
    this.ahead = undefined;
    this.done = true;
    const source = await opened;
    return this.fileHeader === undefined ? source : headersOf(source, this.fileHeader);
  }

  /** Call this when the input will not be read (any more). */
  close(): void {
    this.ahead?.then(source => source.close()).catch(() => {});
    this.ahead = undefined;
    this.done = true;
  }
}
