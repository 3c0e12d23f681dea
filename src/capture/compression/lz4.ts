/**
 * lz4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md): linked and independent blocks, block and
 * content checksums, concatenated and skippable frames. Memory is one block and its 64 KiB window.
 */
import { ChunkReader, type Chunks, InflateError } from './chunks.ts';
import { XxHash32, xxh32 } from './xxh32.ts';

export const LZ4_MAGIC = 0x184d_2204;
const SKIPPABLE_MAGIC = 0x184d_2a50;
const SKIPPABLE_MASK = 0xffff_fff0;

const Flag = { BLOCK_CHECKSUM: 0x10, CONTENT_SIZE: 0x08, CONTENT_CHECKSUM: 0x04, DICTIONARY: 0x01 } as const;
const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
/** Largest block size by the value, 4 to 7, of bits 4 to 6 of the second descriptor byte. */
const BLOCK_SIZES: readonly number[] = [64 << 10, 256 << 10, 1 << 20, 4 << 20];
const UNCOMPRESSED = 0x8000_0000;
const WINDOW = 64 << 10;

export async function* lz4(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const input = new ChunkReader(chunks);
  for (;;) {
    const magic = await input.exactly(4);
    if (magic.length === 0) return;
    const number = little32(magic);
    if (number === LZ4_MAGIC) yield* frame(input);
    else if ((number & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) await pass(input, await word(input));
    else throw new InflateError('damaged', 'something that is not lz4 follows the last lz4 frame');
  }
}

async function* frame(input: ChunkReader): AsyncGenerator<Uint8Array> {
  const { flags, blockSize } = await descriptor(input);
  const content = (flags & Flag.CONTENT_CHECKSUM) !== 0 ? new XxHash32() : undefined;
  // The window of the previous blocks, followed by the block that is being decoded.
  const buffer = new Uint8Array(WINDOW + blockSize);
  let window = 0;
  for (;;) {
    const head = await word(input);
    if (head === 0) break;
    const size = (head & ~UNCOMPRESSED) >>> 0;
    if (size > blockSize) throw new InflateError('damaged', `an lz4 block says that it is ${size} bytes long`);
    const block = await whole(input, size);
    if ((flags & Flag.BLOCK_CHECKSUM) !== 0 && (await word(input)) !== xxh32(block)) throw checksum();
    let end = window + size;
    if ((head & UNCOMPRESSED) !== 0) buffer.set(block, window);
    else end = decodeBlock(block, buffer, window, window + blockSize);
    content?.update(buffer.subarray(window, end));
    yield buffer.slice(window, end);
    const kept = Math.min(end, WINDOW);
    buffer.copyWithin(0, end - kept, end);
    window = kept;
  }
  if (content !== undefined && (await word(input)) !== content.digest()) throw checksum();
}

async function descriptor(input: ChunkReader): Promise<{ flags: number; blockSize: number }> {
  const fixed = await whole(input, 2);
  const flags = fixed[0];
  const blockSize = BLOCK_SIZES[((fixed[1] >>> 4) & 7) - 4];
  if ((flags & VERSION_MASK) !== VERSION_1 || blockSize === undefined) {
    throw new InflateError('damaged', 'an lz4 frame header makes no sense');
  }
  if ((flags & Flag.DICTIONARY) !== 0) throw new InflateError('damaged', 'an lz4 frame needs a dictionary');
  const rest = await whole(input, ((flags & Flag.CONTENT_SIZE) !== 0 ? 8 : 0) + 1);
  const hash = new XxHash32().update(fixed).update(rest.subarray(0, -1)).digest();
  if (rest.at(-1) !== ((hash >>> 8) & 0xff)) throw checksum();
  return { flags, blockSize };
}

/**
 * Decodes one block of sequences (lz4_Block_format.md) to `out[from]`. Matches may reach back to `out[0]`. Returns the
 * end of the decoded bytes; never writes at or beyond `limit`.
 */
function decodeBlock(block: Uint8Array, out: Uint8Array, from: number, limit: number): number {
  let at = 0;
  let to = from;
  while (at < block.length) {
    const token = block[at++];
    let literals = token >>> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255 && at < block.length) literals += more = block[at++];
    }
    if (at + literals > block.length || to + literals > limit) throw garbage();
    // For short runs a loop is faster than a call.
    if (literals < 32) for (let i = 0; i < literals; i++) out[to + i] = block[at + i];
    else out.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    // The last sequence has literals only.
    if (at === block.length) return to;

    if (at + 2 > block.length) throw garbage();
    const offset = block[at] | (block[at + 1] << 8);
    at += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      let more = 255;
      while (more === 255 && at < block.length) length += more = block[at++];
    }
    if (offset === 0 || offset > to || to + length > limit) throw garbage();
    // A match may overlap its own output, which then repeats with the period `offset`.
    if (offset >= length) out.copyWithin(to, to - offset, to - offset + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - offset];
    to += length;
  }
  return to;
}

async function whole(input: ChunkReader, size: number): Promise<Uint8Array> {
  const bytes = await input.exactly(size);
  if (bytes.length < size) throw new InflateError('truncated', 'the lz4 stream ends too early');
  return bytes;
}

async function word(input: ChunkReader): Promise<number> {
  return little32(await whole(input, 4));
}

async function pass(input: ChunkReader, size: number): Promise<void> {
  for (let left = size; left > 0; ) left -= (await input.some(left))?.length ?? left;
}

function little32(bytes: Uint8Array): number {
  if (bytes.length < 4) throw new InflateError('truncated', 'the lz4 stream ends too early');
  return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
}

const garbage = (): InflateError => new InflateError('damaged', 'an lz4 block cannot be decoded');
const checksum = (): InflateError => new InflateError('damaged', 'an lz4 checksum is wrong');
