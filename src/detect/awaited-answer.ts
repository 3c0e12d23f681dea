/** A client that gives up waiting: its own read timeout ends in an RST too, and is no idle timer of anybody (docs/rules.md D7). */
import { type Nanos, SECOND } from '../base/time.ts';
import type { ResetSeen } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';

const { FlowBit, L, SideBit } = layout;

/** Whoever aborts sooner has not waited. */
const WAITED: Nanos = 1 * SECOND;

/**
 * The client aborts, its last packet was data, all of it acknowledged, and neither that data nor the RST acknowledges
 * anything that came from the server since. A server that falls silent after its response has nothing to wait for.
 */
export function awaitsAnswer({
  class: kind,
  from,
  flow,
  sender: client,
  receiver: server,
  segment,
}: ResetSeen): boolean {
  if (kind !== 'abort' || from !== 'client' || !flow.has(FlowBit.CLIENT_KNOWN)) return false;
  if (flow.timestampsOn === true && segment.timestamps === Timestamps.ABSENT) return false;
  // One byte may be a keep-alive probe that repeats the one before (Windows sends it so), and is acknowledged by itself.
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
