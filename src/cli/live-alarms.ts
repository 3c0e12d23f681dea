/** What goes wrong while a live capture goes on, and nobody may have asked for: a sentence on stderr as soon as it is seen. */
import type { InterfaceStatus } from '../capture/live.ts';
import { counted } from '../report/words.ts';
import type { DatabaseFile } from '../store/database-file.ts';
import { leftText } from './live-health.ts';

/** Packets that go on being dropped are told so often. */
const DROPS_EVERY_MS = 60_000;

/** What of a run they look at. */
export interface Watched {
  /** Of the database, where it is a file. */
  place: DatabaseFile | undefined;
  /** For so many milliseconds nobody has read stdout. */
  stuckFor: number;
}

/** A database that is renamed may be on its way back. */
const LEFT_MS = 10_000;
/** A reader who is slow takes something in such a time. */
export const STUCK_MS = 10_000;

export class LiveAlarms {
  /** Packets dropped so far, of those that have been told. */
  private told = 0;
  private toldAt = Number.NEGATIVE_INFINITY;
  private left = false;
  private leftAt = Number.POSITIVE_INFINITY;
  private stuck = false;
  /** To go on is of no use: what is found goes where nobody can read it. */
  isOver = false;

  /** Sentences that are new. `now`: milliseconds of a clock that only goes on. To be called every second or so. */
  look(now: number, interfaces: readonly InterfaceStatus[], { place, stuckFor }: Watched): string[] {
    return [...this.drops(now, interfaces), ...this.removal(now, place), ...this.standstill(stuckFor)];
  }

  private drops(now: number, interfaces: readonly InterfaceStatus[]): string[] {
    if (now - this.toldAt < DROPS_EVERY_MS) return [];
    const dropping = interfaces.filter(one => one.dropped + one.interfaceDropped > 0);
    const total = dropping.reduce((sum, one) => sum + one.dropped + one.interfaceDropped, 0);
    if (total <= this.told) return [];
    this.told = total;
    this.toldAt = now;
    return dropping.map(one => `${one.name}: ${counted(one.dropped + one.interfaceDropped, 'packet')} dropped so far`);
  }

  /** Once, also where it comes back: what SQLite has beside it may not be what it was. */
  private removal(now: number, database: DatabaseFile | undefined): string[] {
    if (!database?.isLeft) {
      this.leftAt = Number.POSITIVE_INFINITY;
      return [];
    }
    this.leftAt = Math.min(this.leftAt, now);
    if (now - this.leftAt >= LEFT_MS && !this.isOver) {
      this.isOver = true;
      return [`${database.path} has not come back: the run ends`];
    }
    if (this.left) return [];
    this.left = true;
    return [leftText(database.path)];
  }

  private standstill(stuckFor: number): string[] {
    const before = this.stuck;
    this.stuck = stuckFor >= STUCK_MS;
    return this.stuck && !before ? ['nobody reads standard output: findings wait in the database'] : [];
  }
}
