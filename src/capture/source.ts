/**
 * The bytes of one input after inflating, pulled into the caller's memory. Files are read directly into it; pipes,
 * streams and everything compressed arrive in chunks. Damage to a compressed stream ends the bytes and sets `damage`;
 * it never throws. A file that cannot be opened or read throws a CaptureError.
 */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { CaptureError } from '../base/errors.ts';
import { knownReason } from '../base/system-errors.ts';
import type { CaptureNote, Input } from './capture-info.ts';
import { type Chunks, InflateError } from './compression/chunks.ts';
import { type CompressionName, compressionOf, INFLATE, MAGIC_SIZE } from './compression/compression.ts';
import { hasFreeThread, InflateThread } from './compression/inflate-thread.ts';
import type { Span } from './losses.ts';

/** Below this many compressed bytes, a thread that inflates costs more than it saves. */
const WORTH_A_THREAD = 1 << 20;

/** Bytes read at a time from a compressed file. */
const FILE_CHUNK = 256 << 10;

/** What a live input provides besides its bytes, the records of a nanosecond pcap in this machine's byte order. */
export interface Live {
  readonly linkType: number;
  readonly snaplen: number;
  /** When capturing began, in nanoseconds since the epoch. */
  readonly startedNs: bigint;
  /** Everything captured before this instant had been read when `ready` last returned false, or `settle` true. */
  readonly settledNs: bigint;
  /** Packets dropped so far because the kernel's ring was full, and by the network card or its driver. */
  readonly dropped: number;
  readonly interfaceDropped: number;
  /** Packets are missing: they were dropped, or the interface was gone for a while. */
  readonly incomplete: boolean;
  /** When they were lost, if known, in nanoseconds since the epoch, in order of time; a new array on any change. */
  readonly losses: readonly Span<bigint>[];
  /** Updates `settledNs`; returns false if there is something to be read first. */
  settle(): boolean;
  /** Notes of what has happened since the last call. */
  takeNotes(): CaptureNote[];
}

export type LiveInput = Source & Live;

export interface Source {
  /** Absent except for live inputs. */
  readonly live?: Live;
  readonly compression: CompressionName | undefined;
  /** False for pipes and streams, which can be read only once. */
  readonly reopenable: boolean;
  /** Size of the input in bytes before inflating; 0 when it is not known. */
  readonly size: number;
  /** Bytes taken from the input so far, before inflating. */
  readonly consumed: number;
  /** Set when a compressed stream was found to be damaged or cut short. */
  readonly damage: InflateError | undefined;
  /** Reads 1 … `limit` bytes into `target[at]` and returns how many; 0 at the end. */
  read(target: Uint8Array, at: number, limit: number): number | Promise<number>;
  /** File descriptor, of an uncompressed file only. */
  readonly descriptor?: number;
  /** Bytes of payload left out of the records read since the last call (headers-file.ts). */
  omitted?(): number;
  /** Makes the last `count` bytes readable again; returns false if the source cannot. */
  unread(count: number): boolean;
  /** Whether there is something to read; waits up to `milliseconds` for it. Always true for files. */
  ready(milliseconds: number): boolean | Promise<boolean>;
  close(): void;
}

/** `whole`: the input will be read to its end, so that inflating ahead pays. */
export async function openSource(input: Input, whole = false): Promise<Source> {
  if ('path' in input) return openPath(input.name, input.path, whole);
  if ('live' in input) return input.live;
  if ('bytes' in input) return openChunks(input.name, [input.bytes], input.bytes.length, whole);
  return openChunks(input.name, input.stream, undefined, true);
}

async function openPath(name: string, path: string | Uint8Array, whole: boolean): Promise<Source> {
  let file: number | undefined;
  try {
    file = openSync(typeof path === 'string' ? path : Buffer.from(path), 'r');
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw new CaptureError(name, REASONS.EISDIR);
    if (!stats.isFile()) {
      const stream = createReadStream('', { fd: file });
      file = undefined; // it belongs to the stream, which closes it
      return await openChunks(name, stream, undefined, true);
    }
    const head = new Uint8Array(MAGIC_SIZE);
    const compression = compressionOf(head.subarray(0, readSync(file, head, 0, MAGIC_SIZE, 0)));
    const source = new FileSource(name, file, stats.size);
    return compression === undefined ? source : new InflatedFile(name, source, compression, whole);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    throw unreadable(name, error);
  }
}

