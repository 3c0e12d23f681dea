/**
 * The ids of the findings stored in a run. One event has one id; if it is reported twice (a capture that was given
 * under two names, or that was joined to itself), the first finding stays. The ids are kept in memory because a key of
 * the table would cost more than anything else about it. In a run of weeks only the last quarter of a million or more
 * are kept.
 */
const FEWEST_SLOTS = 1 << 10;
const MOST_SLOTS = 1 << 19;
const MOST_FORGOTTEN = 1 << 12;

export class StoredIds {
  private ids = new IdSet(FEWEST_SLOTS);
  private before = new IdSet(FEWEST_SLOTS);

  /** Ids of removed findings, bounded; and all ids whose insertion was rolled back, which will be inserted again. */
  private readonly forgotten = new Set<string>();
  private readonly rolledBack = new Set<string>();

  /** True the first time. Ids are 16 hexadecimal digits. */
  isNew(id: string): boolean {
    if (this.rolledBack.size > 0 && this.rolledBack.delete(id)) return true;
    if (this.forgotten.size > 0 && this.forgotten.delete(id)) return true;
    const high = word(id, 0);
    const low = word(id, 8);
    if (this.before.has(high, low) || !this.ids.add(high, low)) return false;
    if (this.ids.full) {
      if (this.ids.slots < MOST_SLOTS) this.ids = this.ids.grown();
      else {
        this.before = this.ids;
        this.ids = new IdSet(FEWEST_SLOTS);
      }
    }
    return true;
  }

  /** The insertion of this id was rolled back. */
  rollBack(id: string): void {
    this.rolledBack.add(id);
  }

  /** Treats this id as new again. */
  forget(id: string): void {
    this.forgotten.add(id);
    // Bounded, since some ids never come again; most do at once.
    if (this.forgotten.size > MOST_FORGOTTEN) this.forgotten.delete(this.forgotten.values().next().value!);
  }
}

/** Converts eight hexadecimal digits, '0' … '9' and 'a' … 'f', to 32 bits. */
function word(id: string, from: number): number {
  let value = 0;
  for (let i = from; i < from + 8; i++) {
    const code = id.charCodeAt(i);
    value = (value << 4) | ((code & 15) + (code > 57 ? 9 : 0));
  }
  return value;
}

/**
 * A hash set with open addressing over pairs of 32-bit words; a slot of two zeros is free. Ids are hashes already, so
 * their low bits select the slot.
 */
class IdSet {
  readonly slots: number;
  private readonly words: Int32Array;
  private count = 0;
  private hasZero = false;

  constructor(slots: number) {
    this.slots = slots;
    this.words = new Int32Array(slots * 2);
  }

  get full(): boolean {
    return this.count >= this.slots >> 1;
  }

  has(high: number, low: number): boolean {
    return (high | low) === 0 ? this.hasZero : this.isAt(this.find(high, low), high, low);
  }

  /** False if it was there already. */
  add(high: number, low: number): boolean {
    if ((high | low) === 0) {
      const isNew = !this.hasZero;
      this.hasZero = true;
      return isNew;
    }
    const at = this.find(high, low);
    if (this.isAt(at, high, low)) return false;
    this.words[at] = high;
    this.words[at + 1] = low;
    this.count++;
    return true;
  }

  grown(): IdSet {
    const larger = new IdSet(this.slots * 2);
    larger.hasZero = this.hasZero;
    for (let at = 0; at < this.words.length; at += 2) {
      const high = this.words[at];
      const low = this.words[at + 1];
      if ((high | low) !== 0) larger.add(high, low);
    }
    return larger;
  }

  /** The index of the pair, or of the free slot where it belongs. */
  private find(high: number, low: number): number {
    const mask = this.slots - 1;
    let at = (low & mask) << 1;
    while ((this.words[at] | this.words[at + 1]) !== 0 && !this.isAt(at, high, low)) at = (at + 2) & (2 * mask + 1);
    return at;
  }

  private isAt(at: number, high: number, low: number): boolean {
    return this.words[at] === high && this.words[at + 1] === low;
  }
}
