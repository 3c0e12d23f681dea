/** The files that hold a run's packets, and the check that an output overwrites neither them nor the database. */
import { type Stats, statSync } from 'node:fs';
import type { CaptureRow } from '../store/rows.ts';
import { UsageError } from './exit.ts';
import { statOf } from './inputs.ts';

/** The files that hold the packets of a capture. */
export const keptIn = ({ source, format, note }: CaptureRow): string[] =>
  format === 'live' ? note.flatMap(({ files = [] }) => files) : [source];

/** A file that cannot be looked at, perhaps not there any more, is none that could be overwritten. */
function statIfPossible(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

/**
 * Throws a UsageError if `output` (a path, or - for standard output) is empty, or writing it would overwrite the database
 * or one of the captures. Files are compared by device and inode, so a second name of the same file is recognised.
 */
export function refuseOverwriting(output: string, database: string, captures: readonly CaptureRow[]): void {
  if (output === '') throw new UsageError('the name of the output file is empty; is a variable not set?');
  const target = output === '-' ? undefined : statOf(output);
  if (target === undefined) return;
  const isTarget = (file: string): boolean => {
    const found = statIfPossible(file);
    return found?.ino === target.ino && found.dev === target.dev;
  };
  const is = ['', '-wal', '-shm'].some(suffix => isTarget(database + suffix))
    ? 'the database that is read'
    : captures.some(capture => keptIn(capture).some(isTarget)) && 'a capture that the run read';
  if (is) throw new UsageError(`${output} is ${is}, and would be overwritten; name another file`);
}
