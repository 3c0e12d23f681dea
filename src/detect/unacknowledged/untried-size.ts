/** Data that may have been too large for the path, as nothing of its size was ever acknowledged (docs/rules.md D8). */
import { seconds } from '../../base/time.ts';
import type { Unacknowledged } from '../../flow/stories/unacknowledged.ts';
import { isInUse } from '../resets/known-timers.ts';

/**
 * No data of the sender was ever acknowledged. A sender whose timer expires begins with the first byte that is not (RFC 6298
 * §5.4): if none of its retransmissions does, an ACK of what comes before was not captured, as where a filter leaves out ACKs.
 */
export const isFirst = ({ carries, ackedBefore, transmissions }: Unacknowledged): boolean =>
  carries === 'data' && ackedBefore === 0 && transmissions.shortest > 0;

/** IPv6 requires a path to carry 1280 bytes, and IPv4 paths do in practice: smaller segments fit. */
const LARGE = 1200;
/** With the usual MTU of 1500: the largest segment, and the usual one, which has timestamps. */
const LARGEST = 1460;
const USUAL = 1448;
/** Segments of jumbo frames (MTU 9000) are longer than six usual ones, and no longer than this. */
const JUMBO = 8960;

/**
 * The other end answered smaller packets, its SYN-ACK at least, and of the segments that it does not acknowledge none is
 * smaller than all that it had acknowledged before together: none of their size has reached it, as far as is known. After a
 * longer silence a device that has forgotten the connection is likelier.
 */
export function untriedSize(story: Unacknowledged): number | undefined {
  const { carries, ackedBefore, idle } = story;
  if (carries !== 'data' || ackedBefore === undefined || ackedBefore < 0) return undefined;
  if (story.here.hasClosed || story.elsewhere.moved !== undefined) return undefined;
  if (idle === undefined || !isInUse(seconds(idle))) return undefined;
  const size = sizeInVain(story);
  return size >= LARGE && ackedBefore < size ? size : undefined;
}

/** Of the segments that are not acknowledged, or were not until the first smaller one; or 0. */
function sizeInVain({ class: kind, transmissions }: Unacknowledged): number {
  const { shortest, shortestBefore } = transmissions;
  if (kind === 'answers-lost') return 0;
  if (kind !== 'recovered') return segmentSize(shortest);
  const before = segmentSize(shortestBefore);
  return before > segmentSize(shortest) ? before : 0;
}

/** A capture on the sender may show several segments as one, which the network card splits (TSO). */
function segmentSize(captured: number): number {
  const isOne = captured <= LARGEST || (captured > 6 * LARGEST && captured <= JUMBO);
  return isOne ? captured : USUAL;
}
