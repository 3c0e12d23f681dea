/** Recognises a compressed stream by its first bytes, whatever its name, and inflates it in bounded memory. */
import type { Chunks } from './chunks.ts';
import { gzip } from './gzip.ts';
import { LZ4_MAGIC, lz4 } from './lz4.ts';
import { xz } from './xz.ts';
import { zstd } from './zstd.ts';

export const INFLATE = { gzip, zstd, xz, lz4 } as const satisfies Record<
  string,
  (chunks: Chunks) => AsyncGenerator<Uint8Array>
>;
export type CompressionName = keyof typeof INFLATE;

const GZIP_MAGIC = 0x1f8b;
const ZSTD_MAGIC = 0xfd2f_b528;
/** Skippable frames, which zstd and lz4 share; in practice lz4 files do not begin with one. */
const SKIPPABLE_MAGIC = 0x184d_2a50;
const SKIPPABLE_MASK = 0xffff_fff0;
const XZ_MAGIC = 0xfd37_7a58;

/** Number of first bytes by which a stream is recognised. */
export const MAGIC_SIZE = 4;

export function compressionOf(head: Uint8Array): CompressionName | undefined {
  if (head.length < MAGIC_SIZE) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const little = view.getUint32(0, true);
  if (view.getUint16(0) === GZIP_MAGIC) return 'gzip';
  if (view.getUint32(0) === XZ_MAGIC) return 'xz';
  if (little === LZ4_MAGIC) return 'lz4';
  return little === ZSTD_MAGIC || (little & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC ? 'zstd' : undefined;
}
