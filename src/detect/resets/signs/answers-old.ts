/**
 * Signs of a bare RST that answers nothing new of the capture. It answers some segment (docs/rules.md B4), so that was a late
 * copy, or was not captured; and a socket does not go without a packet, so how it was closed was not captured either (D3).
 */
import { s32 } from '../../../base/serial.ts';
import { duration, MILLISECOND, type Nanos, SECOND } from '../../../base/time.ts';
import { type End, otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import { CAPTURE_DISORDER } from '../../../flow/late-syn.ts';
import { layout } from '../../../flow/layout.ts';
import { endOf, isData, lastPacket } from '../../../flow/packet.ts';
import { Flag, withoutEcn } from '../../../wire/tcp.ts';
import { mayBeByDevice } from '../origin-hints.ts';
import { answersData } from './fin-held.ts';
import type { Sign } from './sign.ts';

const { L, SideBit } = layout;

/** A path that holds an answer back for longer, and ten times as long as its fastest, is no usual one. */
const LATE: Nanos = 200 * MILLISECOND;
const TIMES = 10;
/** After a longer silence a device may have given up the connection, and reset it unasked (docs/rules.md D7). */
const SILENCE: Nanos = 3 * SECOND;

/**
 * The last packet of the other end is older than others that it had sent, or than what the RST's sender had acknowledged and
 * echoed when it had a socket. What is sent again has a newer TSval.
 */
export function answersOldCopy({ flow, fromB, sender, receiver, segment }: ResetSeen): boolean {
  const last = lastPacket(flow, !fromB);
  const own = lastPacket(flow, fromB);
  if (flow.timestampsOn !== true || last === undefined || last.tsval === null || last.ack !== segment.seq >>> 0)
    return false;
  if (s32(last.tsval, receiver.tsRecent) < 0) return true;
  // An ACK without data, within the same tick, may be a challenge of an earlier RST.
  if (sender.has(SideBit.RST) && !isData(last)) return false;
  const isEchoed = own !== undefined && own.tsecr !== null && s32(own.tsecr, last.tsval) >= 0;
  return isEchoed && s32(endOf(last), sender.acked) <= 0;
}

/**
 * It comes long after the last packet of the other end, by how fast its sender has answered. That has sent neither data that
 * was not acknowledged, nor its FIN again: a path that had held these back would explain the RST.
 */
export function isLongAfter({ sender, receiver, segment }: ResetSeen): boolean {
  const isAcked = receiver.has(SideBit.FIN_ACKED);
  if (sender.leastAnswer === 0 || answersData(sender, receiver)) return false;
  if (!isAcked && receiver.has(SideBit.FIN_REPEATED)) return false;
  const late = isAcked ? CAPTURE_DISORDER : LATE;
  return segment.at - receiver.sentAt >= Math.max(late, TIMES * sender.leastAnswer);
}

/**
 * The last packet of the other end is the ACK of a TIME_WAIT or of a FIN_WAIT2 without an owner, which has no IP
 * identification, unlike those of its socket before (docs/rules.md B3), and its FIN was not captured. After an RST it may be
 * a challenge.
 */
const answersClosed = ({ sender, receiver, segment }: ResetSeen): boolean =>
  !sender.has(SideBit.RST) &&
  !receiver.has(SideBit.FIN) &&
  receiver.has(SideBit.IP_ID) &&
  receiver.ipId === 0 &&
  withoutEcn(receiver.sentFlags) === Flag.ACK &&
  receiver.sent(L.SENT_LENGTH) === 0 &&
  receiver.sent(L.SENT_ACK) === segment.seq;

/** It had a socket a moment ago, by its last packet, and answers nothing new. */
export function answersOld(event: ResetSeen): Sign | undefined {
  const { from, sender, receiver, isBare, segment } = event;
  if (!isBare || !receiver.has(SideBit.SPOKE) || mayBeByDevice(event)) return undefined;
  if (answersClosed(event)) return closedUnseen(from);
  const alive = segment.at - sender.sentAt;
  if (!sender.has(SideBit.SPOKE)) return undefined;
  if (!(alive >= CAPTURE_DISORDER && alive < SILENCE)) return undefined;
  const other = otherEnd(from);
  if (answersOldCopy(event)) {
    const what = receiver.sentAt > sender.sentAt ? 'a late copy' : 'something that the capture lacks, or a late copy';
    return {
      unseen: from,
      meaning: {
        clause: `The ${from} answers ${what} of an earlier packet of the ${other} by RST`,
        why: `it had its socket ${duration(alive)} before, and likely closed it since; the capture lacks how`,
      },
    };
  }
  const since = segment.at - receiver.sentAt;
  if (!isLongAfter(event) || since >= SILENCE) return undefined;
  return {
    unseen: from,
    meaning: {
      clause: `The ${from} resets ${duration(since)} after the ${other}'s last packet, though it answers in ${duration(sender.leastAnswer)}`,
      why: 'likely the capture lacks what it answers, and perhaps its FIN before that',
    },
  };
}

const closedUnseen = (from: End): Sign => ({
  unseen: from,
  meaning: {
    clause: `The ${from} answers an ACK of the ${otherEnd(from)} by RST, which had closed, by the form of that ACK`,
    why: `the capture lacks how, and perhaps the FIN of the ${from}, after which an RST is no fault`,
  },
});
