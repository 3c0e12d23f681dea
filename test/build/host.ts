/** The properties of a machine that its packets show: address, TSval clock, initial sequence numbers, IPv4 ids, TTL. */

export interface HostOptions {
  /** Ticks of the TSval clock per second. */
  hz?: number;
  /** TSval at t = 0; it differs for machines behind one address, which were booted at different times. */
  boot?: number;
  /** Each connection has a random offset, as in FreeBSD and Linux 7.0; otherwise all use one clock. */
  perConnection?: boolean;
  /** Whether SYNs carry the timestamp option at all. */
  timestamps?: boolean;
  /** TTL at the capture point. */
  ttl?: number;
}

export class Host {
  readonly address: string;
  readonly timestamps: boolean;
  readonly ttl: number;
  private readonly hz: number;
  private readonly boot: number;
  private readonly perConnection: boolean;
  /** Differs for machines behind one address, so that their sequence numbers are independent. */
  private readonly secret: string;
  private lastIpId = 0;

  constructor(address: string, options: HostOptions = {}) {
    this.address = address;
    this.timestamps = options.timestamps ?? true;
    this.ttl = options.ttl ?? 64;
    this.hz = options.hz ?? 1000;
    this.boot = options.boot ?? scramble(address) >>> 2;
    this.perConnection = options.perConnection ?? false;
    this.secret = `${address} ${this.boot}`;
  }

  /** The timestamp clock at `t` seconds; `connection` names the tuple. */
  tsval(t: number, connection: string): number {
    const offset = this.perConnection ? scramble(`${connection} ts ${this.secret}`) : 0;
    return (this.boot + offset + Math.floor(t * this.hz)) >>> 0;
  }

  /** RFC 6528 with Linux's 64 ns clock: later connections of one tuple begin higher, modulo 2^32. */
  isn(t: number, connection: string): number {
    return (scramble(`${connection} isn ${this.secret}`) + Math.floor((t * 1e9) / 64)) >>> 0;
  }

  /** The next IPv4 id. */
  ipId(): number {
    this.lastIpId = (this.lastIpId % 0xffff) + 1;
    return this.lastIpId;
  }
}

/** FNV-1a hash of a text, the same on every machine. */
export function scramble(words: string): number {
  let hash = 0x811c9dc5;
  for (const letter of words) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}
