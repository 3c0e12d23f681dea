/** The items that have changed since the last glance (verdicts.ts). */
export class DirtySet<T> {
  private items = new Set<T>();
  readonly isWatched: boolean;

  /** `isWatched`: whether there will be glances. Nothing is remembered otherwise, as in runs over files. */
  constructor(isWatched: boolean) {
    this.isWatched = isWatched;
  }

  add(item: T): void {
    if (this.isWatched) this.items.add(item);
  }

  take(): ReadonlySet<T> {
    const { items } = this;
    if (items.size > 0) this.items = new Set();
    return items;
  }
}
