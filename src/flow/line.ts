/** A queue of flows by time, whose entries have numbers, so that one in the middle can be changed. */
import type { Nanos } from '../base/time.ts';

const FIRST_CAPACITY = 1024;

export class Line {
  /** Number of the oldest entry, and of the next. Entries lie where the low bits of their numbers say. */
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
    return this.times[number & (this.times.length - 1)]!;
  }

  value(number: number): number {
    return this.values[number & (this.values.length - 1)]!;
  }

  set(number: number, value: number): void {
    this.values[number & (this.values.length - 1)] = value;
  }

  private grow(): void {
    const { times, values } = this;
    this.times = new Float64Array(times.length * 2);
    this.values = new Int32Array(values.length * 2);
    for (let n = this.head; n < this.tail; n++) {
      this.times[n & (this.times.length - 1)] = times[n & (times.length - 1)]!;
      this.values[n & (this.values.length - 1)] = values[n & (values.length - 1)]!;
    }
  }
}
