/**
 * Addresses replaced by others of the same family, so that two that shared n leading bits share n leading bits still and
 * no more: networks stay networks (the idea of Crypto-PAn, Xu et al. 2002). Each bit is flipped or not by a keyed hash of
 * the bits before it, so the map is one to one, and the same wherever the key is. Ports, times and counts stay.
 */
import { createHmac, scryptSync } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { formatIPv4, formatIPv6 } from './address.ts';

const V6_BYTES = 16;

/** What may be an IPv6 address: hexadecimal groups with at least two colons, and an IPv4 address at its end. */
const V6_LIKE = /(?<![0-9a-z:.])(?=[0-9a-f]*:[0-9a-f]*:)[0-9a-f:]+(?:\d*(?:\.\d{1,3}){3})?(?![0-9a-z])/gi;
const V4_LIKE = /(?<!\d|\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/g;
/** As host names in clouds and names of files write them: ip-10-0-0-1. */
const V4_DASHED = /(?<![0-9]|[0-9][-_])(\d{1,3})([-_])(\d{1,3})\2(\d{1,3})\2(\d{1,3})(?![0-9]|[-_][0-9])/g;

export class Anonymizer {
  readonly #key: Buffer;
  readonly #addresses = new Map<string, string>();
  /** Of addresses that share a network, the bits of the network are hashed once. */
  readonly #flips = new Map<string, 0 | 1>();

  /** `secret`: whoever knows it can find out which address stands for which. */
  constructor(secret: string | Buffer) {
    this.#key = scryptSync(secret, 'pawscope --anonymize', 32);
  }

  /** An address; any other text as it is. */
  address(text: string): string {
    const known = this.#addresses.get(text);
    if (known !== undefined) return known;
    const anonymous = this.#anonymous(text);
    this.#addresses.set(text, anonymous);
    return anonymous;
  }

  /** Text, with the addresses in it replaced. */
  text(text: string): string {
    return text.replace(V6_LIKE, found => this.#v6In(found)).replace(V4_LIKE, found => this.#v4In(found));
  }

  /** The name of a file, host or interface, where addresses may be written with dashes. */
  name(name: string): string {
    return this.text(name).replace(V4_DASHED, (_, a, separator, b, c, d) =>
      this.#v4In([a, b, c, d].join('.')).replaceAll('.', separator),
    );
  }

  /** What JSON.parse gives, with the addresses in its texts replaced. */
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.name(value);
    if (Array.isArray(value)) return value.map(each => this.value(each));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [this.text(key), this.value(each)]));
  }

  /** An id that is a hash of addresses, which could be found by trying all of them. */
  id(id: string): string {
    return createHmac('sha256', this.#key).update(`id ${id}`).digest('hex').slice(0, id.length);
  }

  #anonymous(text: string): string {
    if (isIPv4(text)) return formatIPv4(this.#permuted(bytesOfIPv4(text)).readUInt32BE());
    if (!isIPv6(text) || text.includes('%')) return this.text(text);
    const bytes = this.#permuted(bytesOfIPv6(text));
    return formatIPv6(bytes.readUInt32BE(0), bytes.readUInt32BE(4), bytes.readUInt32BE(8), bytes.readUInt32BE(12));
  }

  #v4In(found: string): string {
    const octets = found.split('.').map(Number);
    return octets.some(octet => octet > 255) ? found : this.address(octets.join('.'));
  }

  /** A sentence may go on behind the address with a colon. */
  #v6In(found: string): string {
    // As in the name of a class or of a style: no address of anybody.
    if (!/[0-9a-f]/i.test(found)) return found;
    if (isIPv6(found)) return this.address(found);
    const [, shorter, rest] = /^(.*[^:])(:+)$/.exec(found) ?? [];
    return shorter !== undefined && isIPv6(shorter) ? this.address(shorter) + rest : found;
  }

  #permuted(bytes: Buffer): Buffer {
    const result = Buffer.from(bytes);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      result[bit >> 3] ^= this.#flip(bytes, bit) << (7 - (bit & 7));
    }
    return result;
  }

  /** Depends on the first `length` bits, and on the family. */
  #flip(bytes: Buffer, length: number): 0 | 1 {
    const prefix = Buffer.alloc(bytes.length + 2);
    bytes.copy(prefix, 0, 0, (length + 7) >> 3);
    if (length & 7) prefix[length >> 3] &= 0xff00 >> (length & 7);
    prefix[bytes.length] = bytes.length;
    prefix[bytes.length + 1] = length;
    const key = prefix.toString('latin1');
    const known = this.#flips.get(key);
    if (known !== undefined) return known;
    const flip = (createHmac('sha256', this.#key).update(prefix).digest()[0] & 1) as 0 | 1;
    this.#flips.set(key, flip);
    return flip;
  }
}

const bytesOfIPv4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number));

/** A valid address, without zone. */
function bytesOfIPv6(text: string): Buffer {
  const plain = text.replace(/[\d.]+\.\d+$/, v4 => {
    const bytes = bytesOfIPv4(v4);
    return `${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const all = [...first, ...new Array<number>(V6_BYTES / 2 - first.length - last.length).fill(0), ...last];
  const bytes = Buffer.alloc(V6_BYTES);
  for (const [i, group] of all.entries()) bytes.writeUInt16BE(group, i * 2);
  return bytes;
}
