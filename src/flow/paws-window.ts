/**
 * How far a TSval may go back (docs/rules.md B1, B6): the same in open connections and in the per-host check of
 * tcp_tw_recycle. In TIME_WAIT it may not at all (`pawsRejects` of time-wait.ts).
 */
import { s32 } from '../base/serial.ts';

/** TCP_PAWS_WINDOW, in ticks. */
export const PAWS_WINDOW = 1;

/** `held`: the TSval that it is compared with (ts_recent). */
export const isTooOld = (tsval: number, held: number): boolean => s32(held, tsval) > PAWS_WINDOW;
