/**
 * Hosts as 32-bit numbers: an IPv4 host's number is its address, an IPv6 host's number is its row in this shard's
 * table. SCOPE_IPV6 in the scope that accompanies a number says which it is. Tables and flows need not know; a few
 * rules do.
 */
import { formatIPv4, formatIPv6 } from '../base/address.ts';
import { SALT } from '../base/salt.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';

const WORDS = 4;

export class Hosts {
  private words = new Int32Array(1024 * WORDS);
  private index = new Int32Array(4096);
  private rows = 0;
  private free: number[] = [];

  /** Number of the IPv6 address at `at`; it does not change as long as `retain` keeps the host. */
  intern(view: DataView, at: number): number {
    const w0 = view.getInt32(at);
    const w1 = view.getInt32(at + 4);
    const w2 = view.getInt32(at + 8);
    const w3 = view.getInt32(at + 12);
    const mask = this.index.length - 1;
    let probe = hash(w0, w1, w2, w3) & mask;
    for (let entry = this.index[probe]; entry !== 0; entry = this.index[probe]) {
      const row = (entry - 1) * WORDS;
      const words = this.words;
      if (words[row] === w0 && words[row + 1] === w1 && words[row + 2] === w2 && words[row + 3] === w3)
        return entry - 1;
      probe = (probe + 1) & mask;
    }
    const host = this.free.pop() ?? this.rows++;
    if (this.rows * WORDS > this.words.length) {
      const grown = new Int32Array(this.words.length * 2);
      grown.set(this.words);
      this.words = grown;
    }
    this.words.set([w0, w1, w2, w3], host * WORDS);
    this.index[probe] = host + 1;
    if (this.size * 2 > this.index.length) this.rebuild(this.index.length * 2, undefined);
    return host;
  }

  /** IPv6 hosts in the table. */
  get size(): number {
    return this.rows - this.free.length;
  }

  /** Removes every IPv6 host whose number `used` does not mark with 1: else a flood of sources would grow the table. */
  retain(used: Uint8Array): void {
    this.free = [];
    for (let host = 0; host < this.rows; host++) if (used[host] !== 1) this.free.push(host);
    this.rebuild(this.index.length, used);
  }

  /** Rows of the table, in use or free: the length of the array that `retain` needs. */
  get capacity(): number {
    return this.rows;
  }

  text(host: number, scope: number): string {
    if ((scope & SCOPE_IPV6) === 0) return formatIPv4(host);
    const at = host * WORDS;
    return formatIPv6(this.words[at], this.words[at + 1], this.words[at + 2], this.words[at + 3]);
  }

  /** Writes the address as four words (an IPv4 address as one word and three zeros), for rows that leave the shard. */
  copyWords(host: number, scope: number, into: Int32Array, at: number): void {
    const ipv4 = (scope & SCOPE_IPV6) === 0;
    into[at] = ipv4 ? host : this.words[host * WORDS];
    for (let i = 1; i < WORDS; i++) into[at + i] = ipv4 ? 0 : this.words[host * WORDS + i];
  }

  private rebuild(size: number, used: Uint8Array | undefined): void {
    this.index = new Int32Array(size);
    const idle = new Set(used === undefined ? this.free : []);
    for (let host = 0; host < this.rows; host++) {
      if (used === undefined ? idle.has(host) : used[host] !== 1) continue;
      const at = host * WORDS;
      let probe = hash(this.words[at], this.words[at + 1], this.words[at + 2], this.words[at + 3]) & (size - 1);
      while (this.index[probe] !== 0) probe = (probe + 1) & (size - 1);
      this.index[probe] = host + 1;
    }
  }
}

function hash(w0: number, w1: number, w2: number, w3: number): number {
  let h = Math.imul(w0 ^ SALT, 0x9e3779b1) ^ w1;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ w2;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ w3;
  h = Math.imul(h ^ (h >>> 16), 0x27d4eb2f);
  return h ^ (h >>> 15);
}
