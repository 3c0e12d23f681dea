/** A file that is written whole or not at all: beside its place, and under its name when it is complete. */
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, openSync, realpathSync, renameSync, rmSync, writeSync } from 'node:fs';
import { look } from './inputs.ts';

const BLOCK = 1 << 20;
const OWNER_ONLY = 0o600;

/** Throws what the system throws; what was there before is there still. */
export function writeWhole(file: string, parts: Iterable<Uint8Array>): void {
  const found = look(file);
  if (found !== undefined && !found.isFile()) {
    // A device or a pipe: what it has been given is gone.
    writeInto(openSync(file, 'w'), parts);
    return;
  }
  const target = found === undefined ? file : realpathSync(file);
  // Not the process id: in a container it may be the same each time, and one that was killed leaves its part behind.
  const unfinished = `${target}.${randomBytes(4).toString('hex')}.part`;
  const fd = openSync(unfinished, 'wx', OWNER_ONLY);
  try {
    writeInto(fd, parts);
    if (found !== undefined) chmodSync(unfinished, found.mode & 0o777);
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

function writeInto(fd: number, parts: Iterable<Uint8Array>): void {
  try {
    for (const block of blocks(parts)) {
      for (let at = 0; at < block.length; ) at += writeSync(fd, block, at);
    }
  } finally {
    closeSync(fd);
  }
}

/** Few large parts in place of many small ones; each is valid until the next is asked for. */
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
