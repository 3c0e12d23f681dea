/**
 * What the other end has shown to be missing from the captures (docs/rules.md D0.7): it acknowledges what they do not
 * hold. Judged once for each flow, when it leaves, from what its record holds anyway.
 */
import { type Nanos, SECOND } from '../base/time.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';

const { Phase, SideBit } = layout;

/** Who sends on for so long, and nothing a second time, has its data acknowledged: no timer of Linux waits that long. */
const GOES_ON: Nanos = 3 * SECOND;
const SEGMENTS = 3;

export class Unseen {
  /** Flows of which nothing was captured of one side, although it has answered. */
  directions = 0;
  /** Others, in which more was acknowledged than was captured. */
  acknowledged = 0;

  note(flow: Flow): void {
    const { a, b, client, server } = flow;
    // The numbers of the two sides of a SYN proxy do not fit each other, and one that talks to itself has but one side.
    if (flow.phase < Phase.OPEN || server.has(SideBit.TWO_NUMBERINGS) || isSelf(flow)) return;
    const spoke = a.has(SideBit.SPOKE);
    if (spoke !== b.has(SideBit.SPOKE)) {
      if (hasAnAnswer(flow, spoke ? a : b)) this.directions++;
    } else if (spoke && (isAckedUnseen(client, server) || isAckedUnseen(server, client))) this.acknowledged++;
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
 * Bytes that were captured twice, or sent again, count twice here: this errs on the side of what was captured. What was
 * under way when the capture began fits into the window of its receiver.
 */
function isAckedUnseen(side: Side, peer: Side): boolean {
  const slack = side.has(SideBit.SYN | SideBit.SYN_ACK) ? 0 : Math.max(peer.maxWindow, 1);
  return ((peer.acked - side.isn - 1 - fin(side) - side.bytes) | 0) > slack;
}

const isSelf = (flow: Flow): boolean => flow.hostA === flow.hostB && flow.port(false) === flow.port(true);

const fin = (side: Side): number => (side.has(SideBit.FIN) ? 1 : 0);
