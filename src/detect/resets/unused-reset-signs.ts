/** Signs that the client resets a connection on which it has sent nothing (docs/rules.md D3). */
import { duration } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import { isFromSocket, sentNoByte } from '../unused.ts';
import { ANSWER } from './reset-hints.ts';
import type { Sign } from './sign.ts';

const { FlowBit } = layout;

/**
 * The client has sent no byte, and the server no more than a greeting, when the client resets, soon after the handshake. An
 * RST of a listener's queue or of an idle timer comes from the server, or later.
 */
export function unusedByClient({ from, flow, sender: client, receiver: server, segment }: ResetSeen): Sign | undefined {
  const first = (client.isn + 1) | 0;
  const sentNothing = flow.has(FlowBit.CLIENT_KNOWN) && client.nxt === first && server.acked === first;
  if (from !== 'client' || !sentNothing || server.packets > 2 || !(segment.at - flow.opened <= ANSWER))
    return undefined;
  return {
    evidence: { unused: true },
    meaning: {
      clause: 'The client resets a connection that it has not used',
      why: 'likely a health check, a scan, or the slower of two attempts (happy eyeballs)',
    },
  };
}

/** The same later, when the server has sent nothing either. */
export function nothingSent(event: ResetSeen): Sign | undefined {
  const waited = event.segment.at - event.flow.opened;
  if (!sentNoByte(event) || !(waited > ANSWER)) return undefined;
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
