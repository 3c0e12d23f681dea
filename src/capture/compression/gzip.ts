/**
 * gzip (RFC 1952): one member or several, each raw deflate, which Node's zlib inflates, between a header and a trailer
 * that are read here. zlib's own reader of gzip drops what it has just inflated when it meets a wrong trailer, or anything
 * behind the last member.
 */
import { constants, crc32, createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib';
import { ChunkReader, type Chunks, InflateError } from './chunks.ts';

const MAGIC: readonly number[] = [0x1f, 0x8b];
/** Offsets in the first ten bytes of a member, the only method, and bits of the flags. */
const METHOD = 2;
const FLAGS = 3;
const FIXED = 10;
const DEFLATE = 8;
const Flag = { HEADER_CRC: 2, EXTRA: 4, NAME: 8, COMMENT: 16, RESERVED: 0xe0 } as const;
/** CRC-32 and size modulo 2^32 of what the member holds, both little-endian. */
const TRAILER = 8;

/** Size in bytes of an output chunk: the default of 16 KiB halves the speed. */
const OUTPUT = 256 << 10;
/**
 * What zlib inflated in the call that meets a damaged byte is lost. So the input is passed in pieces of 1/64 (a shift by
 * 6) of what was read before, within bounds: at most this share is lost.
 */
const SHARE = 6;
const MIN_PIECE = 64;
const MAX_PIECE = 16 << 10;
/**
 * Members of fewer bytes are inflated in one call: to make an inflater takes 80 µs, and a stream may have millions of
 * members. Those of BGZF have at most 64 KiB.
 */
const SMALL = (64 << 10) + 1;

export async function* gzip(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const input = new Members(chunks);
  try {
    for (let first = true; await input.begins(first); first = false) yield* input.member();
  } finally {
    await input.close();
  }
}

class Members {
  private readonly input: ChunkReader;
  /** Compressed bytes read so far, without headers and trailers. */
  private offered = 0;

  constructor(chunks: Chunks) {
    this.input = new ChunkReader(chunks);
  }

  close(): Promise<void> {
    return this.input.close();
  }

  /** Reads the header of a member; false at the end. Behind a member there may be zeros, which fill the block of a tape. */
  async begins(first: boolean): Promise<boolean> {
    if (!first && !(await this.passZeros())) return false;
    const fixed = await this.input.exactly(FIXED);
    if (MAGIC.some((byte, i) => i < fixed.length && fixed[i] !== byte))
      throw new InflateError('damaged', 'something that is not gzip follows the gzip stream');
    if (fixed.length < FIXED) throw endsTooEarly();
    const flags = fixed[FLAGS];
    if (fixed[METHOD] !== DEFLATE || (flags & Flag.RESERVED) !== 0) throw damaged('a header makes no sense');
    if ((flags & Flag.EXTRA) !== 0) {
      const [low, high] = await this.whole(2);
      await this.whole(low | (high << 8));
    }
    if ((flags & Flag.NAME) !== 0) await this.passText();
    if ((flags & Flag.COMMENT) !== 0) await this.passText();
    if ((flags & Flag.HEADER_CRC) !== 0) await this.whole(2);
    return true;
  }

  /** Inflates the rest of a member, and checks its trailer. */
  async *member(): AsyncGenerator<Uint8Array> {
    let crc = 0;
    let size = 0;
    for await (const inflated of this.inflated()) {
      crc = crc32(inflated, crc);
      size = (size + inflated.length) >>> 0;
      yield inflated;
    }
    const trailer = await this.whole(TRAILER);
    const view = new DataView(trailer.buffer, trailer.byteOffset, TRAILER);
    if (view.getUint32(0, true) !== crc || view.getUint32(4, true) !== size) throw damaged('a checksum is wrong');
  }

  private async *inflated(): AsyncGenerator<Uint8Array> {
    const { input } = this;
    const small = await this.inflateSmall();
    if (small !== undefined) {
      yield small;
      return;
    }
    const inflater = createInflateRaw({ chunkSize: OUTPUT });
    const inflated: Uint8Array[] = [];
    let failure: Error | undefined;
    let finished = false;
    let wake = (): void => {};
    inflater.on('data', (piece: Uint8Array) => inflated.push(piece));
    inflater.on('error', error => {
      failure = error;
      wake();
    });
    // The callback of a write that holds damage, or the end of the member, is never called.
    inflater.on('end', () => {
      finished = true;
      wake();
    });
    let passed = 0;
    try {
      while (!finished) {
        const piece = await input.some(Math.min(MAX_PIECE, Math.max(MIN_PIECE, this.offered >>> SHARE)));
        if (piece === undefined) throw endsTooEarly();
        await new Promise<void>(done => {
          wake = done;
          inflater.write(piece, () => done());
        });
        yield* inflated.splice(0);
        if (failure !== undefined) throw damaged(failure.message);
        passed += piece.length;
        this.offered += piece.length;
        if (finished) input.unread(passed - inflater.bytesWritten);
      }
    } finally {
      inflater.destroy();
    }
  }

  private async whole(size: number): Promise<Uint8Array> {
    const bytes = await this.input.exactly(size);
    if (bytes.length < size) throw endsTooEarly();
    return bytes;
  }

  /** Undefined, having read nothing, if the member is not a small one, or is damaged. */
  private async inflateSmall(): Promise<Uint8Array | undefined> {
    const { input } = this;
    const piece = await input.some(SMALL);
    if (piece === undefined) throw endsTooEarly();
    try {
      const options = { info: true, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: OUTPUT };
      // With `info` it returns this, which its type does not say.
      const { buffer, engine } = inflateRawSync(piece, options) as unknown as {
        buffer: Uint8Array;
        engine: InflateRaw;
      };
      const left = piece.length - engine.bytesWritten;
      input.unread(left > 0 ? left : piece.length);
      return left > 0 ? buffer : undefined;
    } catch {
      input.unread(piece.length);
      return undefined;
    }
  }

  private async passText(): Promise<void> {
    await this.passUntil(byte => byte === 0);
    await this.whole(1);
  }

  private passZeros(): Promise<boolean> {
    return this.passUntil(byte => byte !== 0);
  }

  /** False if no such byte comes. */
  private async passUntil(isIt: (byte: number) => boolean): Promise<boolean> {
    for (;;) {
      const piece = await this.input.some();
      if (piece === undefined) return false;
      const at = piece.findIndex(isIt);
      if (at < 0) continue;
      this.input.unread(piece.length - at);
      return true;
    }
  }
}

const endsTooEarly = (): InflateError => new InflateError('truncated', 'the gzip stream ends too early');
const damaged = (what: string): InflateError => new InflateError('damaged', `the gzip stream is damaged (${what})`);
