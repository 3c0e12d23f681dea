/** The files that a run's packets are in, and the care that no output takes the place of one, or of the database. */
import { statSync } from 'node:fs';
import type { CaptureRow } from '../store/rows.ts';
import { UsageError } from './exit.ts';

/** The files that hold the packets of a capture. */
export const keptIn = ({ source, format, note }: CaptureRow): string[] =>
  format === 'live' ? note.flatMap(({ files = [] }) => files) : [source];

/** `output` is a path, or - for standard output. Two names of one file are one. */
export function refuseOverwriting(output: string, database: string, captures: readonly CaptureRow[]): void {
  const target = output === '-' ? undefined : statSync(output, { throwIfNoEntry: false });
  if (target === undefined) return;
  const isTarget = (file: string): boolean => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found?.ino === target.ino && found.dev === target.dev;
  };
  const is = ['', '-wal', '-shm'].some(suffix => isTarget(database + suffix))
    ? 'the database that is read'
    : captures.some(capture => keptIn(capture).some(isTarget)) && 'a capture that the run read';
  if (is) throw new UsageError(`${output} is ${is}, and would be overwritten; name another file`);
}
