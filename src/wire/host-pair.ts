/**
 * The hash that shards the work: both directions of a host pair land on one shard. It is computed once, by the
 * reader; nothing else depends on its values.
 */
const IPV6_WORDS = 4;

/**
 * Symmetric in its arguments. MurmurHash3's full finalizer: a single multiply leaves most pairs of one network on one
 * of two shards. Below 2^31, because `%` on larger numbers leaves the integer path in V8.
 */
export function hostPairHash(a: number, b: number): number {
  const low = Math.min(a, b);
  const high = Math.max(a, b);
  let h = Math.imul(low, 0x9e37_79b1) ^ high;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 1;
}

/** An IPv6 address in 32 bits; hosts of one /64 must not collide in a pattern, so each word is mixed in. */
export function foldIPv6(view: DataView, at: number): number {
  let h = 0;
  for (let i = 0; i < IPV6_WORDS; i++) {
    h = Math.imul(h ^ view.getInt32(at + i * 4), 0x85eb_ca6b);
    h ^= h >>> 15;
  }
  return h;
}
