/**
 * Why a handshake is complete for the client but not for the server (docs/rules.md F13). A server with a full accept
 * queue ignores what the client sends after its SYN; a firewall that missed the SYN-ACK drops it on the path. Unless
 * the capture is taken at the server, both look alike.
 */
import { SECOND } from '../../base/time.ts';
import type { Stall } from '../../flow/stories/handshake-stall.ts';
import type { OtherAttempts } from './other-attempts.ts';
import type { Cause } from './syn-cause.ts';

/** When further SYN-ACKs are due, in seconds after the first repeated one. Timers fire late. */
const SYN_ACK_TIMER = [2, 6, 14, 30];
const EARLY_ENOUGH = 0.9;

/**
 * SYN-ACKs are repeated after 1, 3, 7, 15 and 31 s. Returns how many were due from the first repeated one to the end of
 * the stall.
 */
function synAcksDue({ repeated, settledAt }: Stall): number {
  const lasted = (settledAt - repeated.at) / SECOND;
  return 1 + SYN_ACK_TIMER.filter(after => after <= EARLY_ENOUGH * lasted).length;
}

export function causeOfStall(stall: Stall, around: OtherAttempts, isLocal: boolean): Cause {
  const { hadData, dataSegments, resumed, synAcks, ends, from, settledAt } = stall;
  // The first packet with which the server continues answers the newest segment, so that one is not unanswered.
  const unanswered = (hadData ? 1 : 0) + dataSegments - (resumed && dataSegments > 0 ? 1 : 0);
  const others = around.overflowed(ends.serverPort, from, settledAt);
  if (unanswered > 0 && !others && synAcks < synAcksDue(stall)) {
    return {
      name: 'unknown',
      confidence: 'weak',
      words: `${isLocal ? 'a capture' : 'a path'} that loses packets, as SYN-ACKs are missing that the timer of the server sends, or a full accept queue`,
    };
  }
  if (unanswered > 1 || (unanswered > 0 && others)) return forgotten(stall, isLocal);
  if (unanswered > 0 && synAcks > 1) {
    const words = `a full accept queue at the server, perhaps, or ${isLocal ? 'a local firewall' : 'three packets of the client that were lost in a row'}`;
    return { name: 'accept-queue', confidence: 'weak', words };
  }
  return {
    name: 'unknown',
    confidence: 'weak',
    words:
      unanswered === 0
        ? `the client sent no data: TCP_DEFER_ACCEPT waits for some, or ${isLocal ? 'a local firewall dropped its ACK' : "the client's ACK was lost"}, or the accept queue is full`
        : `${isLocal ? "a local firewall dropped the client's ACK and data" : "the client's ACK and data were lost on the way"}, or the accept queue was full for a moment`,
  };
}

/** For stalls in which nothing that the client sends after its SYN has an effect. */
function forgotten({ wasHeard, resumed, passedOver }: Stall, isLocal: boolean): Cause {
  if (wasHeard) {
    const words =
      "a full accept queue at the server, which has had the client's ACK: its SYN-ACK echoes a later TSval than the SYN's";
    return { name: 'accept-queue', confidence: 'strong', words, heard: true };
  }
  const dropper = isLocal ? 'a local firewall that drops' : 'a path that drops';
  if (passedOver > (resumed ? 1 : 0)) {
    const words =
      `${dropper} what the client sends after its SYN, or a full accept queue, against which speaks that others were ` +
      'taken on this port meanwhile';
    return { name: 'unknown', confidence: 'weak', words };
  }
  const missed = isLocal ? '' : ', such as a firewall that missed the SYN-ACK';
  return {
    name: 'accept-queue',
    confidence: 'strong',
    words: `a full accept queue at the server, or ${dropper} what the client sends after its SYN${missed}`,
  };
}
