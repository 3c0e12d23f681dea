/**
 * Lists of which a shard keeps no more than so many items in all: as long as there is room each has up to its most; where
 * that runs out the most is halved, for all of them, so that a few do not take it from the others.
 */
export class BoundedLists<T> {
  size = 0;
  private readonly lists = new Set<T[]>();
  private readonly room: number;
  private readonly least: number;
  private readonly lost: (items: number) => void;
  private most: number;

  /** `lost` is called with how many had to go; `least` stay in each. */
  constructor(room: number, most: number, least: number, lost: (items: number) => void) {
    this.room = room;
    this.most = most;
    this.least = least;
    this.lost = lost;
  }

  /** A list of one; undefined where there is no room for another. */
  begin(item: T): T[] | undefined {
    if (!this.hasRoom()) return undefined;
    const list = [item];
    this.lists.add(list);
    this.size++;
    return list;
  }

  /** False where the list has its most. */
  add(list: T[], item: T): boolean {
    if (list.length >= this.most || !this.hasRoom() || list.length >= this.most) return false;
    list.push(item);
    this.size++;
    return true;
  }

  drop(list: T[]): void {
    if (this.lists.delete(list)) this.size -= list.length;
  }

  private hasRoom(): boolean {
    while (this.size >= this.room && this.most > this.least) this.halve();
    if (this.size < this.room) return true;
    this.lost(1);
    return false;
  }

  /** The first ones stay. */
  private halve(): void {
    this.most = Math.max(this.most >> 1, this.least);
    const before = this.size;
    for (const list of this.lists) {
      this.size -= Math.max(list.length - this.most, 0);
      if (list.length > this.most) list.length = this.most;
    }
    if (this.size < before) this.lost(before - this.size);
  }
}
