/**
 * Who sends next: a ring of ticks, each with a list of connection slots linked through their first word. Putting in
 * and taking out cost the same however many connections are open.
 */

/** µs. */
export const TICK = 16;
const TICKS = 1 << 20;
/** Delays beyond this, 16 s, come up early. */
const FURTHEST = TICKS - 1;

export class Schedule {
  private readonly heads = new Int32Array(TICKS).fill(-1);
  tick = 0;

  /** Slot `base` of `words` shall send `delay` ticks from now, at least one. */
  add(words: Int32Array, base: number, delay: number): void {
    const at = (this.tick + Math.max(1, Math.min(delay, FURTHEST))) & (TICKS - 1);
    words[base] = this.heads[at]!;
    this.heads[at] = base;
  }

  /** The first of the slots that are due; the others hang on its first word. -1 when there is none. */
  take(): number {
    const at = this.tick & (TICKS - 1);
    const head = this.heads[at]!;
    this.heads[at] = -1;
    return head;
  }
}
