/**
 * What the other end has shown to be missing from the captures (docs/rules.md D0.7): it acknowledges what they do not
 * hold. Judged once for each flow, when it leaves, from what its record holds anyway.
 */
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import { USUAL_WINDOW_SCALE } from '../wire/tcp-options.ts';
import { isSelf } from './ends.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { ackedUnseen, notCaptured } from './time-wait.ts';

const { L, Phase, SideBit } = layout;

/** Who sends on for so long, and nothing a second time, has its data acknowledged: no timer of Linux waits that long. */
const GOES_ON: Nanos = 3 * SECOND;
const SEGMENTS = 3;
/** Without its SYN the scale of a window is a guess (midway.ts). No scale is above 14 (RFC 7323 §2.3). */
const MOST_SCALED = 1 << (14 - USUAL_WINDOW_SCALE);

export class Unseen {
  /** Flows of which nothing was captured of one side, although it has answered. */
  directions = 0;
  /** Others, in which more was acknowledged than was captured. */
  acknowledged = 0;

  note(flow: Flow): void {
    const { a, b, client, server } = flow;
    // Two SYN-ACKs for one SYN have numbers that do not fit each other, and one that talks to itself has but one side.
    if (flow.phase < Phase.OPEN || server.has(SideBit.TWO_NUMBERINGS | SideBit.TWO_ANSWERS) || isSelf(flow)) return;
    const spoke = a.has(SideBit.SPOKE);
    if (spoke !== b.has(SideBit.SPOKE)) {
      if (hasAnAnswer(flow, spoke ? a : b)) this.directions++;
    } else if (spoke && (isAckedUnseen(flow, client, server) || isAckedUnseen(flow, server, client)))
      this.acknowledged++;
  }
}

/** `side` alone was captured, and would not have sent this without an answer. */
function hasAnAnswer(flow: Flow, side: Side): boolean {
  // A client stands at 0 until it has acknowledged a SYN-ACK.
  if (side.has(SideBit.SYN)) return side.acked !== 0;
  if (side.has(SideBit.SYN_ACK)) return ((side.nxt - side.isn) | 0) > 1;
  const moved = (side.nxt - side.isn - 1 - fin(side)) | 0;
  return side.packets >= SEGMENTS && moved > 0 && moved === side.bytes && flow.last - flow.opened >= GOES_ON;
}

/**
 * The peer has acknowledged what was not captured of `side`. One damaged or forged number may say the same, so the numbers
 * of `side` must go on from there, or the peer's last packet must show in another way that it has received it.
 */
const isAckedUnseen = (flow: Flow, side: Side, peer: Side): boolean =>
  isPassedOver(side, peer) || (ackedUnseen(side, peer) && isSure(flow, side, peer));

/**
 * The numbers of `side` have advanced by more than was captured, and were acknowledged. Bytes that were captured twice, or
 * sent again, count twice: this errs on the side of what was captured. What was under way when the capture began fits into
 * the window of its receiver.
 */
function isPassedOver(side: Side, peer: Side): boolean {
  const underWay = side.has(SideBit.SYN | SideBit.SYN_ACK) ? 0 : Math.max(peer.maxWindow, 1) * MOST_SCALED;
  return notCaptured(side) - Math.max(0, s32(side.nxt, peer.acked)) > underWay;
}

/**
 * The peer's last packet acknowledges it, and echoes a TSval that was not captured, or is its FIN. A FIN says nothing if the
 * capture may have begun with a retransmission, while more was under way.
 */
function isSure(flow: Flow, side: Side, peer: Side): boolean {
  if (peer.sent(L.SENT_ACK) !== peer.acked) return false;
  if ((peer.sentFlags & Flag.FIN) !== 0 && side.has(SideBit.SYN | SideBit.SYN_ACK)) return true;
  return flow.timestampsOn === true && s32(peer.sent(L.SENT_TSECR), side.tsRecent) > 0;
}

const fin = (side: Side): number => (side.has(SideBit.FIN) ? 1 : 0);
