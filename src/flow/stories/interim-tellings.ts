/**
 * During live capture a story is not only reported at its end: it is also reported a moment after it began, and a moment
 * after each change. Most stories are over by then and are reported once.
 */
import { MILLISECOND, type Nanos } from '../../base/time.ts';
import type { StoryPlace } from './story.ts';

/**
 * Long enough that the packets of one exchange make one change. Together with the delay on a silent link, a report comes
 * within two seconds.
 */
const LOOK_AFTER: Nanos = 250 * MILLISECOND;

interface Look {
  place: StoryPlace;
  at: Nanos;
}

export class InterimTellings {
  private looks: Look[] = [];
  private head = 0;

  /** The story at `place` has begun or changed at `now`. */
  add(place: StoryPlace, now: Nanos): void {
    if (place.awaitsLook) return;
    place.awaitsLook = true;
    this.looks.push({ place, at: now + LOOK_AFTER });
  }

  clear(): void {
    this.looks = [];
    this.head = 0;
  }

  /** The next place that is due at `now`, or undefined; its story may be closed. */
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

/** To be called when the story at `place` has changed at `now`. */
export function wentOn(place: StoryPlace | undefined, now: Nanos): void {
  if (place?.looks !== undefined) place.looks.add(place, now);
}
