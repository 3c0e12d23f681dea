/** Writes a file completely or not at all: to a temporary name beside it, then renamed when it is complete. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { statOf } from './inputs.ts';

const BLOCK = 1 << 20;
const OWNER_ONLY = 0o600;

/**
 * Throws what the system throws; the previous file then still exists, with its owner and mode. If no file can be
 * created in the folder, the existing file is overwritten in place, as a shell's `>` does.
 */
export function writeWhole(file: string, parts: Iterable<Uint8Array>): void {
  const found = statOf(file);
  const isReplaced = (found === undefined || found.isFile()) && replace(file, found, parts);
  // Devices and pipes are written directly, too.
  if (isReplaced) return;
  const fd = openSync(file, 'w');
  closing(fd, () => writeAll(fd, parts));
}

/** False if no file can be created beside an existing one; `parts` has not been consumed then. */
function replace(file: string, found: Stats | undefined, parts: Iterable<Uint8Array>): boolean {
  const target = found === undefined ? file : realpathSync(file);
  // Not the process id: in a container it may be the same each time, and a killed process leaves its temporary file
  // behind.
  const unfinished = `${target}.${randomBytes(4).toString('hex')}.part`;
  let fd: number;
  try {
    fd = openSync(unfinished, 'wx', OWNER_ONLY);
  } catch (error) {
    if (found !== undefined && UNWRITABLE.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
  try {
    closing(fd, () => {
      writeAll(fd, parts);
      if (found !== undefined) inherit(fd, found);
      // Otherwise a crash of the machine may leave an empty file under the name.
      fsyncSync(fd);
    });
    renameSync(unfinished, target);
    return true;
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

const UNWRITABLE: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS']);

function inherit(fd: number, { uid, gid, mode }: Stats): void {
  try {
    fchownSync(fd, uid, gid);
  } catch {
    // Only root can give files away; any other user who replaces a file becomes its owner.
  }
  fchmodSync(fd, mode & 0o777);
}

function closing(fd: number, work: () => void): void {
  try {
    work();
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, parts: Iterable<Uint8Array>): void {
  for (const block of blocks(parts)) {
    for (let at = 0; at < block.length; ) at += writeSync(fd, block, at);
  }
}

/** Joins many small parts into few large blocks. Each is valid until the next one is requested. */
export function* blocks(parts: Iterable<Uint8Array>): Generator<Uint8Array> {
  const block = new Uint8Array(BLOCK);
  let filled = 0;
  for (const part of parts) {
    if (filled + part.length > BLOCK) {
      yield block.subarray(0, filled);
      filled = 0;
    }
    if (part.length > BLOCK) yield part;
    else {
      block.set(part, filled);
      filled += part.length;
    }
  }
  yield block.subarray(0, filled);
}
