/**
 * SQLite whose objects are never garbage. From 24.19 on, Node's headers make an object of such an addon abort the
 * process when it is collected while no JavaScript runs, as at the end of a process (node_object_wrap.h;
 * nodejs/node#65446), and better-sqlite3 12 is compiled against them where no binary can be fetched. What can still
 * be reached at the end is deleted by Node in an orderly way. A statement of a closed database costs about 1 KB.
 */
import SQLite from 'better-sqlite3';

const kept: object[] = [];

/** Keeps an object of the addon until the process ends. */
export function keep<T extends object>(object: T): T {
  kept.push(object);
  return object;
}

export class Database extends SQLite {
  /** Those of pragmas that were asked for: some are again and again, as long as a run lasts. */
  private readonly pragmas = new Map<string, SQLite.Statement>();

  constructor(path: string, options?: SQLite.Options) {
    super(path, options);
    keep(this);
  }

  override prepare: SQLite.Database['prepare'] = sql => keep(super.prepare(sql));

  /** The value of a pragma. Those that are set are executed: `exec('PRAGMA …')`. */
  override pragma(source: string): unknown {
    let statement = this.pragmas.get(source);
    if (statement === undefined) {
      statement = this.prepare(`PRAGMA ${source}`).pluck();
      this.pragmas.set(source, statement);
    }
    return statement.get();
  }
}
