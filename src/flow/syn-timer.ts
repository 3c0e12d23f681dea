/**
 * How soon the timer of its sender repeats a SYN or a SYN-ACK. One constant errs to either side: what must not be taken
 * for a copy asks for the least, what must not be taken for a repetition for the usual one.
 */
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';

/** RFC 6298 §2.1, Linux TCP_TIMEOUT_INIT, BSD and Windows as they come. */
export const USUAL_SYN_RTO: Nanos = 1 * SECOND;
/** Set as low as it goes, on a path that is known: Linux TCP_RTO_MIN; Windows takes no less than 300 ms. */
export const LEAST_SYN_RTO: Nanos = 200 * MILLISECOND;
