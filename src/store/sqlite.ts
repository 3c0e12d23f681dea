/**
 * SQLite whose objects are never garbage-collected. From Node 24.19 on, its headers make an object of such an addon
 * abort the process when it is collected while no JavaScript runs, as at the end of a process (node_object_wrap.h;
 * nodejs/node#65446), and better-sqlite3 12 is compiled against them where no prebuilt binary can be fetched. Objects
 * that are still reachable at the end are destroyed by Node in an orderly way. A statement of a closed database takes
 * about 1 KB.
 */
import SQLite from 'better-sqlite3';

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
    super(path, options);
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
