/**
 * Reports on stderr, as soon as it is noticed, what goes wrong during a live capture and what nobody may have asked
 * for.
 */
import type { InterfaceStatus } from '../../capture/live/live.ts';
import { counted } from '../../report/words.ts';
import type { DatabaseFile } from '../../store/database-file.ts';
import { databaseGoneText } from './live-health.ts';

/** Shortest time between two reports of dropped packets. */
const DROPS_EVERY_MS = 60_000;

/** The part of a run that LiveAlarms watches. */
export interface Watched {
  /** Where the database is; undefined in memory. */
  place: DatabaseFile | undefined;
  /** Milliseconds for which nobody has read stdout. */
  stuckFor: number;
}

/** How long a removed database may take to come back: it may only be in the middle of being renamed. */
const GONE_MS = 10_000;
/** A reader that takes nothing for this long is stuck; a slow one takes something in this time. */
export const STUCK_MS = 10_000;

export class LiveAlarms {
  /** The number of dropped packets as last reported. */
  private reportedDrops = 0;
  private reportedAt = Number.NEGATIVE_INFINITY;
  private isReported = false;
  private goneSince = Number.POSITIVE_INFINITY;
  private stuck = false;
  /** The run should end: its findings go into a removed file, where nobody can read them. */
  isOver = false;

  /** New sentences since the last call, to be made about every second. `now`: milliseconds of a monotonic clock. */
  poll(now: number, interfaces: readonly InterfaceStatus[], { place, stuckFor }: Watched): string[] {
    return [...this.drops(now, interfaces), ...this.removal(now, place), ...this.standstill(stuckFor)];
  }

  private drops(now: number, interfaces: readonly InterfaceStatus[]): string[] {
    if (now - this.reportedAt < DROPS_EVERY_MS) return [];
    const dropping = interfaces.filter(one => one.dropped + one.interfaceDropped > 0);
    const total = dropping.reduce((sum, one) => sum + one.dropped + one.interfaceDropped, 0);
    if (total <= this.reportedDrops) return [];
    this.reportedDrops = total;
    this.reportedAt = now;
    return dropping.map(one => `${one.name}: ${counted(one.dropped + one.interfaceDropped, 'packet')} dropped so far`);
  }

  /**
   * Reports once that the database was removed, even if it comes back, since the files that SQLite keeps beside it may
   * be others by then; and ends the run after GONE_MS.
   */
  private removal(now: number, database: DatabaseFile | undefined): string[] {
    if (!database?.isGone) {
      this.goneSince = Number.POSITIVE_INFINITY;
      return [];
    }
    this.goneSince = Math.min(this.goneSince, now);
    if (now - this.goneSince >= GONE_MS && !this.isOver) {
      this.isOver = true;
      return [`${database.path} has not come back: the run ends`];
    }
    if (this.isReported) return [];
    this.isReported = true;
    return [databaseGoneText(database.path)];
  }

  private standstill(stuckFor: number): string[] {
    const before = this.stuck;
    this.stuck = stuckFor >= STUCK_MS;
    return this.stuck && !before ? ['nobody reads standard output: findings wait in the database'] : [];
  }
}
