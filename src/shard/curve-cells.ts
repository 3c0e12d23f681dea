/** The changes of the curve: for each series and time step, how many TIME_WAITs of each kind begin minus how many end. */
import { SALT } from '../base/salt.ts';

const WORDS = 5;
const SERIES = 0;
const STEP = 1;
const OPEN = 2;
const HIDDEN = 3;
const SHOWN = 4;
/** Number of possible steps, which are 32-bit: series * STEPS + step sorts by series, then by step. */
const STEPS = 2 ** 32;

export interface Change {
  /** TIME_WAITs that begin minus those that end. */
  open: number;
  /** The same for TIME_WAITs that may still be held without being visible. */
  hidden: number;
  /** Those among `open` that have shown themselves (time-wait-rows.ts). */
  shown: number;
}

export interface Cell extends Change {
  series: number;
  step: number;
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

  add(series: number, step: number, open: number, hidden: number, shown: number): void {
    const base = this.place(series, step);
    const { words } = this;
    words[base + OPEN] += open;
    words[base + HIDDEN] += hidden;
    words[base + SHOWN] += shown;
    if (words[base + SERIES] !== 0) return;
    words[base + SERIES] = series;
    words[base + STEP] = step;
    if (++this.count * 2 > this.mask) this.grow();
  }

  /** The same changes by steps 2^`shift` times as wide, and with the numbers of series that `numbers` has in their place. */
  coarser(numbers: Int32Array, shift: number): CurveCells {
    const { words } = this;
    const cells = new CurveCells(this.count);
    for (let base = 0; base < words.length; base += WORDS) {
      const series = words[base + SERIES];
      if (series === 0) continue;
      const step = words[base + STEP] >> shift;
      cells.add(numbers[series], step, words[base + OPEN], words[base + HIDDEN], words[base + SHOWN]);
    }
    return cells;
  }

  /** All cells, ordered by series and step. */
  *inOrder(): Generator<Cell> {
    const order = new Float64Array(this.count);
    let next = 0;
    for (let base = 0; base < this.words.length; base += WORDS) {
      const series = this.words[base + SERIES];
      if (series !== 0) order[next++] = series * STEPS + (this.words[base + STEP] + STEPS / 2);
    }
    for (const both of order.sort()) {
      const series = Math.floor(both / STEPS);
      const step = both - series * STEPS - STEPS / 2;
      yield this.cell(this.place(series, step));
    }
  }

  private cell(base: number): Cell {
    const { words } = this;
    return {
      series: words[base + SERIES],
      step: words[base + STEP],
      open: words[base + OPEN],
      hidden: words[base + HIDDEN],
      shown: words[base + SHOWN],
    };
  }

  /** Offset of the cell, or of the place where it belongs. */
  private place(series: number, step: number): number {
    const { words, mask } = this;
    let h = Math.imul(series ^ SALT, 0x9e3779b1) ^ step;
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    let probe = (h ^ (h >>> 13)) & mask;
    for (;;) {
      const base = probe * WORDS;
      const known = words[base + SERIES];
      if (known === 0 || (known === series && words[base + STEP] === step)) return base;
      probe = (probe + 1) & mask;
    }
  }

  private grow(): void {
    const old = this.words;
    this.mask = this.mask * 2 + 1;
    this.words = new Int32Array(old.length * 2);
    for (let base = 0; base < old.length; base += WORDS) {
      if (old[base + SERIES] === 0) continue;
      // Copied word by word: a view of each cell would be garbage.
      const place = this.place(old[base + SERIES], old[base + STEP]);
      for (let word = 0; word < WORDS; word++) this.words[place + word] = old[base + word];
    }
  }
}
