/**
 * A hash index of records with open addressing. An entry is one word: the record's slot + 1, or 0 in an empty entry. The
 * number of entries is a power of two. Unlike hash-index.ts it does not store hashes: they are computed again from the
 * record (`hashOf`) when entries move. Users grow the index in time and search it themselves, as that is the hot path.
 */

export function enterSlot(index: Int32Array, hash: number, slot: number): void {
  const mask = index.length - 1;
  let probe = hash & mask;
  while (index[probe] !== 0) probe = (probe + 1) & mask;
  index[probe] = slot + 1;
}

/** Offset of the entry of the slot, which must be in the index. */
export function locateSlot(index: Int32Array, hash: number, slot: number): number {
  const mask = index.length - 1;
  let probe = hash & mask;
  while (index[probe] !== slot + 1) probe = (probe + 1) & mask;
  return probe;
}

/** Removes an entry and moves later ones of its probe chain back, so no tombstones slow down the index. */
export function leaveSlot(index: Int32Array, slot: number, hashOf: (slot: number) => number): void {
  const mask = index.length - 1;
  let hole = locateSlot(index, hashOf(slot), slot);
  for (let probe = (hole + 1) & mask; index[probe] !== 0; probe = (probe + 1) & mask) {
    const home = hashOf(index[probe] - 1) & mask;
    // An entry may move back into the hole only if its home does not lie between the hole and where it is now.
    if (((probe - home) & mask) < ((probe - hole) & mask)) continue;
    index[hole] = index[probe];
    hole = probe;
  }
  index[hole] = 0;
}
