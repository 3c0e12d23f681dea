/**
 * xz streams through the decoder that `xz-decompress` ships as WebAssembly, driven directly: the package's own stream
 * class allows only one decoder at a time, which would deadlock two overlapping captures, and stops after the first of
 * several concatenated streams.
 */
import { ChunkReader, type Chunks, InflateError } from './chunks.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  create_context(): number;
  destroy_context(context: number): void;
  supply_input(context: number, size: number): void;
  get_next_output(context: number): number;
}

/** Indices of 32-bit words in a context: the size of both buffers, then pointer, position and size of each. */
const Word = { BUFFER_SIZE: 0, IN: 1, IN_POSITION: 2, IN_SIZE: 3, OUT: 4, OUT_POSITION: 5 } as const;
const CONTEXT_WORDS = 7;
/** Result codes of xz-embedded; all others are errors. */
const Result = { OK: 0, STREAM_END: 1, NO_PROGRESS: 8 } as const;
const ERRORS: Readonly<Record<number, string>> = {
  3: 'the xz stream needs more memory than there is',
  4: 'the xz stream needs more memory than there is',
  5: 'something that is not xz follows the xz stream',
  6: 'the xz stream uses an option that is not supported, such as SHA-256 checks',
  7: 'the xz stream is damaged',
};

let loaded: Promise<Exports> | undefined;

interface Library {
  _moduleInstance?: { exports: Exports };
  _getModuleInstance(): Promise<void>;
}

async function load(): Promise<Exports> {
  // A CommonJS module: its exports are properties of `default` only.
  const { default: library } = (await import('xz-decompress')) as unknown as {
    default: { XzReadableStream: Library };
  };
  await library.XzReadableStream._getModuleInstance();
  return library.XzReadableStream._moduleInstance!.exports;
}

export async function* xz(chunks: Chunks): AsyncGenerator<Uint8Array> {
  loaded ??= load();
  const wasm = await loaded;
  const input = new ChunkReader(chunks);
  do yield* stream(wasm, input);
  while (await anotherStream(input));
}

async function* stream(wasm: Exports, input: ChunkReader): AsyncGenerator<Uint8Array> {
  const context = wasm.create_context();
  const word = (index: number): number => new Uint32Array(wasm.memory.buffer, context, CONTEXT_WORDS)[index];
  try {
    for (let ended = false; ; ) {
      const piece = await input.some(word(Word.BUFFER_SIZE));
      // The decoder may report the end of the stream only in one more call after the input has ended.
      if (piece === undefined && ended) throw new InflateError('truncated', 'the xz stream ends too early');
      ended = piece === undefined;
      if (piece !== undefined) new Uint8Array(wasm.memory.buffer).set(piece, word(Word.IN));
      wasm.supply_input(context, piece?.length ?? 0);
      for (let more = true; more; ) {
        const result = wasm.get_next_output(context);
        const produced = word(Word.OUT_POSITION);
        if (produced > 0) yield new Uint8Array(wasm.memory.buffer).slice(word(Word.OUT), word(Word.OUT) + produced);
        new Uint32Array(wasm.memory.buffer, context, CONTEXT_WORDS)[Word.OUT_POSITION] = 0;
        const left = word(Word.IN_SIZE) - word(Word.IN_POSITION);
        if (result === Result.STREAM_END) {
          input.unread(left);
          return;
        }
        if (result !== Result.OK && result !== Result.NO_PROGRESS) {
          throw new InflateError('damaged', ERRORS[result] ?? `xz error ${result}`);
        }
        more = result !== Result.NO_PROGRESS && (left > 0 || produced > 0);
      }
    }
  } finally {
    wasm.destroy_context(context);
  }
}

/** Whether another stream follows, perhaps after padding with zeros, a multiple of four (xz file format §2.2). */
async function anotherStream(input: ChunkReader): Promise<boolean> {
  for (;;) {
    const piece = await input.some();
    if (piece === undefined) return false;
    const at = piece.findIndex(byte => byte !== 0);
    if (at < 0) continue;
    input.unread(piece.length - at);
    return true;
  }
}
