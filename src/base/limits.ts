/** Bounds and defaults of options, the same for the command line and the library. */

/** Most worker threads: more would be of no use. */
export const MAX_WORKERS = 64;
/** Most flows held in memory: at 320 bytes a flow (docs/memory.md), 32 GB. */
export const MAX_FLOWS = 100_000_000;
/** Longest TIME_WAIT in seconds: no stack keeps one for a day. */
export const MAX_TIME_WAIT = 86_400;

export const DEFAULT_MAX_FLOWS = 4_000_000;
/** In seconds: Linux's TCP_TIMEWAIT_LEN. */
export const DEFAULT_TIME_WAIT = 60;
/** First and last port (inclusive): net.ipv4.ip_local_port_range of Linux since 4.11. */
export const DEFAULT_PORT_RANGE = [32_768, 60_999] as const;
/**
 * A range is taken for that of a client if no more than this share of its connections is from ports outside it, which an
 * application may have bound itself.
 */
export const MOST_OUTSIDE_RANGE = 0.05;
