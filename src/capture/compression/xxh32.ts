/** Incremental xxHash32 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md), lz4's checksum. */
const P1 = 0x9e37_79b1;
const P2 = 0x85eb_ca77;
const P3 = 0xc2b2_ae3d;
const P4 = 0x27d4_eb2f;
const P5 = 0x1656_67b1;
const STRIPE = 16;

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
const round = (lane: number, input: number): number => Math.imul(rotate(lane + Math.imul(input, P2), 13), P1);

export class XxHash32 {
  private a = (P1 + P2) | 0;
  private b = P2 | 0;
  private c = 0;
  private d = -P1 | 0;
  private length = 0;
  private readonly rest = new Uint8Array(STRIPE);
  private held = 0;

  update(bytes: Uint8Array): this {
    let at = 0;
    this.length += bytes.length;
    if (this.held > 0) {
      at = Math.min(STRIPE - this.held, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.held);
      this.held += at;
      if (this.held < STRIPE) return this;
      this.stripes(this.rest, 0, STRIPE);
      this.held = 0;
    }
    const whole = at + (bytes.length - at) - ((bytes.length - at) % STRIPE);
    this.stripes(bytes, at, whole);
    this.rest.set(bytes.subarray(whole));
    this.held = bytes.length - whole;
    return this;
  }

  /** The hash of all bytes so far, unsigned. */
  digest(): number {
    const long = this.length >= STRIPE;
    let h = long ? rotate(this.a, 1) + rotate(this.b, 7) + rotate(this.c, 12) + rotate(this.d, 18) : P5;
    h = (h + this.length) | 0;
    const view = new DataView(this.rest.buffer);
    let at = 0;
    for (; at + 4 <= this.held; at += 4) h = Math.imul(rotate(h + Math.imul(view.getInt32(at, true), P3), 17), P4);
    for (; at < this.held; at++) h = Math.imul(rotate(h + Math.imul(this.rest[at], P5), 11), P1);
    h = Math.imul(h ^ (h >>> 15), P2);
    h = Math.imul(h ^ (h >>> 13), P3);
    return (h ^ (h >>> 16)) >>> 0;
  }

  private stripes(bytes: Uint8Array, from: number, to: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = from; at < to; at += STRIPE) {
      this.a = round(this.a, view.getInt32(at, true));
      this.b = round(this.b, view.getInt32(at + 4, true));
      this.c = round(this.c, view.getInt32(at + 8, true));
      this.d = round(this.d, view.getInt32(at + 12, true));
    }
  }
}

export const xxh32 = (bytes: Uint8Array): number => new XxHash32().update(bytes).digest();
