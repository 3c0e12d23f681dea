/**
 * Writes messages to stderr, and data to stdout at the pace of its reader: pieces are gathered into blocks, and the
 * next block waits until the previous one has been taken. If the reader goes away (`| head`), the output ends quietly.
 */
import type { Writable } from 'node:stream';
import { PawscopeError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import { printable } from '../report/printable.ts';

const BLOCK = 64 << 10;

export function say(sentences: readonly string[]): void {
  for (const sentence of sentences) process.stderr.write(`pawscope: ${printable(sentence)}\n`);
}

export async function writeOut(pieces: Iterable<string>, stream: Writable = process.stdout): Promise<void> {
  let block = '';
  for (const piece of pieces) {
    block += piece;
    if (block.length < BLOCK) continue;
    if (!(await write(stream, block))) return;
    block = '';
  }
  await write(stream, block);
}

let abandoned = false;

/** Nobody takes what is left in stdout: it must not keep the process from ending. */
export function abandonOutput(): void {
  abandoned = true;
}

export const isAbandoned = (): boolean => abandoned;

/** Resolves to false when the reader has gone. */
export function write(stream: Writable, text: string | Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed || stream.errored) return resolve(false);
    stream.write(text, error => {
      if (!error) return resolve(true);
      const failure = writeFailure(error);
      if (failure === undefined) resolve(false);
      else reject(failure);
    });
  });
}

/** The reason why stdout cannot be written; undefined if its reader has gone, which is no failure. */
export const writeFailure = (error: NodeJS.ErrnoException): PawscopeError | undefined =>
  isGone(error) ? undefined : new PawscopeError(`standard output cannot be written: ${reasonOf(error)}`);

const isGone = (error: NodeJS.ErrnoException): boolean =>
  error.code === 'EPIPE' ||
  error.code === 'ERR_STREAM_DESTROYED' ||
  error.code === 'ECONNRESET' ||
  // A terminal that was closed gives EIO.
  (error.code === 'EIO' && process.stdout.isTTY);

/** `write` reports the errors of the streams; without a listener for them they would end the process. */
export function quietStreams(): void {
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
}
