/**
 * Packets captured at two points of a path, as in a capture merged from those of both ends (docs/rules.md D0.3). The copy
 * comes later than that of a mirror. Still it is not a retransmission: no timer is that short, and a retransmission has
 * another TSval and another IPv4 identification. SYNs and SYN-ACKs show that a pair of hosts is captured twice. From
 * then on copies of its other packets are left out too, and the findings are those of one point.
 */
import { s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { isFromB } from '../wire/fingerprint.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { Recent, WINDOW } from './duplicates.ts';
import { findAwake } from './find-flow.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { USUAL_SYN_RTO } from './syn-timer.ts';
import type { Tracker } from './tracker.ts';

const { L, SideBit } = layout;
const { SYN, ACK, RST, FIN } = Flag;

/** A timer seems shorter if the delay to the capture point varies; hence the margin. */
export const SOONER: Nanos = USUAL_SYN_RTO - 100 * MILLISECOND;
/** Of pairs that are seen twice, 290,000 packets a second, in 7 MiB. */
const MAX_ENTRIES = 1 << 18;

/** Counts SYNs and SYN-ACKs with such late copies. If both directions have them, they are not duplicated by the path. */
export class SecondCapturePoint {
  syns = 0;
  synAcks = 0;
  /** A pair was seen twice: from then on `repeats` looks for other copies. */
  isAny = false;
  private readonly packets = new Recent(SOONER, MAX_ENTRIES);
  /** Pairs known to be seen twice, by their serial numbers: since when. Those of the last `SOONER`, in this order. */
  private readonly fresh = new Map<number, Nanos>();

  /** Whether the segment at hand is a copy of a SYN or SYN-ACK of `side`, by what it carries; if so, it is counted. */
  takes(t: Tracker, flow: Flow, side: Side): boolean {
    if (!isCopy(t, flow, side) && !isFirstAgain(t, flow, side)) return false;
    t.duplicates++;
    this.note(t, flow.pair);
    return true;
  }

  /** The segment at hand was recognised as a copy of one captured at `firstAt`. Only those with SYN can be so late. */
  copied(t: Tracker, firstAt: Nanos): void {
    const { segment, table } = t;
    if ((segment.flags & SYN) === 0 || segment.at - firstAt <= WINDOW) return;
    const base = findAwake(t, isFromB(segment));
    if (base >= 0) this.note(t, table.words[base + L.PAIR]);
  }

  /** The segment at hand, of the flow at `base`, has no SYN and was captured at another point of its path before. */
  repeats(t: Tracker, base: number, fromB: boolean): boolean {
    const { pairs, table } = t;
    const pair = table.words[base + L.PAIR];
    if (!pairs.isSeenTwice(pair)) return false;
    const isCopied =
      this.isKnown(t) || (this.isFresh(pairs.serial(pair), t.now) && isOldNews(t, t.flow.at(base).side(fromB)));
    if (isCopied) t.duplicates++;
    return isCopied;
  }

  /** Packets from before the pair was known to be seen twice may still be copied, and were not remembered. */
  private isFresh(serial: number, now: Nanos): boolean {
    const since = this.fresh.get(serial);
    return since !== undefined && now - since < SOONER;
  }

  private isKnown({ segment }: Tracker): boolean {
    const { flags, timestamps, ipId, fingerprint, fingerprint2, at, scope } = segment;
    // Nothing else tells what is sent again from a copy; but an RST says nothing new a second time.
    if (timestamps !== Timestamps.PRESENT && ipId === 0 && (flags & RST) === 0) return false;
    return this.packets.seen(fingerprint, fingerprint2, at, scope);
  }

  /** What was seen belongs to another time, or to other hosts. */
  clear(): void {
    this.packets.clear();
    this.fresh.clear();
  }

  private note({ segment, pairs, now }: Tracker, pair: number): void {
    const wasSeenTwice = pairs.isSeenTwice(pair);
    if ((segment.flags & ACK) === 0) this.syns++;
    else this.synAcks++;
    pairs.noteCopy(pair, (segment.flags & ACK) !== 0);
    if (wasSeenTwice || !pairs.isSeenTwice(pair)) return;
    this.isAny = true;
    for (const [serial, since] of this.fresh) {
      if (now - since < SOONER) break;
      this.fresh.delete(serial);
    }
    this.fresh.set(pairs.serial(pair), now);
  }
}

function isCopy(t: Tracker, flow: Flow, side: Side): boolean {
  const { segment, now } = t;
  const { seq, flags, timestamps, tsval, ipId } = segment;
  const isSame = side.sentFlags === flags && side.sent(L.SENT_SEQ) === seq && (flags & SYN) !== 0;
  if (!isSame || !(now - side.sentAt < SOONER)) return false;
  if (lastId(t, side) !== ipId) return false;
  if (timestamps !== Timestamps.PRESENT) return tellsPackets(t, flow, side) && !side.has(SideBit.TS_ON_SYN);
  return side.has(SideBit.TS_ON_SYN) && side.sent(L.SENT_TSVAL) === tsval;
}

const lastId = ({ table }: Tracker, side: Side): number => table.words[side.base + L.TTL_ID] & 0xffff;

/** What makes packets by hand gives all of them one identification, so that its SYN sent again would look like a copy. */
function tellsPackets(t: Tracker, flow: Flow, side: Side): boolean {
  const peer = flow.side(side.base === flow.a.base);
  const { ipId } = t.segment;
  return ipId !== 0 && !(peer.packets > 0 && lastId(t, peer) === ipId);
}

/** Other packets of the side were captured meanwhile, so only the TSval of its first SYN or SYN-ACK can be compared. */
function isFirstAgain({ segment, now }: Tracker, flow: Flow, side: Side): boolean {
  const { seq, flags, timestamps, tsval } = segment;
  const bit = (flags & ACK) === 0 ? SideBit.SYN : SideBit.SYN_ACK;
  if (timestamps !== Timestamps.PRESENT || !side.has(SideBit.TS_ON_SYN) || !side.has(bit)) return false;
  return side.isn === seq && side.synTsval === tsval && now - flow.opened < SOONER;
}

/** Whether its sender has sent all of this before, and its TSval is not newer, as that of a retransmission would be. */
function isOldNews({ segment }: Tracker, side: Side): boolean {
  const { seq, length, flags, ack, timestamps, tsval, at } = segment;
  // An RST has no number of its own: often that of an ACK which its sender has just sent.
  if ((flags & RST) !== 0 && !side.has(SideBit.RST)) return false;
  if (timestamps !== Timestamps.PRESENT || !side.has(SideBit.SPOKE) || !(at - side.tsAt < SOONER)) return false;
  const end = seq + length + (flags & FIN);
  return s32(tsval, side.tsRecent) <= 0 && s32(end, side.nxt) <= 0 && s32(ack, side.acked) <= 0;
}

/** Whether the RST at hand is a copy of the last one, captured at a second point of the path. */
export function isResetCopy({ segment, now, pairs }: Tracker, flow: Flow, sender: Side): boolean {
  const isSame = sender.sentFlags === segment.flags && sender.sent(L.SENT_SEQ) === segment.seq;
  return isSame && now - sender.sentAt < SOONER && pairs.isSeenTwice(flow.pair);
}
