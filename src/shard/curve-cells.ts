/** The changes of the curve: for a series and a step of time the sums of what begins there less what ends. */
import { SALT } from '../base/salt.ts';

const WORDS = 4;
const SERIES = 0;
const STEP = 1;
const DELTA = 2;
const HIDDEN = 3;
/** Steps are 32-bit: series and step make one number that sorts by both. */
const STEPS = 2 ** 32;

export interface Cell {
  series: number;
  step: number;
  delta: number;
  /** The same of TIME_WAITs that may be held unseen. */
  hidden: number;
}

export class CurveCells {
  /** Open addressing; series 0 = empty. */
  private words: Int32Array;
  private mask: number;
  count = 0;

  /** With room for `expected` cells; it grows. */
  constructor(expected = 1024) {
    const places = 2 ** Math.ceil(Math.log2(expected * 2 + 2));
    this.words = new Int32Array(places * WORDS);
    this.mask = places - 1;
  }

  add(series: number, step: number, delta: number, hidden: number): void {
    const base = this.place(series, step);
    const { words } = this;
    if (words[base] !== 0) {
      words[base + DELTA]! += delta;
      words[base + HIDDEN]! += hidden;
      return;
    }
    words[base + SERIES] = series;
    words[base + STEP] = step;
    words[base + DELTA] = delta;
    words[base + HIDDEN] = hidden;
    if (++this.count * 2 > this.mask) this.grow();
  }

  /** In no order. */
  forEach(visit: (series: number, step: number, delta: number, hidden: number) => void): void {
    const { words } = this;
    for (let base = 0; base < words.length; base += WORDS) {
      if (words[base] !== 0) visit(words[base]!, words[base + STEP]!, words[base + DELTA]!, words[base + HIDDEN]!);
    }
  }

  /** Every cell that was ever touched, by series and step. */
  *inOrder(): Generator<Cell> {
    const order = new Float64Array(this.count);
    let next = 0;
    for (let base = 0; base < this.words.length; base += WORDS) {
      const series = this.words[base + SERIES]!;
      if (series !== 0) order[next++] = series * STEPS + (this.words[base + STEP]! + STEPS / 2);
    }
    for (const both of order.sort()) {
      const series = Math.floor(both / STEPS);
      const step = both - series * STEPS - STEPS / 2;
      const base = this.place(series, step);
      yield { series, step, delta: this.words[base + DELTA]!, hidden: this.words[base + HIDDEN]! };
    }
  }

  /** Where the cell is, or would be. */
  private place(series: number, step: number): number {
    const { words, mask } = this;
    let h = Math.imul(series ^ SALT, 0x9e3779b1) ^ step;
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    let probe = (h ^ (h >>> 13)) & mask;
    for (;;) {
      const base = probe * WORDS;
      const known = words[base + SERIES]!;
      if (known === 0 || (known === series && words[base + STEP] === step)) return base;
      probe = (probe + 1) & mask;
    }
  }

  private grow(): void {
    const old = this.words;
    this.mask = this.mask * 2 + 1;
    this.words = new Int32Array(old.length * 2);
    for (let base = 0; base < old.length; base += WORDS) {
      if (old[base] === 0) continue;
      // Word by word: a view of each cell to copy would be garbage.
      const place = this.place(old[base]!, old[base + STEP]!);
      for (let word = 0; word < WORDS; word++) this.words[place + word] = old[base + word]!;
    }
  }
}
