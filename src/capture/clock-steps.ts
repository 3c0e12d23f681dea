/** Notes that a capture's clock stepped back. */
import { epochNanos, type Nanos, rfc3339, SECOND, seconds } from '../base/time.ts';
import type { CaptureNote } from './capture-info.ts';
import { RepeatedNotes } from './repeated-notes.ts';

export class ClockSteps {
  private readonly notes: RepeatedNotes;

  constructor(notes: CaptureNote[]) {
    this.notes = new RepeatedNotes(notes, 'clock-step', more => `the clock steps back ${more} more times`);
  }

  /** The clock stepped back before `frame`. `origin` in seconds since the epoch. */
  add(frame: number, from: Nanos, to: Nanos, origin: number): void {
    this.notes.add(() => {
      const [before, after] = [from, to].map(at => rfc3339(epochNanos(origin, at)));
      const text = `the clock steps back by ${stepText(from - to)} at frame ${frame}, from ${before} to ${after}`;
      return { text, frame };
    });
  }
}

const DAY: Nanos = 86_400 * SECOND;

const stepText = (step: Nanos): string => (step < 2 * DAY ? `${seconds(step)} s` : `${Math.round(step / DAY)} days`);
