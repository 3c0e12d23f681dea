/**
 * What a program may pass to the library as a capture, and the inputs made from it. A stream ends with the run:
 * whatever waits for its next chunk is released at once, and the stream is destroyed or cancelled, as by `for await`.
 */
import { createReadStream, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CaptureError, OptionError } from '../base/errors.ts';
import type { Input } from './capture-info.ts';

/** An async iterable of bytes: a Node Readable, a file handle's stream, an async generator. */
export type ByteIterable = AsyncIterable<Uint8Array>;

/** A web stream, such as `response.body` or `blob.stream()`. */
export interface ByteStream {
  getReader(): {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/** A path (a string or a `file:` URL), the bytes of a capture, or a stream of them; compressed ones are inflated. */
export type Source = string | URL | Uint8Array | ArrayBuffer | ByteIterable | ByteStream;

/** A source with the name that findings, notes and errors use for it. */
export interface NamedSource {
  name: string;
  source: Source;
}

/** Pulls chunks from any kind of stream. `stop` ends it, also while a `pull` is pending. */
interface Puller {
  pull(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  stop(): void;
}

type Opened = (signal: AbortSignal) => Input;

/** Throws an OptionError if `source` is not a source; whether it can be read is found out when it is opened. */
export function inputOf(source: Source | NamedSource, number: number, of: number): Opened {
  const named = isNamed(source);
  const from: unknown = named ? source.source : source;
  const nameOf = (kind: string): string => (named ? source.name : of === 1 ? kind : `${kind} ${number}`);
  if (typeof from === 'string' || from instanceof URL) {
    const path = typeof from === 'string' ? from : pathOf(from);
    const name = named ? source.name : path;
    return signal => (isPipe(path) ? streamed(name, () => pulling(createReadStream(path)), signal) : { name, path });
  }
  const bytes = bytesOf(from);
  if (bytes !== undefined) return () => ({ name: nameOf('buffer'), bytes });
  if (isStream(from)) return signal => streamed(nameOf('stream'), () => pulling(from), signal);
  throw new OptionError(
    'source',
    `a source is a path, bytes, or a stream of bytes, not ${described(from)}${named ? ` (${source.name})` : ''}`,
  );
}

const isNamed = (source: unknown): source is NamedSource =>
  typeof source === 'object' &&
  source !== null &&
  'source' in source &&
  typeof (source as NamedSource).name === 'string';

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new OptionError('source', `${url}: only file: URLs can be read; give the body of a response as a stream`);
  }
}

/** Pipes and devices can be read only once and may be silent for long. If stat fails, opening the path reports why. */
function isPipe(path: string): boolean {
  try {
    const stats = statSync(path);
    return !stats.isFile() && !stats.isDirectory();
  } catch {
    return false;
  }
}

/** Recognises views of other realms (test runners, vm) too. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}

const isWeb = (value: unknown): value is ByteStream => typeof (value as ByteStream).getReader === 'function';

const isStream = (value: unknown): value is ByteIterable | ByteStream =>
  typeof value === 'object' &&
  value !== null &&
  (isWeb(value) || typeof (value as ByteIterable)[Symbol.asyncIterator] === 'function');

function described(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value);
  return `an object of type ${value.constructor?.name ?? 'null'}`;
}

function pulling(stream: ByteIterable | ByteStream): Puller {
  if (isWeb(stream)) {
    const reader = stream.getReader();
    return { pull: () => reader.read(), stop: () => void reader.cancel().catch(ignore) };
  }
  const iterator = stream[Symbol.asyncIterator]();
  return {
    pull: () => iterator.next(),
    stop() {
      // The return() of a waiting Readable's iterator would resolve only when the next chunk comes.
      const { destroy } = stream as { destroy?: unknown };
      if (typeof destroy === 'function') destroy.call(stream);
      iterator.return?.().then(ignore, ignore);
    },
  };
}

const ignore = (): void => {};

const streamed = (name: string, open: () => Puller, signal: AbortSignal): Input => ({
  name,
  stream: chunksOf(name, open, signal),
  signal,
});

/** The stream is opened only when it is read: an error before anybody listens would end the process. */
async function* chunksOf(name: string, open: () => Puller, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const puller = open();
  let release = ignore;
  const stop = (): void => release();
  signal.addEventListener('abort', stop);
  try {
    while (!signal.aborted) {
      const { done, value } = await new Promise<Awaited<ReturnType<Puller['pull']>>>((resolve, reject) => {
        release = () => resolve({ done: true });
        puller.pull().then(resolve, reject);
      });
      if (done) return;
      const chunk = bytesOf(value);
      if (chunk === undefined) {
        throw new CaptureError(
          name,
          `cannot be read: it yields ${typeof value === 'string' ? 'text' : typeof value}, not bytes`,
        );
      }
      yield chunk;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    puller.stop();
  }
}
