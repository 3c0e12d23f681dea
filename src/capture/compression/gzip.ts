/**
 * gzip through Node's zlib, which reads concatenated members. What zlib inflated in the call that meets a damaged byte
 * is lost, so the input is passed in pieces small enough to lose little.
 */
import { createGunzip } from 'node:zlib';
import { type Chunks, InflateError } from './chunks.ts';

/** Size in bytes of an output chunk: the default of 16 KiB halves the speed. */
const OUTPUT = 256 << 10;
/** A piece is 1/64 (a shift by 6) of what was read before, within bounds, so that at most this share is lost. */
const SHARE = 6;
const MIN_PIECE = 64;
const MAX_PIECE = 16 << 10;

export async function* gzip(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: OUTPUT });
  const inflated: Uint8Array[] = [];
  let failure: (Error & { code?: string }) | undefined;
  let finished = false;
  let wake = (): void => {};
  gunzip.on('data', (piece: Uint8Array) => inflated.push(piece));
  gunzip.on('error', error => {
    failure = error;
    wake();
  });
  // The callback of a write that contains damage, or data after the last member, is never called.
  gunzip.on('end', () => {
    finished = true;
    wake();
  });
  let offered = 0;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const size = Math.min(MAX_PIECE, Math.max(MIN_PIECE, offered >>> SHARE));
        const piece = chunk.subarray(at, at + size);
        at += piece.length;
        if (finished) rejectTrailingData(piece, 0);
        else {
          await new Promise<void>(done => {
            wake = done;
            gunzip.write(piece, () => done());
          });
          yield* inflated.splice(0);
          if (finished) rejectTrailingData(piece, gunzip.bytesWritten - offered);
          offered += piece.length;
        }
        if (failure !== undefined) throw failed(failure);
      }
    }
    if (!finished) await new Promise<void>(done => gunzip.once('close', done).end());
    yield* inflated.splice(0);
    if (failure !== undefined) throw failed(failure);
  } finally {
    gunzip.destroy();
  }
}

/** Throws for data after the last member, except zeros: those may pad a stream to the block size of a tape. */
function rejectTrailingData(piece: Uint8Array, from: number): void {
  if (piece.subarray(from).some(byte => byte !== 0)) {
    throw new InflateError('damaged', 'something that is not gzip follows the gzip stream');
  }
}

const failed = (error: Error & { code?: string }): InflateError =>
  error.code === 'Z_BUF_ERROR'
    ? new InflateError('truncated', 'the gzip stream ends too early')
    : new InflateError('damaged', `the gzip stream is damaged (${error.message})`);
