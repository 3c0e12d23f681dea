/**
 * The file of a database that is being written. Removing or renaming it causes no error: SQLite goes on writing into a
 * file that nobody can ever read, so it has to be checked.
 */
import { type Stats, statSync } from 'node:fs';

export class DatabaseFile {
  readonly path: string;
  private readonly file: Pick<Stats, 'dev' | 'ino'>;

  /** Call this while the file is open at `path`. */
  constructor(path: string) {
    this.path = path;
    const { dev, ino } = statSync(path);
    this.file = { dev, ino };
  }

  /** The file was removed, renamed or replaced, as far as this process can see. */
  get isGone(): boolean {
    try {
      const { dev, ino } = statSync(this.path);
      return dev !== this.file.dev || ino !== this.file.ino;
    } catch (error) {
      // A directory that the user of -Z may not search says nothing about the file.
      return (error as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }
}
