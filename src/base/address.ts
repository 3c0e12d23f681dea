/** IP addresses as text. As a number, an address has its first octet on top: 192.0.2.1 is 0xc0000201. */

/** In 127.0.0.0/8, or ::1 (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export const isLoopbackAddress = (text: string): boolean => /^127\.|^::1$/.test(text);

export const formatIPv4 = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;

/**
 * RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equally long ones)
 * as `::`.
 * IPv4-mapped addresses are written `::ffff:192.0.2.1` (§5).
 */
export function formatIPv6(w0: number, w1: number, w2: number, w3: number): string {
  if (w0 === 0 && w1 === 0 && w2 >>> 0 === 0xffff) return `::ffff:${formatIPv4(w3)}`;
  const groups: number[] = [];
  for (const word of [w0, w1, w2, w3]) groups.push(word >>> 16, word & 0xffff);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
    i += length;
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map(g => g.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}
