/** A binary min-heap: items ordered by a numeric key, the smallest first. */
export class Heap<T> {
  private readonly keys: number[] = [];
  private readonly items: T[] = [];

  get size(): number {
    return this.keys.length;
  }

  /** Smallest key, or +∞. */
  get first(): number {
    return this.keys.length === 0 ? Number.POSITIVE_INFINITY : this.keys[0];
  }

  push(key: number, item: T): void {
    let hole = this.keys.length;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (this.keys[parent] <= key) break;
      this.put(hole, this.keys[parent], this.items[parent]);
      hole = parent;
    }
    this.put(hole, key, item);
  }

  pop(): T | undefined {
    const top = this.items[0];
    const key = this.keys.pop();
    const item = this.items.pop();
    const size = this.keys.length;
    if (key === undefined || item === undefined || size === 0) return top;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && this.keys[child + 1] < this.keys[child]) child++;
      if (this.keys[child] >= key) break;
      this.put(hole, this.keys[child], this.items[child]);
      hole = child;
    }
    this.put(hole, key, item);
    return top;
  }

  private put(at: number, key: number, item: T): void {
    this.keys[at] = key;
    this.items[at] = item;
  }
}
