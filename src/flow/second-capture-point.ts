/**
 * One packet at two points of a path, as in the captures of both ends merged into one (docs/rules.md D0.3): its copy comes
 * later than that of a mirror, and yet is no retransmission, since no timer is that short, and what is sent again has a
 * TSval and an IPv4 identification of its own.
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

/** A timer may seem shorter by what the way to the capture varies. */
const SOONER: Nanos = USUAL_SYN_RTO - 100 * MILLISECOND;

/** SYNs and SYN-ACKs that came again so late: where packets of both directions do, it is no path that doubles them. */
export class SecondCapturePoint {
  syns = 0;
  synAcks = 0;

  /** The segment at hand is the SYN or SYN-ACK that `side` sent last, told apart by what it carries; then it is counted. */
  takes(t: Tracker, flow: Flow, side: Side): boolean {
    if (!isCopy(t, side) && !isFirstAgain(t, flow, side)) return false;
    t.duplicates++;
    this.note(t, flow.pair);
    return true;
  }

  /** The segment at hand was taken for a copy of one of `firstAt`. Of packets without SYN copies as late are not found. */
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

/** Other packets of the side were captured meanwhile: only the TSval of its first SYN or SYN-ACK is left to tell by. */
function isFirstAgain({ segment, now }: Tracker, flow: Flow, side: Side): boolean {
  const { seq, flags, timestamps, tsval } = segment;
  const bit = (flags & ACK) === 0 ? SideBit.SYN : SideBit.SYN_ACK;
  if (timestamps !== Timestamps.PRESENT || !side.has(SideBit.TS_ON_SYN) || !side.has(bit)) return false;
  return side.isn === seq && side.synTsval === tsval && now - flow.opened < SOONER;
}

/** The RST at hand was sent a moment ago at another point of a path that the capture shows twice. */
export function isResetCopy({ segment, now, pairs }: Tracker, flow: Flow, sender: Side): boolean {
  const isSame = sender.sentFlags === segment.flags && sender.sent(L.SENT_SEQ) === segment.seq;
  return isSame && now - sender.sentAt < SOONER && pairs.isSeenTwice(flow.pair);
}
