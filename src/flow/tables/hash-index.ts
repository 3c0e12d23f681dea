/**
 * A hash index of records with open addressing. An entry is two words: the hash, and the record's slot + 1, or 0 in an
 * empty entry. The number of entries is a power of two. Users grow the index before it is half full. They also search it
 * themselves, as that is the hot path; native/flow.h does so too.
 */

export function enter(index: Int32Array, hash: number, slot: number): void {
  const mask = index.length - 2;
  let probe = (hash << 1) & mask;
  while (index[probe + 1] !== 0) probe = (probe + 2) & mask;
  index[probe] = hash;
  index[probe + 1] = slot + 1;
}

/** Offset of the entry of the slot, which must be in the index. */
export function locate(index: Int32Array, hash: number, slot: number): number {
  const mask = index.length - 2;
  let probe = (hash << 1) & mask;
  while (index[probe + 1] !== slot + 1) probe = (probe + 2) & mask;
  return probe;
}

/** Removes an entry and moves later ones of its probe chain back, so no tombstones slow down the index. */
export function leave(index: Int32Array, hash: number, slot: number): void {
  const mask = index.length - 2;
  let hole = locate(index, hash, slot);
  for (let probe = (hole + 2) & mask; index[probe + 1] !== 0; probe = (probe + 2) & mask) {
    const home = (index[probe] << 1) & mask;
    // An entry may move back into the hole only if its home does not lie between the hole and where it is now.
    if (((probe - home) & mask) < ((probe - hole) & mask)) continue;
    index[hole] = index[probe];
    index[hole + 1] = index[probe + 1];
    hole = probe;
  }
  index[hole] = 0;
  index[hole + 1] = 0;
}

/** An index with the same entries and room for twice as many. */
export function doubled(index: Int32Array): Int32Array {
  const grown = new Int32Array(index.length * 2);
  for (let i = 0; i < index.length; i += 2) if (index[i + 1] !== 0) enter(grown, index[i], index[i + 1] - 1);
  return grown;
}
