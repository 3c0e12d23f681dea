/** An end that gives up because the answers to what it sends are lost behind the capture point (docs/rules.md D3, D8). */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import { Flag } from '../../wire/tcp.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { isProbe } from './reset-hints.ts';

const { L } = layout;

/** Whoever probes waits for at least a second before it gives up (Linux: TCP_KEEPINTVL); this much less by the capture. */
export const PROBE_INTERVAL: Nanos = 0.9 * SECOND;

/**
 * The last packet of its sender was a keep-alive probe, the other end answered it, and a second later the RST echoes a TSval
 * older than that answer's, the same as the probe did. An answer that arrives renews what its receiver echoes, as it stands
 * exactly where that expects the next segment (RFC 7323 §4.3).
 */
export function hearsNoAnswer({ sender, receiver, segment, isBare, flow }: ResetSeen): boolean {
  if (isBare || flow.timestampsOn !== true || segment.timestamps !== Timestamps.PRESENT || !isProbe(sender))
    return false;
  const isAnswer =
    receiver.sentFlags === Flag.ACK &&
    receiver.sent(L.SENT_LENGTH) === 0 &&
    receiver.sent(L.SENT_ACK) === sender.nxt &&
    receiver.sent(L.SENT_SEQ) === sender.acked &&
    receiver.sentAt > sender.sentAt;
  const isOld = s32(segment.tsecr, receiver.sent(L.SENT_TSVAL)) < 0 && segment.tsecr === sender.sent(L.SENT_TSECR);
  return isAnswer && isOld && segment.at - receiver.sentAt >= PROBE_INTERVAL;
}

/** What its sender has sent again and again was acknowledged, as the story of it shows at this moment. */
export function sentAgainThoughAcknowledged({ tracker, flow, fromB }: ResetSeen): boolean {
  return tracker.stories.unacknowledged(flow.story, fromB)?.class === 'answers-lost';
}
