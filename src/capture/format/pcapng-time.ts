/**
 * pcapng timestamps: 64-bit counts of ticks whose length is set per interface (if_tsresol: 10^-n or 2^-n seconds), as
 * is an offset (if_tsoffset). A double cannot hold them, so the origin is first subtracted in ticks, in two halves.
 */
const POWER_OF_TWO = 0x80;
const EXPONENT_MASK = 0x7f;
/** Exponent of 10^-6 s, the resolution when the interface has no if_tsresol. */
export const DEFAULT_RESOLUTION = 6;
const TWO_32 = 0x1_0000_0000;
/** Last second that the database can hold as nanoseconds since 1970: in 2262. */
const MAX_SECOND = 9_223_372_036;

export class TickClock {
  /** The origin in ticks. */
  private readonly high: number;
  private readonly low: number;
  private readonly perSecond: number;
  /** Nanoseconds per tick if that is a whole number, else 0. */
  private readonly nanos: number;
  private readonly first: number;
  private readonly last: number;

  /** `resolution` as in if_tsresol; `offset` and `origin` in seconds. */
  constructor(resolution: number, offset: bigint, origin: number) {
    const exponent = resolution & EXPONENT_MASK;
    const perSecond = (resolution & POWER_OF_TWO) !== 0 ? 1n << BigInt(exponent) : 10n ** BigInt(exponent);
    const ticks = (BigInt(origin) - offset) * perSecond;
    this.high = Number(ticks >> 32n);
    this.low = Number(ticks & 0xffff_ffffn);
    this.perSecond = Number(perSecond);
    this.nanos = 1_000_000_000n % perSecond === 0n ? Number(1_000_000_000n / perSecond) : 0;
    this.first = -origin * 1e9;
    this.last = (MAX_SECOND - origin) * 1e9;
  }

  /** Nanoseconds from the origin, rounded down; NaN for an impossible time, before 1970 or after MAX_SECOND. */
  at(high: number, low: number): number {
    const ticks = (high - this.high) * TWO_32 + (low - this.low);
    const at = this.nanos !== 0 ? ticks * this.nanos : this.round(ticks);
    return at >= this.first && at < this.last ? at : Number.NaN;
  }

  private round(ticks: number): number {
    const seconds = Math.floor(ticks / this.perSecond);
    return seconds * 1e9 + Math.floor(((ticks - seconds * this.perSecond) * 1e9) / this.perSecond);
  }
}
