/** Entry of a thread that inflates one stream: compressed chunks come by message, inflated bytes go into the ring. */
import { parentPort, workerData } from 'node:worker_threads';
import { InflateError } from './chunks.ts';
import { type CompressionName, INFLATE } from './compression.ts';

export interface InflateTask {
  compression: CompressionName;
  ring: SharedArrayBuffer;
  slots: number;
}

/** Slot `free` has been read and can be reused; or the next chunk, undefined at the end. */
export type ToInflater = { free: number } | { chunk: Uint8Array | undefined };

/** The next chunk is wanted; or a slot holds `length` bytes; or the stream has ended, perhaps with a problem. */
export type FromInflater =
  | { wanted: true }
  | { slot: number; length: number }
  | { over: true; problem?: { kind: InflateError['kind']; message: string } };

/** Chunks requested in advance. */
const CHUNKS_AHEAD = 2;

const port = parentPort!;
const { compression, ring, slots } = workerData as InflateTask;
const size = ring.byteLength / slots;
const bytes = new Uint8Array(ring);
const free = Array.from({ length: slots }, (_, i) => i);
const chunks: (Uint8Array | undefined)[] = [];
let slot: number | undefined;
let filled = 0;
let wake = (): void => {};

port.on('message', (message: ToInflater) => {
  if ('free' in message) free.push(message.free);
  else chunks.push(message.chunk);
  wake();
});
const change = (): Promise<void> =>
  new Promise(resolve => {
    wake = resolve;
  });
const send = (message: FromInflater): void => port.postMessage(message);

function flush(): void {
  if (slot === undefined || filled === 0) return;
  send({ slot, length: filled });
  slot = undefined;
  filled = 0;
}

async function* given(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < CHUNKS_AHEAD; i++) send({ wanted: true });
  for (;;) {
    // A pipe may be silent for long: pass on what has been inflated so far.
    if (chunks.length === 0) flush();
    while (chunks.length === 0) await change();
    const chunk = chunks.shift();
    if (chunk === undefined) return;
    send({ wanted: true });
    yield chunk;
  }
}

async function put(piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    while (slot === undefined) {
      slot = free.pop();
      if (slot === undefined) await change();
    }
    const part = piece.subarray(at, at + size - filled);
    bytes.set(part, slot * size + filled);
    filled += part.length;
    at += part.length;
    if (filled === size) flush();
  }
}

try {
  for await (const piece of INFLATE[compression](given())) await put(piece);
  flush();
  send({ over: true });
} catch (error) {
  if (!(error instanceof InflateError)) throw error;
  flush();
  send({ over: true, problem: { kind: error.kind, message: error.message } });
}
port.close();
