/** Bytes of a capture that were read and not walked, where its source does not give them again. */
const NOTHING = new Uint8Array(0);

export class Pushback {
  private bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array = NOTHING) {
    this.bytes = bytes;
  }

  /** Puts `most` of them at `target[at]`, or what there is; returns how many. */
  take(target: Uint8Array, at: number, most: number): number {
    const count = Math.min(this.bytes.length - this.at, most);
    if (count === 0) return 0;
    target.set(this.bytes.subarray(this.at, this.at + count), at);
    this.at += count;
    return count;
  }

  /** The last `count` that were taken are pending again. */
  giveBack(count: number): void {
    this.at -= count;
  }

  /** These take the place of all others. */
  keep(bytes: Uint8Array = NOTHING): void {
    this.bytes = bytes;
    this.at = 0;
  }

  /** What has been taken need not be held any more. */
  forgetTaken(): void {
    if (this.at === this.bytes.length) this.keep();
  }
}
