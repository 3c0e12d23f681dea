/** TIME_WAIT intervals as they leave a shard: in columns, because a normal capture has one per connection. */
import type { Nanos } from '../base/time.ts';

export const ENDINGS = ['timer', 'rst', 'syn', 'reuse', 'capture-end'] as const;
export type Ending = (typeof ENDINGS)[number];

/** Rows of table `time_wait` in columns. An address takes four 32-bit words; an IPv4 address is in the first. */
export interface TimeWaitRows {
  count: number;
  /** entered, start, end: three instants (Nanos) a row. */
  times: Float64Array;
  /**
   * Ten words a row: owner (4 words), peer (4 words), owner port << 16 | peer port, and a word of bits: capture << 7 |
   * SHOWN | MAY_HOLD_ON | OWNER_IS_CLIENT | index in ENDINGS << 1 | 1 for IPv6.
   */
  words: Int32Array;
  /** How long a TIME_WAIT lasts if nothing ends it. */
  timeWait: Nanos;
}
export const TIME_WAIT_TIMES = 3;
export const TIME_WAIT_WORDS = 10;
/** Bits of the last word of a row. */
export const OWNER_IS_CLIENT = 1 << 4;
/** Perhaps another host behind the owner's address used the port again. Then the owner's TIME_WAIT goes on unseen. */
export const MAY_HOLD_ON = 1 << 5;
/** The TIME_WAIT itself answered the peer's FIN (showsBucket in time-wait.ts). */
export const SHOWN = 1 << 6;
export const TIME_WAIT_CAPTURE_SHIFT = 7;
