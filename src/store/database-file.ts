/**
 * A database that is being written has to stay where it is. What does not fail is writing into a file that has been removed:
 * SQLite goes on, and nobody will ever read it.
 */
import { type Stats, statSync } from 'node:fs';

export class DatabaseFile {
  readonly path: string;
  private readonly file: Pick<Stats, 'dev' | 'ino'>;

  /** The file is open at `path`. */
  constructor(path: string) {
    this.path = path;
    const { dev, ino } = statSync(path);
    this.file = { dev, ino };
  }

  /** The file was removed, renamed or replaced, as far as can be seen. */
  get isLeft(): boolean {
    try {
      const { dev, ino } = statSync(this.path);
      return dev !== this.file.dev || ino !== this.file.ino;
    } catch (error) {
      // A folder that the user of -Z may not search says nothing about the file.
      return (error as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }
}
