/** Recognises an end that has sent no byte until a connection is reset (docs/rules.md D3, D7). */
import { s32 } from '../../base/serial.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { isFurther } from '../../flow/resets.ts';
import { isClientAbort } from './client-abort.ts';

const { FlowBit, Phase, SideBit } = layout;

/** After its SYN the end has sent at most a FIN, by its own numbers and by what the other end acknowledges. */
export function sentNoByte(end: Side, other: Side): boolean {
  const fin = end.has(SideBit.FIN) ? 1 : 0;
  const isEmpty = (next: number): boolean => {
    const bytes = s32(next, (end.isn + 1) | 0);
    return bytes >= 0 && bytes <= fin;
  };
  return isEmpty(end.nxt) && isEmpty(other.acked);
}

/** The client resets, and has sent no byte before. */
export const clientSentNoByte = ({ from, flow, sender: client, receiver: server, segment }: ResetSeen): boolean =>
  from === 'client' && flow.has(FlowBit.CLIENT_KNOWN) && sentNoByte(client, server) && !isFurther(client, segment.seq);

/**
 * The server resets, and has sent no byte before. A listener that is closed aborts in this way all connections that
 * nobody has accepted (Linux inet_csk_listen_stop), whatever the application would have done.
 */
export const serverSentNoByte = ({ from, sender: server, receiver: client, segment }: ResetSeen): boolean =>
  from === 'server' &&
  server.has(SideBit.SYN_ACK) &&
  sentNoByte(server, client) &&
  segment.seq === ((server.isn + 1) | 0);

/** The end that resets has received no byte, so nothing can be unread. */
export const otherSentNoByte = ({ flow, sender, receiver, isBare, segment }: ResetSeen): boolean =>
  flow.has(FlowBit.CLIENT_KNOWN) && sentNoByte(receiver, sender) && (isBare || s32(segment.ack, receiver.nxt) <= 0); // else it acknowledges bytes that the capture lacks

/** The client aborts, and the capture shows from the SYN on that neither end has sent a byte. */
export const neitherSentAByte = (event: ResetSeen): boolean => {
  const { sender: client, receiver: server, segment } = event;
  return (
    isClientAbort(event) &&
    server.has(SideBit.SYN_ACK) &&
    clientSentNoByte(event) &&
    sentNoByte(server, client) &&
    segment.ack === server.nxt
  );
};

/**
 * The RST of a connection of which the capture has no more than SYN and SYN-ACK, by its numbers long in use: how long it
 * had been silent is not known.
 */
export const lacksUse = ({ class: kind, flow }: ResetSeen): boolean =>
  flow.phase === Phase.SYN_RCVD && (kind === 'abort' || kind === 'no-state');
