/**
 * The hash that distributes rows over the shards: both directions of a host pair go to the same shard. The reader
 * computes it, once per row; nothing else depends on its values.
 */
const IPV6_WORDS = 4;

/**
 * Symmetric in its arguments. Uses MurmurHash3's full finalizer: after a single multiplication most pairs of one
 * network would go to one of two shards. The result is below 2^31, because V8 computes `%` of larger numbers in
 * floating point.
 */
export function hostPairHash(a: number, b: number): number {
  const low = Math.min(a, b);
  const high = Math.max(a, b);
  let h = Math.imul(low, 0x9e37_79b1) ^ high;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 1;
}

/** Hashes an IPv6 address to 32 bits. Each word is mixed in, so that hosts of one /64 do not collide systematically. */
export function foldIPv6(view: DataView, at: number): number {
  let h = 0;
  for (let i = 0; i < IPV6_WORDS; i++) {
    h = Math.imul(h ^ view.getInt32(at + i * 4), 0x85eb_ca6b);
    h ^= h >>> 15;
  }
  return h;
}
