/** What options may be, on the command line as in the library. */

/** More threads than this help nobody. */
export const MAX_WORKERS = 64;
/** Open addressing over typed columns ends here. */
export const MAX_FLOWS = 100_000_000;
/** Seconds: no stack keeps a TIME_WAIT for a day. */
export const MAX_TIME_WAIT = 86_400;
