/**
 * From what was named on the command line to inputs: files, `-`, globs that no shell expanded, folders. Names that
 * were found rather than given are in natural order (cap2 before cap10). A file that is named twice is read once, and it
 * is told.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, createReadStream, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { CaptureError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import type { Input } from '../capture/capture-info.ts';
import { UsageError } from './exit.ts';

/** Bytes where the name is no UTF-8. */
export type Path = string | Buffer;

export const STDIN = '-';

const GLOB = /[*?[\]{}]/;

export const naturalOrder = new Intl.Collator('en', { numeric: true }).compare;

export interface Resolved {
  inputs: Input[];
  /** Names of what had been named before, under whatever name. */
  repeated: string[];
}

/** A pipe that nobody writes to would hold up the end of a run: `signal` ends it. */
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

/** A pipe or device under a name (`<(zcat …)`, a FIFO) can be read once and not sought in: a stream. */
function input(path: Path, stats: Stats | undefined, found: boolean, signal: AbortSignal): Input {
  const name = String(path);
  if (stats?.isFile()) return found ? { name, path, found } : { name, path };
  if (!stats && process.stdin.isTTY) {
    throw new UsageError('standard input is a terminal; pipe a capture into it');
  }
  return { name, stream: bytesOf(name, stats ? () => createReadStream(path) : () => process.stdin, signal), signal };
}

/** Opened when it is read: a stream that fails before anybody listens would end the process. */
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
  return look(name)?.isDirectory() ? capturesIn(name) : matching(name);
}

/** A file as it was named, or what matches a glob. */
export async function matching(name: string): Promise<Path[]> {
  // A file may be called [1].pcap: what exists is not a glob.
  if (!GLOB.test(name) || look(name)) return [name];
  const { glob } = await import('tinyglobby');
  const paths = await glob(name, { absolute: isAbsolute(name), expandDirectories: false });
  if (paths.length === 0) throw new CaptureError(name, 'no file matches; check the pattern and the folder you are in');
  return paths.sort(naturalOrder);
}

/** The captures that lie in a folder itself; a tree is `'folder/**'`, which has to be asked for. */
function capturesIn(folder: string): Path[] {
  const paths = namesIn(folder)
    .sort((a, b) => naturalOrder(String(a), String(b)))
    .map(name => pathOf(folder, name))
    .filter(path => look(path)?.isFile() && isCapture(path));
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

/** A string would not lead back to a name that is no UTF-8. */
export const pathOf = (folder: Path, name: Buffer): Path =>
  typeof folder === 'string' && isUtf8(name)
    ? join(folder, String(name))
    : Buffer.concat([typeof folder === 'string' ? Buffer.from(folder) : folder, Buffer.from('/'), name]);

const EXTENSION = /\.(pcap|pcapng|cap|dmp|ntar)\d*(\.(gz|zst|lz4|xz))?$/i;

/** First bytes of pcap (both byte orders; microseconds, nanoseconds, Kuznetzov) and pcapng. */
const MAGICS = ['a1b2c3d4', 'd4c3b2a1', 'a1b23c4d', '4d3cb2a1', 'a1b2cd34', '34cdb2a1', '0a0d0d0a'];

/** By name or by content: tcpdump -C writes cap1, cap2; an empty cap3.pcap is a capture that must not go unread. */
export const isCapture = (path: Path): boolean => EXTENSION.test(String(path)) || MAGICS.includes(firstBytes(path));

function firstBytes(path: Path): string {
  const bytes = Buffer.alloc(4);
  try {
    const file = openSync(path, 'r');
    const length = readSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
    return bytes.toString('hex', 0, length);
  } catch {
    return ''; // Unreadable and without a capture's name: not counted as one.
  }
}

export function existing(path: Path): Stats {
  const stats = look(path);
  if (!stats) throw new CaptureError(String(path), `there is no such file${beyondFile(String(path))}`);
  return stats;
}

/** Names what is taken for a folder and is none: a forgotten space, a slash too many. */
function beyondFile(path: string): string {
  let above = resolve(path);
  while (!look(above)) above = dirname(above);
  return look(above)?.isDirectory() ? '' : `: ${above} is not a folder`;
}

/** By code: Node 20 throws for a path below a file (ENOTDIR), 24 says undefined when asked not to throw. */
export function look(path: Path): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw cannotOpen(path, error);
  }
}

const cannotOpen = (path: Path, error: unknown): CaptureError =>
  new CaptureError(String(path), `cannot be opened: ${reasonOf(error)}`);
