/** Numbers of RSTs that show what the capture lacks, and so are no guesses (docs/rules.md D3). */
import { s32 } from '../base/serial.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import type { Side } from './flow.ts';
import { layout } from './layout.ts';
import { lacksPackets } from './time-wait.ts';

const { SideBit } = layout;

/** The number is as good as the one that the receiver expects, by what the capture lacks. */
export const fitsUncaptured = (sender: Side, receiver: Side, segment: Segment): boolean =>
  isOfUnseenUse(sender, receiver, segment) ||
  answersUncaptured(sender, receiver, segment) ||
  isAfterUnseenFin(sender, receiver, segment);

/** Its sender had sent more than the capture has of it. */
export const isFurther = (sender: Side, seq: number): boolean => sender.has(SideBit.SPOKE) && s32(seq, sender.nxt) > 0;

/**
 * The numbers of an RST after a FIN lie beyond SYN and SYN-ACK: the capture has not a byte of either end, and the number of the FIN
 * shows that it lacks some. Where it has bytes, such a number is a guess, or what lies between was lost on the way. Beyond
 * its sender's own FIN it is a guess in any case. Where the other end is not in the capture, nothing shows a lack.
 */
const isOfUnseenUse = (sender: Side, receiver: Side, { seq }: Segment): boolean =>
  isFurther(sender, seq) &&
  !sender.has(SideBit.FIN) &&
  receiver.has(SideBit.SPOKE) &&
  sender.bytes === 0 &&
  receiver.bytes === 0 &&
  (lacksPackets(sender, receiver) || lacksPackets(receiver, sender));

/**
 * A bare RST at a number that its sender has reached answers a segment that the capture lacks, which acknowledged just that:
 * nothing of the other end was captured, or its sender has closed and the capture has not a byte of either end.
 */
const answersUncaptured = (sender: Side, receiver: Side, { seq, flags }: Segment): boolean =>
  (flags & Flag.ACK) === 0 &&
  sender.has(SideBit.SPOKE) &&
  s32(seq, sender.isn) > 0 &&
  s32(seq, sender.nxt) <= 0 &&
  (!receiver.has(SideBit.SPOKE) ||
    (sender.has(SideBit.FIN) && sender.bytes === 0 && receiver.bytes === 0 && lacksPackets(sender, receiver)));

/**
 * A bare RST has the number after what was captured of its sender, while the other end has closed: that end had acknowledged
 * one number more, so it is most likely that of its sender's FIN. A guess falls there once in as many as the window has.
 */
const isAfterUnseenFin = (sender: Side, receiver: Side, { seq, flags }: Segment): boolean =>
  (flags & Flag.ACK) === 0 &&
  sender.has(SideBit.SPOKE) &&
  !sender.has(SideBit.FIN) &&
  s32(seq, sender.nxt) === 1 &&
  (receiver.has(SideBit.FIN) || (receiver.has(SideBit.SPOKE) && s32(sender.acked, receiver.nxt) === 1));
