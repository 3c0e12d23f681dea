/**
 * Which connection sends next: a ring of ticks, each with a list of connection slots linked through their first word.
 * Adding and taking cost the same however many connections are open.
 */

/** Length of a tick in µs. */
export const TICK = 16;
const TICKS = 1 << 20;
/** Longest delay in ticks, 16 s; longer ones are shortened to it. */
const FURTHEST = TICKS - 1;

export class Schedule {
  private readonly heads = new Int32Array(TICKS).fill(-1);
  tick = 0;

  /** Schedules slot `base` of `words` to send in `delay` ticks, at least one. */
  add(words: Int32Array, base: number, delay: number): void {
    const at = (this.tick + Math.max(1, Math.min(delay, FURTHEST))) & (TICKS - 1);
    words[base] = this.heads[at];
    this.heads[at] = base;
  }

  /** Removes and returns the first slot that is due; its first word links to the others. -1 when there is none. */
  take(): number {
    const at = this.tick & (TICKS - 1);
    const head = this.heads[at];
    this.heads[at] = -1;
    return head;
  }
}
