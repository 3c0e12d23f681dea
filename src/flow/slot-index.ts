/**
 * An index of records by hash, by open addressing, with one word an entry: the record's slot + 1, 0 where there is none; a
 * power of two of them. Where hash-index.ts keeps the hash beside the slot, here it is made of the record again, so
 * whoever moves entries says how (`hashOf`). Its users grow it in time, and probe it themselves: that is the hot path.
 */

export function enterSlot(index: Int32Array, hash: number, slot: number): void {
  const mask = index.length - 1;
  let probe = hash & mask;
  while (index[probe] !== 0) probe = (probe + 1) & mask;
  index[probe] = slot + 1;
}

/** Where the entry of the slot is, which must be there. */
export function locateSlot(index: Int32Array, hash: number, slot: number): number {
  const mask = index.length - 1;
  let probe = hash & mask;
  while (index[probe] !== slot + 1) probe = (probe + 1) & mask;
  return probe;
}

/** Repairs the probe chain backwards, so that there are no tombstones and the index never degrades. */
export function leaveSlot(index: Int32Array, slot: number, hashOf: (slot: number) => number): void {
  const mask = index.length - 1;
  let hole = locateSlot(index, hashOf(slot), slot);
  for (let probe = (hole + 1) & mask; index[probe] !== 0; probe = (probe + 1) & mask) {
    const home = hashOf(index[probe]! - 1) & mask;
    // An entry may move back into the hole only if its home does not lie between the hole and where it is now.
    if (((probe - home) & mask) < ((probe - hole) & mask)) continue;
    index[hole] = index[probe]!;
    hole = probe;
  }
  index[hole] = 0;
}
