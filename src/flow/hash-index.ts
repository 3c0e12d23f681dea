/**
 * An index of records by hash, by open addressing: pairs of words, the hash and the record's slot + 1, 0 where there is
 * none; a power of two of them. Its users grow it before it is half full, and probe it themselves: that is the hot path,
 * native/flow.h does it too.
 */

export function enter(index: Int32Array, hash: number, slot: number): void {
  const mask = index.length - 2;
  let probe = (hash << 1) & mask;
  while (index[probe + 1] !== 0) probe = (probe + 2) & mask;
  index[probe] = hash;
  index[probe + 1] = slot + 1;
}

/** Where the entry of the slot is, which must be there. */
export function locate(index: Int32Array, hash: number, slot: number): number {
  const mask = index.length - 2;
  let probe = (hash << 1) & mask;
  while (index[probe + 1] !== slot + 1) probe = (probe + 2) & mask;
  return probe;
}

/** Repairs the probe chain backwards, so that there are no tombstones and the index never degrades. */
export function leave(index: Int32Array, hash: number, slot: number): void {
  const mask = index.length - 2;
  let hole = locate(index, hash, slot);
  for (let probe = (hole + 2) & mask; index[probe + 1] !== 0; probe = (probe + 2) & mask) {
    const home = (index[probe]! << 1) & mask;
    // An entry may move back into the hole only if its home does not lie between the hole and where it is now.
    if (((probe - home) & mask) < ((probe - hole) & mask)) continue;
    index[hole] = index[probe]!;
    index[hole + 1] = index[probe + 1]!;
    hole = probe;
  }
  index[hole] = 0;
  index[hole + 1] = 0;
}

/** The same entries with room for twice as many. */
export function doubled(index: Int32Array): Int32Array {
  const grown = new Int32Array(index.length * 2);
  for (let i = 0; i < index.length; i += 2) if (index[i + 1] !== 0) enter(grown, index[i]!, index[i + 1]! - 1);
  return grown;
}
