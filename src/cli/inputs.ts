/**
 * Resolves names from the command line to inputs: files, `-`, globs that no shell expanded, folders. Names that were
 * found rather than given come in natural order (cap2 before cap10). A file that is named twice is read once, which is
 * reported.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, createReadStream, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { constants, gunzipSync } from 'node:zlib';
import { CaptureError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import type { Input } from '../capture/capture-info.ts';
import { UsageError } from './exit.ts';

/** A Buffer if the name is not UTF-8. */
export type Path = string | Buffer;

export const STDIN = '-';

const GLOB = /[*?[\]{}]/;

export const naturalOrder = new Intl.Collator('en', { numeric: true }).compare;

export interface Resolved {
  inputs: Input[];
  /** Names of files that an earlier name, perhaps another one, refers to as well. */
  repeated: string[];
}

/** `signal` closes input streams: a pipe that nobody writes to must not delay the end of a run. */
export async function resolveInputs(names: readonly string[], signal: AbortSignal): Promise<Resolved> {
  const inputs: Input[] = [];
  const repeated: string[] = [];
  const seen = new Set<string>();
  for (const given of names) {
    if (given === '') throw new UsageError('the name of a capture is empty; is a variable not set?');
    const paths = given === STDIN ? [STDIN] : await expand(given);
    const isFound = paths.length !== 1 || paths[0] !== given;
    for (const path of paths) {
      const stats = path === STDIN ? undefined : existing(path);
      const identity = stats ? `${stats.dev}:${stats.ino}` : STDIN;
      if (seen.has(identity)) repeated.push(path === STDIN ? 'standard input' : String(path));
      else {
        seen.add(identity);
        inputs.push(input(path, stats, isFound, signal));
      }
    }
  }
  return { inputs, repeated };
}

/**
 * An input for an existing file, or for standard input if `stats` is undefined. A pipe or device that has a name
 * (`<(zcat …)`, a FIFO) can be read only once and not sought, so it is a stream.
 */
function input(path: Path, stats: Stats | undefined, found: boolean, signal: AbortSignal): Input {
  const name = String(path);
  if (stats?.isFile()) return found ? { name, path, found } : { name, path };
  if (!stats && process.stdin.isTTY) {
    throw new UsageError('standard input is a terminal; pipe a capture into it');
  }
  return { name, stream: bytesOf(name, stats ? () => createReadStream(path) : () => process.stdin, signal), signal };
}

/** The stream is opened only when it is read: one that fails before anybody listens would end the process. */
async function* bytesOf(name: string, open: () => Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stream = open();
  const stop = (): unknown => stream.destroy();
  signal.addEventListener('abort', stop);
  try {
    yield* stream;
  } catch (error) {
    if (!signal.aborted) throw new CaptureError(name, `cannot be read: ${reasonOf(error)}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function expand(name: string): Promise<Path[]> {
  return statOf(name)?.isDirectory() ? capturesIn(name) : matching(name);
}

/** The file of that name, or else the files that match it as a glob. */
export async function matching(name: string): Promise<Path[]> {
  // A file may be called [1].pcap, so the name of an existing file is not a glob.
  if (!GLOB.test(name) || statOf(name)) return [name];
  const { glob } = await import('tinyglobby');
  const paths = await glob(name, { absolute: isAbsolute(name), expandDirectories: false });
  if (paths.length === 0) throw new CaptureError(name, 'no file matches; check the pattern and the folder you are in');
  return paths.sort(naturalOrder);
}

/** The captures in the folder itself, not in folders below it; those need `'folder/**'`. */
function capturesIn(folder: string): Path[] {
  const paths = namesIn(folder)
    .sort((a, b) => naturalOrder(String(a), String(b)))
    .map(name => pathOf(folder, name))
    .filter(path => statOf(path)?.isFile() && isCapture(path));
  if (paths.length === 0) {
    throw new CaptureError(folder, `the folder holds no captures; name files, or '${join(folder, '**')}' for a tree`);
  }
  return paths;
}

export function namesIn(folder: Path): Buffer[] {
  try {
    return readdirSync(folder, { encoding: 'buffer' });
  } catch (error) {
    throw cannotOpen(folder, error);
  }
}

/** Joins folder and name. A name that is not UTF-8 stays a Buffer: converted to a string it would name no file. */
export const pathOf = (folder: Path, name: Buffer): Path =>
  typeof folder === 'string' && isUtf8(name)
    ? join(folder, String(name))
    : Buffer.concat([typeof folder === 'string' ? Buffer.from(folder) : folder, Buffer.from('/'), name]);

const EXTENSION = /\.(pcap|pcapng|cap|dmp|ntar)\d*(\.(gz|zst|lz4|xz))?$/i;

/** First bytes of pcap (both byte orders; microseconds, nanoseconds, Kuznetzov) and pcapng. */
const MAGICS = ['a1b2c3d4', 'd4c3b2a1', 'a1b23c4d', '4d3cb2a1', 'a1b2cd34', '34cdb2a1', '0a0d0d0a'];
const GZIP_MAGIC = 0x1f8b;

/** Bytes by which a file is recognised: those of a gzip file begin with a header that may hold the original name. */
const LOOK = 4096;

/**
 * Recognises captures by name or by content: tcpdump -C names them cap1, cap2, its -z gzip cap1.gz, and an empty
 * cap3.pcap has no content but must not be passed over silently.
 */
export const isCapture = (path: Path): boolean => EXTENSION.test(String(path)) || MAGICS.includes(magicOf(path));

/** The first four bytes of a file, inflated if it is a gzip file, in hexadecimal; empty if it cannot be read. */
function magicOf(path: Path): string {
  const bytes = Buffer.alloc(LOOK);
  try {
    const file = openSync(path, 'r');
    const head = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
    closeSync(file);
    // With Z_SYNC_FLUSH the missing rest is no error.
    const isGzip = head.length > 1 && head.readUInt16BE() === GZIP_MAGIC;
    const start = isGzip ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH }) : head;
    return start.toString('hex', 0, 4);
  } catch {
    return ''; // unreadable and not named like a capture: not treated as one
  }
}

export function existing(path: Path): Stats {
  const stats = statOf(path);
  if (!stats) throw new CaptureError(String(path), `there is no such file${beyondFile(String(path))}`);
  return stats;
}

/** Names the file that the path uses as a folder: a forgotten space, a slash too many. Empty if there is none. */
function beyondFile(path: string): string {
  let above = resolve(path);
  while (!statOf(above)) above = dirname(above);
  return statOf(above)?.isDirectory() ? '' : `: ${above} is not a folder`;
}

/**
 * The stats of a path, undefined if it does not exist. Tells the cases apart by error code because `throwIfNoEntry:
 * false` differs: for a path below a file (ENOTDIR) Node 20 throws and Node 24 returns undefined.
 */
export function statOf(path: Path): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw cannotOpen(path, error);
  }
}

const cannotOpen = (path: Path, error: unknown): CaptureError =>
  new CaptureError(String(path), `cannot be opened: ${reasonOf(error)}`);
