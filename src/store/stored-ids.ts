/**
 * One event has one id. Should it be told twice (a capture that was given under two names, or that was joined to
 * itself), the first telling stays. The ids of a run are remembered here, because a key of the table would be the
 * dearest thing about it; of a run that goes on for weeks, the last quarter of a million or more.
 */
const FEWEST_SLOTS = 1 << 10;
const MOST_SLOTS = 1 << 19;
const MOST_FORGOTTEN = 1 << 12;

export class StoredIds {
  private ids = new IdSet(FEWEST_SLOTS);
  private before = new IdSet(FEWEST_SLOTS);

  /** Of those that were taken back, the ids; and of those whose telling was undone, which come again, all of them. */
  private readonly forgotten = new Set<string>();
  private readonly untold = new Set<string>();

  /** True the first time. Ids are 16 hexadecimal digits. */
  isNew(id: string): boolean {
    if (this.untold.size > 0 && this.untold.delete(id)) return true;
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

  /** Its telling was undone. */
  isUntold(id: string): void {
    this.untold.add(id);
  }

  /** It is new once more. */
  forget(id: string): void {
    this.forgotten.add(id);
    // Most come again at once; of the others some never do.
    if (this.forgotten.size > MOST_FORGOTTEN) this.forgotten.delete(this.forgotten.values().next().value!);
  }
}

/** Eight digits; '0' … '9' and 'a' … 'f' in four bits each. */
function word(id: string, from: number): number {
  let value = 0;
  for (let i = from; i < from + 8; i++) {
    const code = id.charCodeAt(i);
    value = (value << 4) | ((code & 15) + (code > 57 ? 9 : 0));
  }
  return value;
}

/** Open addressing over pairs of words; a slot of two zeros is free. Ids are hashes, so their bits are the slot. */
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

  /** False when it was there. */
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
      const high = this.words[at]!;
      const low = this.words[at + 1]!;
      if ((high | low) !== 0) larger.add(high, low);
    }
    return larger;
  }

  /** Where it stands, or the free slot where it would. */
  private find(high: number, low: number): number {
    const mask = this.slots - 1;
    let at = (low & mask) << 1;
    while ((this.words[at]! | this.words[at + 1]!) !== 0 && !this.isAt(at, high, low)) at = (at + 2) & (2 * mask + 1);
    return at;
  }

  private isAt(at: number, high: number, low: number): boolean {
    return this.words[at] === high && this.words[at + 1] === low;
  }
}
