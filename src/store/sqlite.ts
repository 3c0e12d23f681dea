/**
 * SQLite whose objects are never garbage-collected. From Node 24.19 on, its headers make an object of such an addon
 * abort the process when it is collected while no JavaScript runs, as at the end of a process (node_object_wrap.h;
 * nodejs/node#65446), and better-sqlite3 12 is compiled against them where no prebuilt binary can be fetched. Objects
 * that are still reachable at the end are destroyed by Node in an orderly way. A statement of a closed database takes
 * about 1 KB.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import SQLite from 'better-sqlite3';
import { StoreError } from '../base/errors.ts';

const kept: object[] = [];

/** Keeps an object of the addon reachable until the process ends. */
export function keepReachable<T extends object>(object: T): T {
  kept.push(object);
  return object;
}

export class Database extends SQLite {
  /** Statements for pragmas that were read, as some are read repeatedly throughout a run. */
  private readonly pragmas = new Map<string, SQLite.Statement>();

  constructor(path: string, options?: SQLite.Options) {
    try {
      super(path, options);
    } catch (error) {
      throw notLoaded(error as NodeJS.ErrnoException) ?? error;
    }
    keepReachable(this);
  }

  override prepare: SQLite.Database['prepare'] = sql => keepReachable(super.prepare(sql));

  /** The value of a pragma. To set one, use `exec('PRAGMA …')`. */
  override pragma(source: string): unknown {
    let statement = this.pragmas.get(source);
    if (statement === undefined) {
      statement = this.prepare(`PRAGMA ${source}`).pluck();
      this.pragmas.set(source, statement);
    }
    return statement.get();
  }
}

/** Its binary is loaded with the first database. Undefined if the error is not about that. */
function notLoaded({ code, message }: NodeJS.ErrnoException): StoreError | undefined {
  const isMissing = message.startsWith('Could not locate the bindings file');
  if (!isMissing && code !== 'ERR_DLOPEN_FAILED') return undefined;
  const why = isMissing
    ? 'it was not compiled at installation'
    : message.includes('NODE_MODULE_VERSION')
      ? 'it was compiled for another version of Node'
      : message.split('\n', 1)[0];
  const folder = dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json'));
  return new StoreError(
    `SQLite cannot be loaded: ${why}; "npm run install --prefix ${folder}" fetches or compiles its binary`,
  );
}
