/** Recognises an end that has sent no byte until a connection is reset (docs/rules.md D3, D7). */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { isFurther, type ResetClass } from '../../flow/resets.ts';
import { Flag, withoutEcn } from '../../wire/tcp.ts';
import { isClientAbort } from './client-abort.ts';

const { FlowBit, SideBit } = layout;

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

/** Initial timer of a SYN-ACK on old kernels (2.6.32); newer ones take one second. */
const SYN_ACK_REPEATED: Nanos = 3 * SECOND;

/**
 * How long after its SYN-ACK the server resets, if that was its only packet, and it would have repeated it by then, as it
 * does until the client acknowledges it (docs/rules.md F13).
 */
export function sinceOnlySynAck({ class: kind, from, sender: server, segment }: ResetSeen): Nanos | undefined {
  const isOnly = server.packets === 1 && withoutEcn(server.sentFlags) === (Flag.SYN | Flag.ACK);
  const waited = segment.at - server.sentAt;
  const isLate = kind === 'handshake-abort' && from === 'server' && isOnly && waited > SYN_ACK_REPEATED * 1.1;
  return isLate ? waited : undefined;
}

/** Classes of an RST that ends a connection which was open, by its numbers. */
const OF_OPEN: ReadonlySet<ResetClass> = new Set(['abort', 'abort-after-peer-fin', 'after-own-fin', 'no-state']);

/**
 * The capture has no byte of either end, though the numbers of the RST show that it lacks some, or it lacks the end of the
 * handshake, and a bare RST acknowledges nothing: how long the connection had been silent is not known.
 */
export const lacksUse = (event: ResetSeen): boolean =>
  isBeyondCapture(event) || (event.isBare && sinceOnlySynAck(event) !== undefined);

const isBeyondCapture = ({ class: kind, sender, receiver, isBare, segment }: ResetSeen): boolean =>
  OF_OPEN.has(kind) &&
  sender.bytes === 0 &&
  receiver.bytes === 0 &&
  (isFurther(sender, segment.seq) || (!isBare && s32(segment.ack, receiver.nxt) > 0));
