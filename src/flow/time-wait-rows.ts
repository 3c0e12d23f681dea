/** TIME_WAIT intervals as they leave a shard: in columns, as a healthy capture has one per connection. */
import type { Nanos } from '../base/time.ts';

export const ENDINGS = ['timer', 'rst', 'syn', 'reuse', 'capture-end'] as const;
export type Ending = (typeof ENDINGS)[number];

/** Columns of one time_wait row each; addresses are four 32-bit words, an IPv4 address is the first of them. */
export interface TimeWaitRows {
  count: number;
  /** entered, start, end: three instants (Nanos) a row. */
  times: Float64Array;
  /**
   * owner (4 words), peer (4 words), owner port << 16 | peer port, and capture << 7 | 1 << 6 where it has shown itself |
   * 1 << 5 where another host may have ended it | 1 << 4 where the owner is the client | ending << 1 | IPv6: ten words a row.
   */
  words: Int32Array;
  /** How long one lasts that nothing ends before. */
  timeWait: Nanos;
}
export const TIME_WAIT_TIMES = 3;
export const TIME_WAIT_WORDS = 10;
/** Places in the last word of a row. */
export const OWNER_IS_CLIENT = 1 << 4;
/** Another host behind the owner's address may have used the port again: then the owner holds on, unseen. */
export const MAY_HOLD_ON = 1 << 5;
/** It answered the peer's FIN itself (time-wait.ts, showsBucket). */
export const SHOWN = 1 << 6;
export const TIME_WAIT_CAPTURE_SHIFT = 7;
