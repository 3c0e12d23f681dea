/** One note of how often and for how long an interface was down during the capture, updated each time. */
import { rfc3339 } from '../../base/time.ts';
import type { CaptureNote } from '../capture-info.ts';

export class DownTimes {
  /** Undefined until the interface is down for the first time. */
  note: CaptureNote | undefined;
  private times = 0;
  private totalMs = 0;
  private since: number | undefined;

  /** The interface is down since `now`, milliseconds since the epoch. Returns true the first time: the note is new. */
  begin(now: number): boolean {
    this.since = now;
    this.times++;
    const isFirst = this.note === undefined;
    this.note ??= { kind: 'source-down', text: '' };
    const nth = this.times === 1 ? '' : ` (${ordinal(this.times)} time)`;
    this.note.text = `the interface has been down since ${instant(now)}${nth}: nothing is captured`;
    this.note.count = this.times;
    return isFirst;
  }

  end(now: number): void {
    if (this.since === undefined || this.note === undefined) return;
    const lasted = now - this.since;
    this.totalMs += lasted;
    const last = `for ${inSeconds(lasted)} from ${instant(this.since)}`;
    this.note.text =
      this.times === 1
        ? `nothing was captured ${last}: the interface was down`
        : `nothing was captured for ${inSeconds(this.totalMs)} in all: the interface was down ${this.times} times, the last time ${last}`;
    this.since = undefined;
  }
}

const instant = (ms: number): string => rfc3339(BigInt(Math.floor(ms)) * 1_000_000n);
const inSeconds = (ms: number): string => `${(ms / 1e3).toFixed(1)} s`;

const ENDINGS = ['th', 'st', 'nd', 'rd'];

function ordinal(n: number): string {
  const teens = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${(teens ? undefined : ENDINGS[n % 10]) ?? 'th'}`;
}
