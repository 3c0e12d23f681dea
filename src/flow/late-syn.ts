/**
 * A SYN that was recorded after other packets of its own connection: two interfaces, queues or clocks stamped the directions,
 * and one is late by more than a round trip (docs/rules.md D0.6).
 */
import { after, s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { noteClientTimestamp } from './advance.ts';
import type { Flow, Side } from './flow.ts';
import { agreeOnScale, startSide } from './handshake.ts';
import { layout } from './layout.ts';
import { lastPacket } from './packet.ts';
import { tellAnswered } from './syn-outcome.ts';
import type { Tracker } from './tracker.ts';

const { L, Phase, FlowBit, SideBit } = layout;

/** Packets of one connection may be captured in the wrong order by up to this time. */
export const CAPTURE_DISORDER: Nanos = 50 * MILLISECOND;
/** At most this many numbers lie between the SYN and what was captured before it. */
const NUMBERS_PASSED = 1 << 20;

/**
 * Whether the SYN at hand belongs to the flow, which has begun a moment ago without one: its numbers go on from the SYN, or
 * it consists of the RST that refuses it.
 */
export function isLateSyn(t: Tracker, flow: Flow, fromB: boolean): boolean {
  const { segment } = t;
  const sender = flow.side(fromB);
  const receiver = flow.side(!fromB);
  if (sender.has(SideBit.SYN | SideBit.SYN_ACK) || receiver.has(SideBit.SYN)) return false;
  if (t.now - flow.opened > CAPTURE_DISORDER) return false;
  if (sender.has(SideBit.SPOKE)) {
    const isNewer = segment.timestamps === Timestamps.PRESENT && after(segment.tsval, sender.tsRecent);
    return goesOn((sender.isn + 1) | 0, segment.seq) && !(sender.has(SideBit.TS_LATER) && isNewer);
  }
  return receiver.has(SideBit.SPOKE) ? goesOn(receiver.acked, segment.seq) : isRefused(t, flow, receiver);
}

/**
 * Whether packets of the connection that the SYN at hand opens were taken for those of `older`, which is closed. TSvals tell
 * them from its last packets: those of a SYN that is sent after them are newer.
 */
export function hasBegunIn(t: Tracker, older: Flow, fromB: boolean): boolean {
  const { segment, now } = t;
  if (segment.timestamps !== Timestamps.PRESENT || !t.isLingering(older.base)) return false;
  const says = (side: Side, number: number, stamp: number): boolean =>
    now - side.sentAt <= CAPTURE_DISORDER &&
    side.has(SideBit.TS_LATER) &&
    goesOn(side.sent(number), segment.seq) &&
    !after(segment.tsval, side.sent(stamp));
  return says(older.side(fromB), L.SENT_SEQ, L.SENT_TSVAL) || says(older.side(!fromB), L.SENT_ACK, L.SENT_TSECR);
}

/** The side's SYN was not captured, but something after it was. */
export const wasJoined = (side: Side): boolean => side.has(SideBit.SPOKE) && !side.has(SideBit.SYN | SideBit.SYN_ACK);

/**
 * Whether a SYN with this number and TSval may be the one that opened the connection, of which the capture lacks the
 * beginning: it stands shortly before what was captured, and its TSval is older. The ISN of a new connection stands there by
 * chance once in 4,096, and its TSval is older only where another host, or another clock, has come to the tuple.
 */
export const mayHaveOpened = (side: Side, isn: number, tsval: number): boolean =>
  wasJoined(side) && side.has(SideBit.TS_LATER) && goesOn((side.isn + 1) | 0, isn) && after(side.tsRecent, tsval);

const goesOn = (number: number, isn: number): boolean => s32(number, isn) > 0 && s32(number, isn) <= NUMBERS_PASSED;

const isRefused = ({ segment }: Tracker, { phase }: Flow, receiver: Side): boolean =>
  phase === Phase.RESET &&
  (receiver.sentFlags & Flag.ACK) !== 0 &&
  receiver.sent(L.SENT_ACK) === ((segment.seq + 1 + segment.length) | 0);

/**
 * Reports the SYN as if it had come first, unless its sender has already been heard: then its TSval is an old one. What the
 * connection did to an older one has been settled without it.
 */
export function takeLateSyn(t: Tracker, flow: Flow, fromB: boolean): void {
  const isHeard = flow.side(fromB).has(SideBit.SPOKE);
  const wasRefused = flow.phase === Phase.RESET && !flow.side(!fromB).has(SideBit.SPOKE);
  flow.set(FlowBit.CLIENT_KNOWN);
  flow.clear(FlowBit.BEGAN_WITH_SYN_ACK | FlowBit.CLIENT_IS_B);
  if (fromB) flow.set(FlowBit.CLIENT_IS_B);
  startLate(t, flow, flow.side(fromB));
  if (wasRefused) flow.phase = Phase.REFUSED;
  if (isHeard) {
    flow.set(FlowBit.TOLD);
    return;
  }
  t.hooks.opened(t.synSeen.of(flow, undefined, fromB));
  if (t.segment.timestamps === Timestamps.PRESENT) noteClientTimestamp(t, flow.base, fromB);
  const attempt = t.stories.of(flow.story)?.attempt;
  if (attempt === undefined) {
    tellAnswered(t, flow);
    return;
  }
  const answer = lastPacket(flow, !fromB);
  if (wasRefused && answer !== undefined) attempt.refused(answer);
  else attempt.accepted(answer, false, 'a later packet of the connection, recorded before the SYN');
  t.stories.settle(attempt, t.now);
}

/** Like `startSide`, for a side whose later packets have been seen: their numbers stay. */
function startLate(t: Tracker, flow: Flow, side: Side): void {
  const { words } = t.table;
  const { base } = side;
  const before = side.has(SideBit.SPOKE) ? words.slice(base, base + L.SIDE_WORDS) : undefined;
  startSide(t, flow, side);
  agreeOnScale(flow);
  if (before === undefined) return;
  for (const word of [L.NXT, L.ACKED, L.WINDOW, L.MAX_WINDOW]) words[base + word] = before[word];
  // The last packet stays the one with the highest numbers.
  for (let word = L.SENT_AT; word <= L.SENT_LENGTH; word++) words[base + word] = before[word];
}
