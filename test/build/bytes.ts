/** Byte helpers of the builders: concatenation, big-endian numbers, addresses and the Internet checksum. */

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const u8 = (n: number): number[] => [n & 255];
export const u16 = (n: number): number[] => [(n >>> 8) & 255, n & 255];
export const u24 = (n: number): number[] => [(n >>> 16) & 255, ...u16(n)];
export const u32 = (n: number): number[] => [...u16(n >>> 16), ...u16(n)];

export const isIPv6 = (address: string): boolean => address.includes(':');

/** The 4 or 16 bytes of an address. IPv6 may use `::` and end in dotted IPv4. */
export function addressBytes(address: string): number[] {
  if (!isIPv6(address)) return address.split('.').map(Number);
  const groups = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap(group => (group.includes('.') ? addressBytes(group) : u16(Number.parseInt(group, 16))));
  const [head, tail] = address.split('::') as [string, string | undefined];
  if (tail === undefined) return groups(head);
  const front = groups(head);
  const back = groups(tail);
  return [...front, ...new Array<number>(16 - front.length - back.length).fill(0), ...back];
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** Payload that is easy to recognise in a hex dump: the alphabet, over and over. */
export const filler = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 97 + (i % 26));
