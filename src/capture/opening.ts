/** Opens an input when it is read, or, where that means to inflate it, already while the one before it is read. */
import type { Input } from './capture-info.ts';
import type { Head } from './head.ts';
import { headersOf, isWorthIt } from './headers-file.ts';
import { FILE_HEADER } from './pcap.ts';
import { openSource, type Source } from './source.ts';

/** Times its size that a compressed capture has when it is inflated, about. */
const INFLATED = 3;
/** Bytes of a record where there was none to look at. */
const USUAL_RECORD = 96;

export class Opening {
  /** In the input, about: as if all were as large as the first ones. */
  readonly packets: number;
  private readonly input: Input;
  private readonly compressed: boolean;
  /** The file's first bytes, where its headers alone are to be read. */
  private readonly fileHeader: Uint8Array | undefined;
  private ahead: Promise<Source> | undefined;
  private done = false;

  /** `source` was looked at, and has this head. */
  constructor(input: Input, source: Source, head: Head, isFiltered: boolean) {
    this.input = input;
    this.compressed = source.reopenable && source.compression !== undefined;
    const headersAlone = !isFiltered && source.descriptor !== undefined && isWorthIt(head, source.size);
    const record = head.frames === 0 ? USUAL_RECORD : (head.bytes.length - head.bodyAt) / head.frames;
    this.packets = (source.size * (source.compression === undefined ? 1 : INFLATED)) / record;
    this.fileHeader = headersAlone ? head.bytes.slice(0, FILE_HEADER) : undefined;
  }

  /** It is read next. */
  prepare(): void {
    if (!this.compressed || this.done) return;
    this.ahead ??= openSource(this.input, true);
    // Told when it is read.
    this.ahead.catch(() => {});
  }

  async open(): Promise<Source> {
    const opened = this.ahead ?? openSource(this.input, true);
    this.ahead = undefined;
    this.done = true;
    const source = await opened;
    return this.fileHeader === undefined ? source : headersOf(source, this.fileHeader);
  }

  /** Nobody will read it. */
  close(): void {
    this.ahead?.then(source => source.close()).catch(() => {});
    this.ahead = undefined;
    this.done = true;
  }
}