/** Where a capture gives cause to say more than base/system-errors.ts. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EMFILE: 'too many files are open; raise the limit (ulimit -n) or give fewer captures at a time',
  EISDIR: 'it is a folder, not a capture',
};

function unreadable(name: string, error: unknown, offset?: number): CaptureError {
  if (error instanceof CaptureError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = REASONS[code ?? ''] ?? knownReason(error) ?? `cannot be read: ${message}`;
  return new CaptureError(name, reason, offset, { cause: error });
}

class FileSource implements Source {
  readonly compression = undefined;
  readonly reopenable = true;
  readonly damage = undefined;
  readonly size: number;
  consumed = 0;
  private readonly name: string;
  readonly descriptor: number;
  private open = true;

  constructor(name: string, file: number, size: number) {
    this.name = name;
    this.descriptor = file;
    this.size = size;
  }

  read(target: Uint8Array, at: number, limit: number): number {
    // A decoder may still request more after close(); the descriptor may be reused for another file by then.
    if (!this.open) return 0;
    try {
      const count = readSync(this.descriptor, target, at, limit, this.consumed);
      this.consumed += count;
      return count;
    } catch (error) {
      throw unreadable(this.name, error, this.consumed);
    }
  }

  unread(count: number): boolean {
    this.consumed -= count;
    return true;
  }

  ready(): boolean {
    return true;
  }

  close(): void {
    if (this.open) closeSync(this.descriptor);
    this.open = false;
  }
}

async function* wholeFile(source: FileSource): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = new Uint8Array(FILE_CHUNK);
    const count = source.read(chunk, 0, FILE_CHUNK);
    if (count === 0) return;
    yield chunk.subarray(0, count);
  }
}

/** `size` is undefined for inputs that can be read only once. */
async function openChunks(
  name: string,
  chunks: Chunks | Iterable<Uint8Array>,
  size: number | undefined,
  whole: boolean,
): Promise<ChunkSource> {
  const iterator = iterate(chunks);
  let head = new Uint8Array(0);
  while (head.length < MAGIC_SIZE) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return new ChunkSource(name, rejoin(head, iterator), size, compressionOf(head), whole);
}

async function* iterate(chunks: Chunks | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* rejoin(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* rest;
}

class ChunkSource implements Source {
  readonly compression: CompressionName | undefined;
  readonly reopenable: boolean;
  readonly size: number;
  consumed = 0;
  damage: InflateError | undefined;
  private readonly name: string;
  private readonly chunks: Pick<AsyncGenerator<Uint8Array, undefined>, 'next' | 'return'>;
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;
  private pending: Promise<boolean> | undefined;
  private failure: CaptureError | undefined;

  constructor(
    name: string,
    chunks: Chunks,
    size: number | undefined,
    compression: CompressionName | undefined,
    whole: boolean,
  ) {
    this.name = name;
    this.compression = compression;
    this.size = size ?? 0;
    this.reopenable = size !== undefined;
    const counted = this.count(chunks);
    const ahead = whole && (size === undefined || size >= WORTH_A_THREAD) && hasFreeThread();
    if (compression === undefined) this.chunks = counted;
    else this.chunks = ahead ? new InflateThread(compression, counted) : INFLATE[compression](counted);
  }

  async read(target: Uint8Array, at: number, limit: number): Promise<number> {
    if (!(await this.next())) {
      if (this.failure !== undefined) throw this.failure;
      return 0;
    }
    const count = Math.min(limit, this.chunk.length - this.at);
    target.set(this.chunk.subarray(this.at, this.at + count), at);
    this.at += count;
    return count;
  }

  unread(): boolean {
    return false;
  }

  async ready(milliseconds: number): Promise<boolean> {
    if (this.reopenable || this.at < this.chunk.length) return true;
    let timer: NodeJS.Timeout | undefined;
    const idle = new Promise<boolean>(resolve => {
      timer = setTimeout(resolve, milliseconds, false);
    });
    const next = this.advance().then(() => true);
    return await Promise.race([next, idle]).finally(() => clearTimeout(timer));
  }

  close(): void {
    // While a chunk is awaited, return() resolves only when it arrives: do not wait for it.
    this.chunks.return(undefined).catch(() => {});
  }

  /** Makes a chunk with bytes current; false at the end. */
  private async next(): Promise<boolean> {
    while (this.at === this.chunk.length) if (!(await this.advance())) return false;
    return true;
  }

  /** Waits for the next chunk. Concurrent calls wait for the same one. */
  private advance(): Promise<boolean> {
    this.pending ??= this.pull().finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  /** Never rejects, because `ready()` may have stopped waiting for it. */
  private async pull(): Promise<boolean> {
    try {
      const { value, done } = await this.chunks.next();
      if (done) return false;
      this.chunk = value;
      this.at = 0;
      return true;
    } catch (error) {
      if (error instanceof InflateError) this.damage = error;
      else this.failure = unreadable(this.name, error, this.consumed);
      return false;
    }
  }

  private async *count(chunks: Chunks): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.consumed += chunk.length;
      yield chunk;
    }
  }
}

class InflatedFile extends ChunkSource {
  private readonly file: FileSource;

  constructor(name: string, file: FileSource, compression: CompressionName, whole: boolean) {
    super(name, wholeFile(file), file.size, compression, whole);
    this.file = file;
  }

  override close(): void {
    super.close();
    this.file.close();
  }
}
