/** Whether a live capture can be relied on, and if not, why. */
import type { InterfaceStatus } from '../../capture/live/live.ts';
import { counted } from '../../report/words.ts';
import type { DatabaseFile } from '../../store/database-file.ts';

/** How long dropped packets count as trouble. */
const MEMORY_MS = 60_000;
/**
 * The analysis advances every second, with packets or with time alone. A thread that is busy for longer than this
 * hangs.
 */
const STANDSTILL_MS = 30_000;

export class LiveHealth {
  /**
   * Totals of packets dropped by kernel and network cards, one for each call of `sample`. The first is at least a minute
   * old, once any is.
   */
  private readonly samples: { at: number; dropped: number }[] = [];
  private reached = { until: Number.NEGATIVE_INFINITY, at: Number.NaN, now: Number.NaN };
  private database: DatabaseFile | undefined;

  /** From now on the database file must stay in place. Not called for a database in memory. */
  watch(database: DatabaseFile): void {
    this.database = database;
  }

  /**
   * Records the dropped packets. Call it every few seconds and before `troubles`. `now`: milliseconds of a monotonic
   * clock.
   */
  sample(now: number, interfaces: readonly InterfaceStatus[]): void {
    const { samples } = this;
    samples.push({ at: now, dropped: interfaces.reduce((sum, one) => sum + one.dropped + one.interfaceDropped, 0) });
    while (samples.length > 1 && samples[1].at <= now - MEMORY_MS) samples.shift();
  }

  /** Records that the analysis has reached the instant `until`. Call it as often as `sample`. */
  reach(now: number, until: number): void {
    const at = until === this.reached.until ? this.reached.at : now;
    this.reached = { until, at, now };
  }

  /** Why the capture cannot be relied on, one sentence for each reason; empty if it can. */
  troubles(interfaces: readonly InterfaceStatus[]): string[] {
    const troubles = interfaces
      .filter(({ state }) => state !== 'capturing')
      .map(({ name, state }) => `${name} is ${state}: nothing is captured there`);
    const { samples } = this;
    const dropped = samples.length === 0 ? 0 : samples.at(-1)!.dropped - samples[0].dropped;
    if (dropped > 0) troubles.push(`${counted(dropped, 'packet')} dropped in the last minute`);
    const { at, now } = this.reached;
    const still = now - at;
    if (still >= STANDSTILL_MS) troubles.push(`the analysis has stood still for ${(still / 1e3).toFixed(0)} s`);
    return [...troubles, ...this.databaseTrouble()];
  }

  private databaseTrouble(): string[] {
    const { database } = this;
    return database?.isGone ? [databaseGoneText(database.path)] : [];
  }
}

/**
 * Message for a removed database that is still being written; removal causes no error. A write that fails ends the run.
 */
export const databaseGoneText = (path: string): string =>
  `${path} was removed or replaced: findings are written where nobody can read them; start again`;
