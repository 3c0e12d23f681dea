/**
 * gzip through Node's zlib, which reads concatenated members. zlib keeps to itself what it inflated in the call that
 * meets a damaged byte, so the input goes in by pieces small enough to lose little.
 */
import { createGunzip } from 'node:zlib';
import { type Chunks, InflateError } from './chunks.ts';

/** The default of 16 KiB halves the speed. */
const OUTPUT = 256 << 10;
/** A piece is a 64th of what was read before, so that at most this share is lost, within bounds. */
const SHARE = 6;
const MIN_PIECE = 64;
const MAX_PIECE = 16 << 10;

export async function* gzip(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: OUTPUT });
  const inflated: Uint8Array[] = [];
  let failure: (Error & { code?: string }) | undefined;
  gunzip.on('data', (piece: Uint8Array) => inflated.push(piece));
  gunzip.on('error', error => {
    failure = error;
  });
  let consumed = 0;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length && failure === undefined; ) {
        const size = Math.min(MAX_PIECE, Math.max(MIN_PIECE, consumed >>> SHARE));
        const piece = chunk.subarray(at, at + size);
        await new Promise(done => gunzip.write(piece, done));
        at += piece.length;
        consumed += piece.length;
        yield* inflated.splice(0);
      }
      if (failure !== undefined) break;
    }
    if (failure === undefined) await new Promise<void>(done => gunzip.once('close', done).end());
    yield* inflated.splice(0);
    if (failure?.code === 'Z_BUF_ERROR') throw new InflateError('truncated', 'the gzip stream ends too early');
    if (failure !== undefined) throw new InflateError('damaged', failure.message);
  } finally {
    gunzip.destroy();
  }
}
