/**
 * Packets captured at two points of a path, as in a capture merged from those of both ends (docs/rules.md D0.3). The copy
 * comes later than that of a mirror. Still it is not a retransmission: no timer is that short, and a retransmission has
 * another TSval and another IPv4 identification.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { isFromB } from '../wire/fingerprint.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { WINDOW } from './duplicates.ts';
import { findAwake } from './find-flow.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { USUAL_SYN_RTO } from './syn-timer.ts';
import type { Tracker } from './tracker.ts';

const { L, SideBit } = layout;
const { SYN, ACK } = Flag;

/** A timer seems shorter if the delay to the capture point varies; hence the margin. */
const SOONER: Nanos = USUAL_SYN_RTO - 100 * MILLISECOND;

/** Counts SYNs and SYN-ACKs with such late copies. If both directions have them, they are not duplicated by the path. */
export class SecondCapturePoint {
  syns = 0;
  synAcks = 0;

  /** Whether the segment at hand is a copy of a SYN or SYN-ACK of `side`, by what it carries; if so, it is counted. */
  takes(t: Tracker, flow: Flow, side: Side): boolean {
    if (!isCopy(t, side) && !isFirstAgain(t, flow, side)) return false;
    t.duplicates++;
    this.note(t, flow.pair);
    return true;
  }

  /** The segment at hand was recognised as a copy of one captured at `firstAt`. Only those with SYN can be so late. */
  copied(t: Tracker, firstAt: Nanos): void {
    const { segment, table } = t;
    if ((segment.flags & SYN) === 0 || segment.at - firstAt <= WINDOW) return;
    const base = findAwake(t, isFromB(segment));
    if (base >= 0) this.note(t, table.words[base + L.PAIR]!);
  }

  private note({ segment, pairs }: Tracker, pair: number): void {
    if ((segment.flags & ACK) === 0) this.syns++;
    else this.synAcks++;
    pairs.noteCopy(pair, (segment.flags & ACK) !== 0);
  }
}

function isCopy({ segment, now, table }: Tracker, side: Side): boolean {
  const { seq, flags, timestamps, tsval, ipId } = segment;
  const isSame = side.sentFlags === flags && side.sent(L.SENT_SEQ) === seq && (flags & SYN) !== 0;
  if (!isSame || !(now - side.sentAt < SOONER)) return false;
  if ((table.words[side.base + L.TTL_ID]! & 0xffff) !== ipId) return false;
  if (timestamps !== Timestamps.PRESENT) return ipId !== 0 && !side.has(SideBit.TS_ON_SYN);
  return side.has(SideBit.TS_ON_SYN) && side.sent(L.SENT_TSVAL) === tsval;
}

/** Other packets of the side were captured meanwhile, so only the TSval of its first SYN or SYN-ACK can be compared. */
function isFirstAgain({ segment, now }: Tracker, flow: Flow, side: Side): boolean {
  const { seq, flags, timestamps, tsval } = segment;
  const bit = (flags & ACK) === 0 ? SideBit.SYN : SideBit.SYN_ACK;
  if (timestamps !== Timestamps.PRESENT || !side.has(SideBit.TS_ON_SYN) || !side.has(bit)) return false;
  return side.isn === seq && side.synTsval === tsval && now - flow.opened < SOONER;
}

/** Whether the RST at hand is a copy of the last one, captured at a second point of the path. */
export function isResetCopy({ segment, now, pairs }: Tracker, flow: Flow, sender: Side): boolean {
  const isSame = sender.sentFlags === segment.flags && sender.sent(L.SENT_SEQ) === segment.seq;
  return isSame && now - sender.sentAt < SOONER && pairs.isSeenTwice(flow.pair);
}
