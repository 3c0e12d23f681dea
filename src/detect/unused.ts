/** Recognises a connection that nobody has used, and that its client aborts (docs/rules.md D3, D7). */
import type { ResetSeen } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import { Timestamps } from '../wire/tcp-options.ts';

const { FlowBit, SideBit } = layout;

/** The client aborts, and the capture shows from the SYN on that neither end has sent a byte. */
export function sentNoByte({ class: kind, from, flow, sender: client, receiver: server, segment }: ResetSeen): boolean {
  if (kind !== 'abort' || from !== 'client' || !flow.has(FlowBit.CLIENT_KNOWN)) return false;
  if (flow.timestampsOn === true && segment.timestamps === Timestamps.ABSENT) return false;
  const [first, greeting] = [(client.isn + 1) | 0, (server.isn + 1) | 0];
  const isSilent = server.has(SideBit.SYN_ACK) && server.nxt === greeting && server.acked === first;
  return isSilent && client.nxt === first && client.acked === greeting && segment.ack === greeting;
}

/** A device that resets in the name of an end knows no TSval of it: this RST is one of a socket. */
export const isFromSocket = ({ flow, segment }: ResetSeen): boolean =>
  flow.timestampsOn === true && segment.timestamps === Timestamps.PRESENT;
