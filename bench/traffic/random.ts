/** Repeatable randomness: the same seed gives the same capture on every machine and every version of Node. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** 32 random bits as an int32 (mulberry32). */
  bits(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return t ^ (t >>> 14);
  }

  /** 0 … n - 1. */
  below(n: number): number {
    return Math.floor((this.bits() >>> 0) * 2 ** -32 * n);
  }

  /** Returns true with probability `share`. */
  chance(share: number): boolean {
    return this.bits() >>> 0 < share * 2 ** 32;
  }
}

/** Hashes a number to 32 bits, so that the properties of host i are the same in every run. */
export function scatter(i: number, salt: number): number {
  let h = Math.imul(i + Math.imul(salt, 0x27d4eb2f) + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
