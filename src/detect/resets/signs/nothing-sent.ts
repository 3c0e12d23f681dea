/** Signs of an RST on a connection on which an end, or both, have sent nothing (docs/rules.md D3). */
import { duration } from '../../../base/time.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import { layout } from '../../../flow/layout.ts';
import { isFurther } from '../../../flow/reset-numbers.ts';
import { isFromSocket } from '../client-abort.ts';
import { clientSentNoByte, neitherSentAByte, otherSentNoByte, sentNoByte, serverSentNoByte } from '../no-data.ts';
import { isProxied } from '../origin-hints.ts';
import { mostLikely } from '../reset-words.ts';
import { ANSWER } from '../silence.ts';
import type { Sign } from './sign.ts';

const { SideBit } = layout;

/**
 * Further subflows of an MPTCP connection often carry nothing, as the scheduler prefers the first one (a backup path), and
 * an RST of the whole connection resets each. Nothing is lost with them, whoever resets and whenever.
 */
export function unusedSubflow(event: ResetSeen): Sign | undefined {
  const { from, flow, sender, receiver, segment } = event;
  const isUnused = sentNoByte(sender, receiver) && sentNoByte(receiver, sender) && !isFurther(sender, segment.seq);
  if (!flow.client.has(SideBit.JOINS) || !isUnused || (!event.isBare && segment.ack !== receiver.nxt)) return undefined;
  return {
    evidence: { mptcp_join: true, unused: true },
    meaning: {
      clause: `The ${from} resets a further subflow of an MPTCP connection, on which nobody had sent a byte`,
      why: 'likely that connection was aborted, or this path was given up',
    },
  };
}

/**
 * The client has sent no byte, and the server no more than a greeting, when the client resets, soon after the handshake. An
 * RST of a listener's queue or of an idle timer comes from the server, or later.
 */
export function unusedByClient(event: ResetSeen): Sign | undefined {
  const { flow, receiver: server, segment } = event;
  if (!clientSentNoByte(event) || server.packets > 2 || !(segment.at - flow.opened <= ANSWER)) return undefined;
  return {
    evidence: { unused: true },
    meaning: {
      clause: 'The client resets a connection that it has not used',
      why: 'likely a health check, a scan, or the slower of two attempts (happy eyeballs)',
    },
  };
}

/** The same later, when the server has sent nothing either. */
export function noData(event: ResetSeen): Sign | undefined {
  const waited = event.segment.at - event.flow.opened;
  if (!neitherSentAByte(event) || !(waited > ANSWER)) return undefined;
  return {
    evidence: { no_data: true },
    meaning: {
      clause: `The client resets a connection on which nobody had sent a byte in ${duration(waited)}`,
      why:
        'it had waited for a greeting, or needed it no more (a scan, a health check, a pool)' +
        (isFromSocket(event) ? '' : '; or an idle timer of a device'),
    },
  };
}

/**
 * The server aborts, having sent nothing but its SYN-ACK. The sentence of the class says so (reset-words.ts), unless a SYN
 * proxy sent that SYN-ACK.
 */
export function sentNothing(event: ResetSeen): Sign | undefined {
  if (event.isBare || !serverSentNoByte(event)) return undefined;
  if (!isProxied(event.sender)) return { evidence: { sent_nothing: true } };
  return {
    evidence: { syn_proxy: true },
    meaning: mostLikely(
      'What is behind a SYN proxy does not take the connection',
      'the SYN-ACK had window 0, and no window followed',
    ),
  };
}

/**
 * Its sender has received nothing, so the sentence of the class names no unread data. A bare RST is the answer of a host
 * without a socket, to which that does not matter.
 */
export function receivedNothing(event: ResetSeen): Sign | undefined {
  return event.isBare || !otherSentNoByte(event) ? undefined : { evidence: { received_nothing: true } };
}
