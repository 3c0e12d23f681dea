/** Whether a live capture can be relied on, and why not. */
import type { InterfaceStatus } from '../capture/live.ts';
import { counted } from '../report/words.ts';
import type { DatabaseFile } from '../store/database-file.ts';

/** Dropped packets are trouble for so long. */
const MEMORY_MS = 60_000;
/** The analysis goes on every second, with packets or with time. A thread that is busy for longer than this hangs. */
const STANDSTILL_MS = 30_000;

export class LiveHealth {
  /** What kernel and cards had dropped when it was looked at; the first one is at least a minute old, once there is such a one. */
  private readonly looks: { at: number; dropped: number }[] = [];
  private reached = { until: Number.NEGATIVE_INFINITY, at: Number.NaN, now: Number.NaN };
  private database: DatabaseFile | undefined;

  /** The database is open, and has to stay; not called for one in memory. */
  keep(database: DatabaseFile): void {
    this.database = database;
  }

  /** `now`: milliseconds of a clock that only goes on. To be called every few seconds, and before `troubles`. */
  look(now: number, interfaces: readonly InterfaceStatus[]): void {
    const { looks } = this;
    looks.push({ at: now, dropped: interfaces.reduce((sum, one) => sum + one.dropped + one.interfaceDropped, 0) });
    while (looks.length > 1 && looks[1]!.at <= now - MEMORY_MS) looks.shift();
  }

  /** The analysis has come as far as `until`; to be told as often as `look`. */
  reach(now: number, until: number): void {
    const at = until === this.reached.until ? this.reached.at : now;
    this.reached = { until, at, now };
  }

  /** A sentence each. */
  troubles(interfaces: readonly InterfaceStatus[]): string[] {
    const troubles = interfaces
      .filter(({ state }) => state !== 'capturing')
      .map(({ name, state }) => `${name} is ${state}: nothing is captured there`);
    const { looks } = this;
    const dropped = looks.length === 0 ? 0 : looks.at(-1)!.dropped - looks[0]!.dropped;
    if (dropped > 0) troubles.push(`${counted(dropped, 'packet')} dropped in the last minute`);
    const { at, now } = this.reached;
    const still = now - at;
    if (still >= STANDSTILL_MS) troubles.push(`the analysis has stood still for ${(still / 1e3).toFixed(0)} s`);
    return [...troubles, ...this.databaseTrouble()];
  }

  private databaseTrouble(): string[] {
    const { database } = this;
    return database?.isLeft ? [leftText(database.path)] : [];
  }
}

/** Of a database that goes on being written; a write that fails ends the run. */
export const leftText = (path: string): string =>
  `${path} was removed or replaced: findings are written where nobody can read them; start again`;
