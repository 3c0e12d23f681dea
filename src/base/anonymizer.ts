/**
 * Prefix-preserving anonymization of addresses (Crypto-PAn, Xu et al. 2002): each address is replaced by one of the
 * same family, and two addresses that share exactly n leading bits are replaced by two that share exactly n, so
 * networks stay networks. Whether a bit is flipped depends on the AES encryption of the bits before it, so the mapping
 * is one to one and depends on the key alone. Ports, times and counts are not changed.
 */
import { type Cipher, createCipheriv, createHmac, scryptSync } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { formatIPv4, formatIPv6 } from './address.ts';

const V6_BYTES = 16;
/** Size in bytes of both a block and a key of AES-128. */
const BLOCK = 16;
const FOLDER_DIGITS = 6;
/** Most addresses cached with their replacements; a full cache is cleared. */
const REMEMBERED = 1 << 16;

/** Candidates for IPv6 addresses: hexadecimal groups with at least two colons, perhaps ending in an IPv4 address. */
const V6_LIKE = /(?<![0-9a-z:.])(?=[0-9a-f]*:[0-9a-f]*:)[0-9a-f:]+(?:\d*(?:\.\d{1,3}){3})?(?![0-9a-z])/gi;
const V4_LIKE = /(?<!\d|\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/g;
/** IPv4 addresses with dashes or underscores, as in host names of clouds and in file names: ip-10-0-0-1. */
const V4_DASHED = /(?<![0-9]|[0-9][-_])(\d{1,3})([-_])(\d{1,3})\2(\d{1,3})\2(\d{1,3})(?![0-9]|[-_][0-9])/g;

export class Anonymizer {
  readonly #key: Buffer;
  readonly #v4: Permutation;
  readonly #v6: Permutation;
  readonly #addresses = new Map<string, string>();

  /** Whoever knows `secret` can find out which address was replaced by which. */
  constructor(secret: string | Buffer) {
    const derived = scryptSync(secret, 'pawscope --anonymize', 5 * BLOCK);
    const part = (from: number, to: number): Buffer => derived.subarray(from * BLOCK, to * BLOCK);
    this.#key = part(0, 1);
    this.#v4 = new Permutation(part(1, 2), part(2, 3));
    this.#v6 = new Permutation(part(3, 4), part(4, 5));
  }

  /** Replaces an address. In any other text, replaces the addresses that it contains. */
  address(text: string): string {
    const known = this.#addresses.get(text);
    if (known !== undefined) return known;
    const anonymous = this.#anonymous(text);
    if (this.#addresses.size >= REMEMBERED) this.#addresses.clear();
    this.#addresses.set(text, anonymous);
    return anonymous;
  }

  /** Replaces the addresses in a text. */
  text(text: string): string {
    return text.replace(V6_LIKE, found => this.#v6In(found)).replace(V4_LIKE, found => this.#v4In(found));
  }

  /** Replaces the addresses in the name of a file, host or interface, where they may be written with dashes. */
  name(name: string): string {
    return this.text(name).replace(V4_DASHED, (_, a, separator, b, c, d) =>
      this.#v4In([a, b, c, d].join('.')).replaceAll('.', separator),
    );
  }

  /**
   * Anonymizes a path: its last part as a name; the folder, whose name may identify people or customers, becomes six
   * hexadecimal digits, the same ones whenever it occurs.
   */
  path(path: string): string {
    const folder = folderOf(path);
    const name = this.name(path.slice(path.lastIndexOf('/') + 1));
    return folder === undefined ? name : `${this.#folder(folder)}/${name}`;
  }

  /** Anonymizes a sentence that may contain addresses and the folders of `paths`. */
  sentence(text: string, paths: readonly string[]): string {
    const folders = new Set(paths.flatMap(path => folderOf(path) ?? []));
    let said = text;
    for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
      const anywhere = new RegExp(`(?<![\\w./-])${folder.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(?![\\w-])`, 'g');
      said = said.replace(anywhere, this.#folder(folder));
    }
    return this.name(said);
  }

  /** Replaces the addresses in all texts and keys of a JSON value. */
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.name(value);
    if (Array.isArray(value)) return value.map(each => this.value(each));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [this.text(key), this.value(each)]));
  }

  /** Replaces an id that is a hash of addresses: those could be found by hashing every possible address. */
  id(id: string): string {
    return createHmac('sha256', this.#key).update(`id ${id}`).digest('hex').slice(0, id.length);
  }

  #folder(folder: string): string {
    return createHmac('sha256', this.#key).update(`folder ${folder}`).digest('hex').slice(0, FOLDER_DIGITS);
  }

  #anonymous(text: string): string {
    if (isIPv4(text)) return formatIPv4(this.#v4.of(bytesOfIPv4(text)).readUInt32BE());
    if (!isIPv6(text) || text.includes('%')) return this.text(text);
    const bytes = this.#v6.of(bytesOfIPv6(text));
    return formatIPv6(bytes.readUInt32BE(0), bytes.readUInt32BE(4), bytes.readUInt32BE(8), bytes.readUInt32BE(12));
  }

  #v4In(found: string): string {
    const octets = found.split('.').map(Number);
    return octets.some(octet => octet > 255) ? found : this.address(octets.join('.'));
  }

  /** Replaces an IPv6 candidate; the sentence's own colons may follow the address. */
  #v6In(found: string): string {
    // Colons alone, as in C++'s std::string or a pseudo-element of CSS, are not an address.
    if (!/[0-9a-f]/i.test(found)) return found;
    if (isIPv6(found)) return this.address(found);
    const [, shorter, rest] = /^(.*[^:])(:+)$/.exec(found) ?? [];
    return shorter !== undefined && isIPv6(shorter) ? this.address(shorter) + rest : found;
  }
}

/** The folder part of a path; undefined when there is none, or it is the current folder or the root. */
function folderOf(path: string): string | undefined {
  const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
  return folder === '' || folder === '.' ? undefined : folder;
}

class Permutation {
  readonly #cipher: Cipher;
  readonly #pad: Buffer;

  /** `key` and `pad` are one block each. */
  constructor(key: Buffer, pad: Buffer) {
    // ECB, since each block is encrypted for itself: it is a keyed function of one prefix.
    this.#cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    this.#pad = pad;
  }

  of(bytes: Buffer): Buffer {
    const bits = bytes.length * 8;
    // Block n consists of the first n bits of the address, followed by the bits of the pad.
    const blocks = Buffer.alloc(bits * BLOCK);
    for (let n = 0; n < bits; n++) {
      const at = n * BLOCK;
      const whole = n >> 3;
      this.#pad.copy(blocks, at);
      bytes.copy(blocks, at, 0, whole);
      const mask = 0xff00 >> (n & 7);
      blocks[at + whole] = (bytes[whole] & mask) | (this.#pad[whole] & ~mask);
    }
    const flips = this.#cipher.update(blocks);
    const result = Buffer.from(bytes);
    for (let n = 0; n < bits; n++) result[n >> 3] ^= (flips[n * BLOCK] >> 7) << (7 - (n & 7));
    return result;
  }
}

const bytesOfIPv4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number));

/** The 16 bytes of a valid address without a zone. */
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
