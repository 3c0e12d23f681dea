/** What options may be, and what they are where nobody says: on the command line as in the library. */

/** More threads than this help nobody. */
export const MAX_WORKERS = 64;
/** Open addressing over typed columns ends here. */
export const MAX_FLOWS = 100_000_000;
/** Seconds: no stack keeps a TIME_WAIT for a day. */
export const MAX_TIME_WAIT = 86_400;

export const DEFAULT_MAX_FLOWS = 4_000_000;
/** Seconds: TCP_TIMEWAIT_LEN of Linux. */
export const DEFAULT_TIME_WAIT = 60;
/** Both ends included: net.ipv4.ip_local_port_range of Linux since 4.11. */
export const DEFAULT_PORT_RANGE = [32_768, 60_999] as const;
