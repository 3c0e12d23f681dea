/** The changes of the curve: for each series and time step, how many TIME_WAITs begin minus how many end. */
import { SALT } from '../base/salt.ts';

const WORDS = 4;
const SERIES = 0;
const STEP = 1;
const DELTA = 2;
const HIDDEN = 3;
/** Number of possible steps, which are 32-bit: series * STEPS + step sorts by series, then by step. */
const STEPS = 2 ** 32;

export interface Cell {
  series: number;
  step: number;
  delta: number;
  /** The same for TIME_WAITs that may still be held without being visible. */
  hidden: number;
}

export class CurveCells {
  /** Hash table with open addressing; series 0: empty. */
  private words: Int32Array;
  private mask: number;
  count = 0;

  /** `expected` cells fit before the table must grow. */
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

  /** Visits all cells in arbitrary order. */
  forEach(visit: (series: number, step: number, delta: number, hidden: number) => void): void {
    const { words } = this;
    for (let base = 0; base < words.length; base += WORDS) {
      if (words[base] !== 0) visit(words[base]!, words[base + STEP]!, words[base + DELTA]!, words[base + HIDDEN]!);
    }
  }

  /** All cells, ordered by series and step. */
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

  /** Offset of the cell, or of the place where it belongs. */
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
      // Copied word by word: a view of each cell would be garbage.
      const place = this.place(old[base]!, old[base + STEP]!);
      for (let word = 0; word < WORDS; word++) this.words[place + word] = old[base + word]!;
    }
  }
}
