/**
 * How soon a SYN or SYN-ACK is retransmitted by its sender's timer. There are two constants, for errors on either side:
 * what comes sooner than the least value cannot be a retransmission, and what comes after the usual one is not a copy.
 */
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';

/** RFC 6298 §2.1, Linux TCP_TIMEOUT_INIT, and the defaults of BSD and Windows. */
export const USUAL_SYN_RTO: Nanos = 1 * SECOND;
/** The lowest setting, for a path that is known: Linux TCP_RTO_MIN; Windows accepts no less than 300 ms. */
export const LEAST_SYN_RTO: Nanos = 200 * MILLISECOND;
