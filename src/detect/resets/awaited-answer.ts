/**
 * Recognises a client that gives up waiting for an answer. Its own read timeout ends in an RST too, and must not be
 * taken for the idle timer of a server or a device (docs/rules.md D7).
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import { Flag } from '../../wire/tcp.ts';
import { isClientAbort } from './client-abort.ts';

const { L, SideBit } = layout;

/** A client that aborts sooner than this has not waited for anything. */
const WAITED: Nanos = 1 * SECOND;

/**
 * The client aborts. Its last packet was data, all of its data is acknowledged, and neither that packet nor the RST
 * acknowledges anything new from the server. So the server has not responded: after a response that falls silent, the
 * client waits for nothing.
 */
export function awaitsAnswer(event: ResetSeen): boolean {
  if (!isClientAbort(event)) return false;
  const { sender: client, receiver: server, segment } = event;
  // A single byte may be a keep-alive probe that repeats the byte before it, as Windows sends them. Its acknowledgment
  // does not mean that the server has a request to answer.
  const sentData = client.sent(L.SENT_LENGTH) > 1 && (client.sentFlags & Flag.SYN) === 0;
  const ofAll = ((client.sent(L.SENT_SEQ) + client.sent(L.SENT_LENGTH)) | 0) === client.nxt;
  return (
    sentData &&
    ofAll &&
    server.has(SideBit.SPOKE) &&
    server.acked === client.nxt &&
    client.sent(L.SENT_ACK) === server.nxt &&
    segment.ack === server.nxt &&
    segment.at - client.sentAt >= WAITED
  );
}
