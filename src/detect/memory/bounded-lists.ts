/**
 * Lists that together hold a limited number of items in a shard. While there is room, all lists may reach the same
 * maximum length. When the room is used up, that maximum is halved for all of them, so that a few long lists do not
 * take the room of all others.
 */
export class BoundedLists<T> {
  size = 0;
  private readonly lists = new Set<T[]>();
  private readonly room: number;
  private readonly least: number;
  private readonly lost: (items: number) => void;
  private most: number;

  /** `lost` is called with the number of items that were dropped. `least` items stay in each list. */
  constructor(room: number, most: number, least: number, lost: (items: number) => void) {
    this.room = room;
    this.most = most;
    this.least = least;
    this.lost = lost;
  }

  /** Returns a new list with this item, or undefined if there is no room for another list. */
  begin(item: T): T[] | undefined {
    if (!this.hasRoom()) return undefined;
    const list = [item];
    this.lists.add(list);
    this.size++;
    return list;
  }

  /** Returns false if the list has reached its maximum length, or if there is no room. */
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

  /** Halves the maximum length. Each list keeps its first items. */
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
