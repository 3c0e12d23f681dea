/**
 * The sign of an end that had closed, or whose process had ended, while its data was still to be sent: the kernel holds the
 * FIN behind that data, so that no packet shows the close, and answers data that comes meanwhile by a bare RST
 * (docs/rules.md D3).
 */
import { s32 } from '../../../base/serial.ts';
import { duration } from '../../../base/time.ts';
import { otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import type { Side } from '../../../flow/flow.ts';
import { layout } from '../../../flow/layout.ts';
import { dataEnd } from '../../../flow/stories/reset-aftermath.ts';
import { ackedUnseen } from '../../../flow/time-wait.ts';
import { mostLikely } from '../reset-words.ts';
import { ANSWER } from '../silence.ts';
import type { Sign } from './sign.ts';

const { FlowBit, L, SideBit } = layout;

/** The least MSS that each end takes (RFC 9293 §3.7.1). A shorter segment was the last that its sender had to send. */
const LEAST_FULL = 536;

/**
 * The other end sent data that its sender never acknowledged. A socket that has closed resets at nothing else: an ACK or a
 * FIN it still takes (tcp_rcv_state_process: TCPAbortOnData).
 */
export const answersData = (sender: Side, receiver: Side): boolean =>
  receiver.has(SideBit.SPOKE) && s32(dataEnd(receiver), sender.acked) > 0;

/** Ten segments are sent without waiting for an ACK (RFC 6928), and the FIN with them. */
const INITIAL_WINDOW = 10 * LEAST_FULL;

/**
 * More data is likely to follow the last it sent: that fills a segment, and what the RST answers has not acknowledged it, or
 * is the first to do so, in a long transfer.
 */
function isSending({ flow, sender, segment }: ResetSeen): boolean {
  if (sender.sent(L.SENT_LENGTH) < LEAST_FULL) return false;
  if (s32(sender.nxt, segment.seq) >= LEAST_FULL) return true;
  return sender.bytes > INITIAL_WINDOW && flow.last - flow.gap === sender.sentAt;
}

/** All it had sent is acknowledged, and the window lets no more through. */
const isShutOut = (sender: Side, receiver: Side): boolean => receiver.acked === sender.nxt && receiver.window === 0;

/** Its socket existed a second ago, by its last packet. Else a timer would have shown that it still does. */
export function finHeld(event: ResetSeen): Sign | undefined {
  const { from, flow, sender, receiver, segment, isBare } = event;
  const since = segment.at - sender.sentAt;
  if (!isBare || !flow.has(FlowBit.CLIENT_KNOWN) || sender.bytes === 0 || !(since <= ANSWER)) return undefined;
  // After an RST of the other end nothing is open any more. A number that the capture lacks may have been the FIN.
  if (!answersData(sender, receiver) || receiver.has(SideBit.RST) || ackedUnseen(sender, receiver)) return undefined;
  if (!isSending(event) && !isShutOut(sender, receiver)) return undefined;
  return {
    evidence: { fin_held: true },
    meaning: mostLikely(
      `The ${from} had closed with its own data unsent when data of the ${otherEnd(from)} came`,
      `it had sent data until ${duration(since)} before, and its FIN was held behind the rest, which is lost`,
    ),
  };
}
