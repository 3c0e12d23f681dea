/**
 * Why a handshake is complete for the client but not for the server (docs/rules.md F13). A server with a full accept
 * queue ignores what the client sends after its SYN; a firewall that missed the SYN-ACK drops it on the path. Unless
 * the capture is taken at the server, both look alike.
 */
import { SECOND } from '../../base/time.ts';
import type { Stall } from '../../flow/stories/handshake-stall.ts';
import { type Cause, causeFor, type Why } from './cause.ts';
import type { OtherAttempts } from './other-attempts.ts';

/** When further SYN-ACKs are due, in seconds after the first repeated one. Timers fire late. */
const SYN_ACK_TIMER = [2, 6, 14, 30];
const EARLY_ENOUGH = 0.9;

export const causeOfStall = (stall: Stall, around: OtherAttempts): Cause => causeFor(whyOfStall(stall, around));

function whyOfStall(stall: Stall, around: OtherAttempts): Why {
  const { hadData, dataSegments, resumed, synAcks, ends, from, settledAt } = stall;
  // The first packet with which the server continues answers the newest segment, so that one is not unanswered.
  const unanswered = (hadData ? 1 : 0) + dataSegments - (resumed && dataSegments > 0 ? 1 : 0);
  if (unanswered === 0) return { is: 'client-silent' };
  const others = around.overflowed(ends.serverPort, from, settledAt);
  if (!others && synAcks < synAcksDue(stall)) return { is: 'syn-acks-missing' };
  if (unanswered > 1 || others) return forgotten(stall);
  return { is: synAcks > 1 ? 'queue-or-losses' : 'ack-and-data-lost' };
}

/**
 * SYN-ACKs are repeated after 1, 3, 7, 15 and 31 s. Returns how many were due from the first repeated one to the end of
 * the stall.
 */
function synAcksDue({ repeated, settledAt }: Stall): number {
  const lasted = (settledAt - repeated.at) / SECOND;
  return 1 + SYN_ACK_TIMER.filter(after => after <= EARLY_ENOUGH * lasted).length;
}

/** Nothing that the client sends after its SYN has an effect. */
function forgotten({ wasHeard, resumed, passedOver }: Stall): Why {
  if (wasHeard) return { is: 'queue-had-ack' };
  // The connection itself may be the one that was taken.
  return { is: passedOver > (resumed ? 1 : 0) ? 'others-taken' : 'queue-or-path' };
}
