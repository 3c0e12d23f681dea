/** The notes on a capture's clock stepping back: the first ones each, the rest as a sum. */
import { epochNanos, type Nanos, rfc3339, seconds } from '../base/time.ts';
import type { CaptureNote } from './capture-info.ts';

/** Clock steps told one by one. */
const MAX_STEP_NOTES = 20;

export class ClockSteps {
  private readonly notes: CaptureNote[];
  private count = 0;
  private rest: CaptureNote | undefined;

  constructor(notes: CaptureNote[]) {
    this.notes = notes;
  }

  /** The clock stepped back before `frame`. `origin` in seconds since the epoch. */
  add(frame: number, from: Nanos, to: Nanos, origin: number): void {
    this.count++;
    if (this.count <= MAX_STEP_NOTES) {
      const [before, after] = [from, to].map(at => rfc3339(epochNanos(origin, at)));
      const text = `the clock steps back by ${seconds(from - to)} s at frame ${frame}, from ${before} to ${after}`;
      this.notes.push({ kind: 'clock-step', text, frame });
      return;
    }
    if (this.rest === undefined) this.notes.push((this.rest = { kind: 'clock-step', text: '', count: 0 }));
    this.rest.count = this.count - MAX_STEP_NOTES;
    this.rest.text = `the clock steps back ${this.rest.count} times more`;
  }
}
