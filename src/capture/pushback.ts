/** Bytes of a capture that were read but not walked yet, for sources that cannot read them again. */
const NOTHING = new Uint8Array(0);

export class Pushback {
  private bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array = NOTHING) {
    this.bytes = bytes;
  }

  /** Copies up to `most` bytes to `target[at]`; returns how many. */
  take(target: Uint8Array, at: number, most: number): number {
    const count = Math.min(this.bytes.length - this.at, most);
    if (count === 0) return 0;
    target.set(this.bytes.subarray(this.at, this.at + count), at);
    this.at += count;
    return count;
  }

  /** Makes the last `count` bytes taken pending again. */
  unread(count: number): void {
    this.at -= count;
  }

  /** Replaces the pending bytes with `bytes`. */
  keep(bytes: Uint8Array = NOTHING): void {
    this.bytes = bytes;
    this.at = 0;
  }

  /** Releases the memory when everything has been taken. */
  compact(): void {
    if (this.at === this.bytes.length) this.keep();
  }
}
