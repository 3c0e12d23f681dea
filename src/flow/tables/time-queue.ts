/** A queue of flows in the order of time. Entries are numbered, so that one in the middle can be changed. */
import type { Nanos } from '../../base/time.ts';

const FIRST_CAPACITY = 1024;

export class TimeQueue {
  /** Numbers of the oldest entry and of the next one to be added. The low bits of a number are the entry's index. */
  head = 0;
  tail = 0;
  times = new Float64Array(FIRST_CAPACITY);
  values = new Int32Array(FIRST_CAPACITY);

  push(value: number, at: Nanos): number {
    if (this.tail - this.head === this.values.length) this.grow();
    const entry = this.tail & (this.values.length - 1);
    this.times[entry] = at;
    this.values[entry] = value;
    return this.tail++;
  }

  at(number: number): Nanos {
    return this.times[number & (this.times.length - 1)];
  }

  value(number: number): number {
    return this.values[number & (this.values.length - 1)];
  }

  set(number: number, value: number): void {
    this.values[number & (this.values.length - 1)] = value;
  }

  /** Whether it could only take another entry by growing beyond `most`, a power of two. */
  isFull(most: number): boolean {
    return this.tail - this.head === this.values.length && this.values.length >= most;
  }

  /** Removes all entries but those to be kept, and calls `moved` with the old and the new number of each of these. */
  compact(keep: (number: number) => boolean, moved: (from: number, to: number) => void): void {
    let to = this.head;
    for (let from = this.head; from < this.tail; from++) {
      if (!keep(from)) continue;
      const entry = to & (this.values.length - 1);
      this.times[entry] = this.at(from);
      this.values[entry] = this.value(from);
      moved(from, to++);
    }
    this.tail = to;
  }

  private grow(): void {
    const { times, values } = this;
    this.times = new Float64Array(times.length * 2);
    this.values = new Int32Array(values.length * 2);
    for (let n = this.head; n < this.tail; n++) {
      this.times[n & (this.times.length - 1)] = times[n & (times.length - 1)];
      this.values[n & (this.values.length - 1)] = values[n & (values.length - 1)];
    }
  }
}
