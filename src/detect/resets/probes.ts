/** Recognises keep-alive probes before an RST, by their numbers (docs/rules.md D3, D8). */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { Flag, withoutEcn } from '../../wire/tcp.ts';
import { Timestamps } from '../../wire/tcp-options.ts';

const { L, SideBit } = layout;

/** Whoever probes waits for at least a second before it gives up (Linux: TCP_KEEPINTVL); this much less by the capture. */
export const PROBE_INTERVAL: Nanos = 0.9 * SECOND;

/**
 * The last packet of all was a keep-alive probe of the sender: no or one byte at the number before its next one (RFC
 * 1122 §4.2.3.6), when all of its data was acknowledged. New data of one byte ends at the same number, but that is not
 * acknowledged before it was sent.
 */
export const probesInVain = (sender: Side, receiver: Side): boolean =>
  isProbe(sender) && receiver.acked === sender.nxt && receiver.sentAt < sender.sentAt;

/** By its numbers the last packet of the side was a keep-alive probe. */
export function isProbe(side: Side): boolean {
  const isControl = (side.sentFlags & (Flag.SYN | Flag.FIN)) !== 0;
  return !isControl && side.sent(L.SENT_SEQ) === ((side.nxt - 1) | 0) && side.sent(L.SENT_LENGTH) <= 1;
}

/**
 * The last packet of its sender was a keep-alive probe, the other end answered it, and a second later the RST echoes a TSval
 * older than that answer's, the same as the probe did. An answer that arrives renews what its receiver echoes, as it stands
 * exactly where that expects the next segment (RFC 7323 §4.3).
 */
export function hearsNoAnswer({ sender, receiver, segment, isBare, flow }: ResetSeen): boolean {
  if (isBare || flow.timestampsOn !== true || segment.timestamps !== Timestamps.PRESENT || !isProbe(sender))
    return false;
  const isAnswer =
    withoutEcn(receiver.sentFlags) === Flag.ACK &&
    receiver.sent(L.SENT_LENGTH) === 0 &&
    receiver.sent(L.SENT_ACK) === sender.nxt &&
    receiver.sent(L.SENT_SEQ) === sender.acked &&
    receiver.sentAt > sender.sentAt;
  const isOld = s32(segment.tsecr, receiver.sent(L.SENT_TSVAL)) < 0 && segment.tsecr === sender.sent(L.SENT_TSECR);
  return isAnswer && isOld && segment.at - receiver.sentAt >= PROBE_INTERVAL;
}

/** It gave up probing, so its last interval between probes is no timer of a connection that was idle (docs/rules.md D7). */
export const gaveUpProbing = (event: ResetSeen): boolean =>
  probesInVain(event.sender, event.receiver) || probedUnseen(event) || hearsNoAnswer(event);

/** Nothing of the other end was captured, and its last packet can be nothing but a keep-alive probe. */
const probedUnseen = ({ sender, receiver }: ResetSeen): boolean =>
  !receiver.has(SideBit.SPOKE) && isProbe(sender) && sender.sent(L.SENT_LENGTH) === 0;
