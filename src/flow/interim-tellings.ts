/**
 * Live, nobody waits for the end of a story: a moment after it began, and after each time that it went on, it is told
 * as it stands. Most are over by then, and are told once.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import type { StoryPlace } from './story.ts';

/** What one exchange of packets changes is one change. With what a silent link is behind, it stays below two seconds. */
const LOOK_AFTER: Nanos = 250 * MILLISECOND;

interface Look {
  place: StoryPlace;
  at: Nanos;
}

export class InterimTellings {
  private looks: Look[] = [];
  private head = 0;

  /** The story at `place` has begun or gone on at `now`. */
  add(place: StoryPlace, now: Nanos): void {
    if (place.awaitsLook) return;
    place.awaitsLook = true;
    this.looks.push({ place, at: now + LOOK_AFTER });
  }

  clear(): void {
    this.looks = [];
    this.head = 0;
  }

  /** One that is due at `now`, if there is any; it may be closed. */
  take(now: Nanos): StoryPlace | undefined {
    const look = this.looks[this.head];
    if (look === undefined || look.at > now) return undefined;
    this.head++;
    if (this.head === this.looks.length || this.head > 1024) {
      this.looks = this.looks.slice(this.head);
      this.head = 0;
    }
    look.place.awaitsLook = false;
    return look.place;
  }
}

/** The story at `place` has gone on at `now`. */
export function wentOn(place: StoryPlace | undefined, now: Nanos): void {
  if (place?.looks !== undefined) place.looks.add(place, now);
}
