/** What goes wrong while a live capture goes on, and nobody may have asked for: a sentence on stderr as soon as it is seen. */
import type { InterfaceStatus } from '../capture/live.ts';
import { counted } from '../report/words.ts';
import type { Place } from '../store/place.ts';
import { leftText } from './live-health.ts';

/** Packets that go on being dropped are told so often. */
const DROPS_EVERY_MS = 60_000;

export class LiveAlarms {
  /** Packets dropped so far, of those that have been told. */
  private told = 0;
  private toldAt = Number.NEGATIVE_INFINITY;
  private left = false;

  /** Sentences that are new. `now`: milliseconds of a clock that only goes on. To be called every second or so. */
  look(now: number, interfaces: readonly InterfaceStatus[], database: Place | undefined): string[] {
    return [...this.drops(now, interfaces), ...this.removal(database)];
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
  private removal(database: Place | undefined): string[] {
    if (this.left || !database?.isLeft) return [];
    this.left = true;
    return [leftText(database.path)];
  }
}
