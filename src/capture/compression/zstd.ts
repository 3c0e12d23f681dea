/**
 * Zstandard frames through the decoder that `zstddec` ships as WebAssembly, driven directly: the package's own loop
 * takes its input from a synchronous iterable, never ends on corrupt input, and does not flush all output. Concatenated
 * and skippable frames work; the window is at most 128 MiB, the decoder's own limit.
 */
import type { ZSTDDecoder } from 'zstddec/stream';
import { type Chunks, InflateError } from './chunks.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(size: number): number;
  free(pointer: number): void;
  ZSTD_createDCtx(): number;
  ZSTD_freeDCtx(context: number): void;
  ZSTD_DStreamOutSize(): number;
  ZSTD_decompressStream(context: number, output: number, input: number): number;
}

/** Layout of ZSTD_inBuffer and ZSTD_outBuffer: pointer, size, position. */
const SIZE = 4;
const POSITION = 8;
const BUFFER_STRUCT = 12;
/** Bytes passed to the decoder at a time. */
const INPUT = 64 << 10;
/** Results from this to -1 are errors (zstd_errors.h); others are size hints, and 0 is the end of a frame. */
const FIRST_ERROR = -120;

const ERRORS: Readonly<Record<number, string>> = {
  10: 'something that is not zstd follows the zstd stream',
  16: 'the zstd stream needs a window of more than 128 MiB (zstd --long)',
  20: 'the zstd stream is damaged',
  22: 'a zstd checksum is wrong',
  32: 'the zstd stream needs a dictionary',
};
const problem = (error: number): string => ERRORS[error] ?? `the zstd stream is damaged (error ${error})`;

let loaded: Promise<Exports> | undefined;

async function load(): Promise<Exports> {
  const library = await import('zstddec/stream');
  return new Promise((resolve, reject) => {
    // The package does not export its WebAssembly instance, but passes it to this method first.
    class Tap extends library.ZSTDDecoder {
      override _init = (result: Parameters<ZSTDDecoder['_init']>[0]): void => {
        super._init(result);
        resolve(result.instance.exports as unknown as Exports);
      };
    }
    new Tap().init().catch(reject);
  });
}

export async function* zstd(chunks: Chunks): AsyncGenerator<Uint8Array> {
  loaded ??= load();
  const wasm = await loaded;
  const context = wasm.ZSTD_createDCtx();
  const outputSize = wasm.ZSTD_DStreamOutSize();
  const output = wasm.malloc(BUFFER_STRUCT + outputSize);
  const input = wasm.malloc(BUFFER_STRUCT + INPUT);
  let result = 0;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += INPUT) {
        const piece = chunk.subarray(at, at + INPUT);
        new Uint8Array(wasm.memory.buffer).set(piece, input + BUFFER_STRUCT);
        buffer(wasm, input, piece.length);
        let full = false;
        while (full || position(wasm, input) < piece.length) {
          buffer(wasm, output, outputSize);
          const before = position(wasm, input);
          result = wasm.ZSTD_decompressStream(context, output, input);
          const produced = position(wasm, output);
          if (produced > 0) {
            const from = output + BUFFER_STRUCT;
            yield new Uint8Array(wasm.memory.buffer).slice(from, from + produced);
          }
          if (result < 0 && result >= FIRST_ERROR) throw new InflateError('damaged', problem(-result));
          full = produced === outputSize;
          if (produced === 0 && position(wasm, input) === before) break;
        }
      }
    }
  } finally {
    wasm.free(input);
    wasm.free(output);
    wasm.ZSTD_freeDCtx(context);
  }
  if (result !== 0) throw new InflateError('truncated', 'the zstd stream ends too early');
}

function buffer(wasm: Exports, struct: number, size: number): void {
  const view = new DataView(wasm.memory.buffer, struct, BUFFER_STRUCT);
  view.setUint32(0, struct + BUFFER_STRUCT, true);
  view.setUint32(SIZE, size, true);
  view.setUint32(POSITION, 0, true);
}

const position = (wasm: Exports, struct: number): number =>
  new DataView(wasm.memory.buffer, struct, BUFFER_STRUCT).getUint32(POSITION, true);
