/** Recognises an end that has sent no byte until a connection is reset (docs/rules.md D3, D7). */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { isFurther } from '../../flow/reset-numbers.ts';
import type { ResetClass } from '../../flow/resets.ts';
import { Flag, withoutEcn } from '../../wire/tcp.ts';
import { isClientAbort } from './client-abort.ts';

const { FlowBit, Phase, SideBit } = layout;

/**
 * After its SYN the end has sent at most a FIN, by its own numbers and by what the other end acknowledges: the ISN, if the
 * capture lacks its ACK of the handshake.
 */
export function sentNoByte(end: Side, other: Side): boolean {
  const most = end.has(SideBit.FIN) ? 2 : 1;
  const isEmpty = (next: number, least: number): boolean => {
    const numbers = s32(next, end.isn);
    return numbers >= least && numbers <= most;
  };
  return isEmpty(end.nxt, 1) && isEmpty(other.acked, 0);
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

/**
 * The end that resets has received no byte, so nothing can be unread: the other end has sent none, or the RST,ACK
 * acknowledges none.
 */
export function otherSentNoByte({ flow, sender, receiver, isBare, segment }: ResetSeen): boolean {
  if (!flow.has(FlowBit.CLIENT_KNOWN)) return false;
  const first = (receiver.isn + 1) | 0;
  if (!isBare && segment.ack === first && s32(sender.acked, first) <= 0) return true;
  // An RST,ACK may acknowledge bytes that the capture lacks.
  return sentNoByte(receiver, sender) && (isBare || s32(segment.ack, receiver.nxt) <= 0);
}

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
 * How long after the server's SYN-ACK an end resets, if that was the only packet of the server, which would have repeated it
 * by then, as it does until the client acknowledges it (docs/rules.md F13).
 */
export function sinceOnlySynAck({ class: kind, flow: { server }, segment }: ResetSeen): Nanos | undefined {
  const isOnly = server.packets === 1 && withoutEcn(server.sentFlags) === (Flag.SYN | Flag.ACK);
  const waited = segment.at - server.sentAt;
  return kind === 'handshake-abort' && isOnly && waited > SYN_ACK_REPEATED * 1.1 ? waited : undefined;
}

/** Classes of an RST that ends a connection which was open, by its numbers. */
const OF_OPEN: ReadonlySet<ResetClass> = new Set(['abort', 'abort-after-peer-fin', 'after-own-fin', 'no-state']);

/**
 * The capture has no byte of either end, though the numbers of the RST show that it lacks some, or it lacks the end of the
 * handshake, and a bare RST acknowledges nothing: how long the connection had been silent is not known.
 */
export const lacksUse = (event: ResetSeen): boolean =>
  isBeyondCapture(event) || (event.isBare && sinceOnlySynAck(event) !== undefined);

const isBeyondCapture = ({ class: kind, flow, sender, receiver, isBare, segment }: ResetSeen): boolean =>
  OF_OPEN.has(kind) &&
  sender.bytes === 0 &&
  receiver.bytes === 0 &&
  (flow.phase === Phase.SYN_SENT || isFurther(sender, segment.seq) || (!isBare && s32(segment.ack, receiver.nxt) > 0));
