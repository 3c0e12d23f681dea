/** Numbers for the series of the curve: an owner, a peer and a port, as words that are the same in every shard. */
import { SALT } from '../base/salt.ts';

/** Offsets in words of a key: the addresses as in a row of TimeWaitRows, then a port and the kind. */
export const KEY = { OWNER: 0, PEER: 4, PORT: 8, KIND: 9 } as const;
const KEY_WORDS = 10;
/** Bits that say which addresses distinguish series; 0: none. */
export const KeyBits = { OWNER: 1, PEER: 2, IPV6: 4 } as const;

const ADDRESS_WORDS = 4;

export class CurveKeys {
  words = new Int32Array(256 * KEY_WORDS);
  /** Numbers by hash; 0: empty. */
  private index = new Int32Array(1024);
  count = 0;

  /** The number, from 1 on, of the series of the owner and peer at `from[at]`, as far as `kind` distinguishes them. */
  of(from: Int32Array, at: number, port: number, kind: number): number {
    const { words } = this;
    const owner = (kind & KeyBits.OWNER) === 0 ? 0 : from[at + KEY.OWNER];
    const peer = (kind & KeyBits.PEER) === 0 ? 0 : from[at + KEY.PEER];
    const mask = this.index.length - 1;
    let probe = hash(from, at, owner, peer, port, kind) & mask;
    for (let number = this.index[probe]; number !== 0; number = this.index[probe]) {
      const base = number * KEY_WORDS;
      if (
        words[base] === owner &&
        words[base + KEY.PEER] === peer &&
        words[base + KEY.PORT] === port &&
        words[base + KEY.KIND] === kind &&
        ((kind & KeyBits.IPV6) === 0 || this.sameRest(base, from, at, kind))
      ) {
        return number;
      }
      probe = (probe + 1) & mask;
    }
    return this.append(probe, from, at, port, kind);
  }

  /** Offset in `words` of the key with this number. */
  base(number: number): number {
    return number * KEY_WORDS;
  }

  private sameRest(base: number, from: Int32Array, at: number, kind: number): boolean {
    for (let i = 1; i < ADDRESS_WORDS; i++) {
      if (this.words[base + i] !== from[at + i]) return false;
      const peer = (kind & KeyBits.PEER) === 0 ? 0 : from[at + KEY.PEER + i];
      if (this.words[base + KEY.PEER + i] !== peer) return false;
    }
    return true;
  }

  private append(probe: number, from: Int32Array, at: number, port: number, kind: number): number {
    const number = ++this.count;
    if ((number + 1) * KEY_WORDS > this.words.length) {
      const grown = new Int32Array(this.words.length * 2);
      grown.set(this.words);
      this.words = grown;
    }
    const base = number * KEY_WORDS;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      if ((kind & KeyBits.OWNER) !== 0) this.words[base + KEY.OWNER + i] = from[at + KEY.OWNER + i];
      if ((kind & KeyBits.PEER) !== 0) this.words[base + KEY.PEER + i] = from[at + KEY.PEER + i];
    }
    this.words[base + KEY.PORT] = port;
    this.words[base + KEY.KIND] = kind;
    this.index[probe] = number;
    if (this.count * 2 > this.index.length) this.grow();
    return number;
  }

  private grow(): void {
    const { words } = this;
    this.index = new Int32Array(this.index.length * 2);
    const mask = this.index.length - 1;
    for (let number = 1; number <= this.count; number++) {
      const base = number * KEY_WORDS;
      const owner = words[base + KEY.OWNER];
      let probe = hash(words, base, owner, words[base + KEY.PEER], words[base + KEY.PORT], words[base + KEY.KIND]);
      for (probe &= mask; this.index[probe] !== 0; ) probe = (probe + 1) & mask;
      this.index[probe] = number;
    }
  }
}

function hash(from: Int32Array, at: number, owner: number, peer: number, port: number, kind: number): number {
  let h = Math.imul(owner ^ SALT, 0x9e3779b1) ^ peer;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ port ^ (kind << 16);
  if ((kind & KeyBits.IPV6) !== 0) {
    for (let i = 1; i < ADDRESS_WORDS; i++) {
      const word = (kind & KeyBits.PEER) === 0 ? 0 : from[at + KEY.PEER + i];
      h = Math.imul(h ^ (h >>> 14) ^ from[at + i], 0x27d4eb2f) ^ word;
    }
  }
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
