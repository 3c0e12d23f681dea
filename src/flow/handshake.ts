/** What SYN, SYN-ACK and the segments after them share: how a side starts, and when a flow counts as open. */
import { s32 } from '../base/serial.ts';
import { Flag } from '../wire/tcp.ts';
import { asksToJoin, NO_WINDOW_SCALE, Timestamps, USUAL_WINDOW_SCALE } from '../wire/tcp-options.ts';
import { record } from './advance.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { endByAcceptance, olderOf } from './older.ts';
import { lastPacket, packetAt } from './packet.ts';
import { echoesOlder } from './resets.ts';
import { retire } from './retirement.ts';
import { storyOfSyn, tellAnswered } from './syn-outcome.ts';
import { continuesTimeWait, synVerdict } from './time-wait.ts';
import type { Tracker } from './tracker.ts';
import { handshakeHeard } from './unheard-syn-ack.ts';

const { L, Phase, FlowBit, SideBit } = layout;

/** A first segment after the SYN lies at most this far behind it when the SYN-ACK was not captured. */
const FIRST_FLIGHT = 1 << 16;
/** So much of the end of an old connection may be missing from the capture. */
const MISSED = 1 << 16;

/** A side's SYN or SYN-ACK sets its numbers. Data on a SYN counts (RFC 7413 made it common). */
export function startSide(t: Tracker, flow: Flow, side: Side): void {
  const { segment } = t;
  const { words } = t.table;
  const synAck = (segment.flags & Flag.ACK) !== 0;
  const first = !side.has(SideBit.TS_ON_SYN | SideBit.TS_LATER);
  side.isn = segment.seq;
  side.nxt = (side.isn + 1 + segment.length) | 0;
  side.set(SideBit.SPOKE | (synAck ? SideBit.SYN_ACK : SideBit.SYN));
  // Until a side acknowledges, it has received nothing: it stands at the peer's ISN.
  const peer = side.base === flow.a.base ? flow.b : flow.a;
  side.acked = synAck ? segment.ack : peer.isn;
  if (segment.timestamps === Timestamps.PRESENT) {
    if (first || s32(segment.tsval, side.tsRecent) >= 0) side.noteTimestamp(segment.tsval, t.now);
    side.set(SideBit.TS_ON_SYN);
    words[side.base + L.SYN_TSVAL] = segment.tsval;
  } else if (segment.timestamps === Timestamps.UNKNOWN) side.set(SideBit.TS_CUT);
  if (asksToJoin(segment.synOptions)) side.set(SideBit.JOINS);
  side.windowScale = segment.windowScale;
  side.advertise(segment.window);
  t.pairs.hear(flow.pair, side.base === flow.b.base);
  record(t, flow.base, side.base);
}

/** RFC 7323 §2.2: windows are scaled only when both SYNs carried the option. */
export function agreeOnScale(flow: Flow): void {
  const { a, b } = flow;
  const off = refusesScale(a) || refusesScale(b);
  agreeOn(a, off);
  agreeOn(b, off);
}

const refusesScale = (side: Side): boolean =>
  side.windowScale === NO_WINDOW_SCALE && side.has(SideBit.SYN | SideBit.SYN_ACK);

function agreeOn(side: Side, off: boolean): void {
  if (off) side.windowScale = 0;
  else if (side.windowScale === NO_WINDOW_SCALE) side.windowScale = USUAL_WINDOW_SCALE;
}

/** Of the SYN, or of the SYN and the data it carried. */
export const acknowledgesSyn = (client: Side, ack: number): boolean =>
  s32(ack, client.isn) === 1 || s32(ack, client.nxt) === 0;

/** What a cookie's TSval says of a client with SACK, in its last six bits: 16, and its window scale (docs/rules.md F14). */
const COOKIE_BITS = 63;
const SACK_BIT = 16;

const hasCookieTsval = (client: Side, server: Side): boolean =>
  server.has(SideBit.TS_ON_SYN) && (server.synTsval & COOKIE_BITS) === (SACK_BIT | client.windowScale);

/**
 * What an accepted SYN settles: the TIME_WAIT that the server held for the tuple, the story of the attempt, and with
 * them the older incarnation.
 */
export function settleAcceptance(t: Tracker, flow: Flow): void {
  const { client, server } = flow;
  const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
  const older = olderOf(t, flow);
  const base = older?.base;
  const continues = older !== undefined && continuesTimeWait(server.isn, older.side(!clientIsB), older.side(clientIsB));
  // Where the SYN was never captured, it came before the SYN-ACK that began the flow.
  const synAt = client.has(SideBit.SYN) ? client.sentAt : flow.opened;
  if (older !== undefined) endByAcceptance(t, older, !clientIsB, synAt, continues);
  t.pairs.noteAnswered(flow.pair, clientIsB, flow.port(!clientIsB), t.now, flow.base);
  const attempt = t.stories.attempt(flow.story);
  if (attempt !== undefined) {
    attempt.mayBeProxy = server.window === 0;
    attempt.refusesTimestamps = client.has(SideBit.TS_ON_SYN) && !server.has(SideBit.TS_ON_SYN | SideBit.TS_CUT);
    attempt.answerTsval = server.has(SideBit.TS_ON_SYN) ? server.synTsval : undefined;
    attempt.likeCookie = hasCookieTsval(client, server);
    const note = continues ? 'SYN-ACK, ISN = old snd_nxt + 65537' : 'SYN-ACK';
    attempt.accepted(lastPacket(flow, !clientIsB), continues, note);
    t.stories.settle(attempt, t.now);
  } else tellAnswered(t, flow);
  if (base !== undefined) retire(t, base);
}

/**
 * A segment without SYN or RST in a flow that is not open yet. False when it belongs to the old incarnation, and so
 * must not move the new one.
 */
export function inHandshake(t: Tracker, base: number, fromB: boolean): boolean {
  const flow = t.flow.at(base);
  if (flow.phase !== Phase.SYN_RCVD) return openUnanswered(t, flow, fromB);
  if (completes(t, flow, fromB)) openAnswered(t, flow, fromB);
  return true;
}

/**
 * The ACK of the SYN-ACK itself may be missing: a later one, or the server's data, shows as much, and what it acknowledges
 * beyond the SYN: it has taken data, or a FIN, of the client.
 */
function completes({ segment }: Tracker, flow: Flow, fromB: boolean): boolean {
  const { seq, ack, flags, length } = segment;
  const mine = flow.side(fromB);
  if (mine.base === flow.client.base) {
    const { server } = flow;
    return (flags & Flag.ACK) !== 0 && s32(ack, server.isn) > 0 && s32(ack, server.nxt) <= 0;
  }
  const saysMore = length > 0 || (flags & Flag.FIN) !== 0 || s32(ack, mine.acked) > 0;
  return mine.has(SideBit.SYN_ACK) && s32(seq, mine.isn) > 0 && saysMore;
}

/** The handshake of a flow whose SYN-ACK was seen is over. */
function openAnswered(t: Tracker, flow: Flow, fromB: boolean): void {
  const mine = flow.side(fromB);
  const theirs = flow.side(!fromB);
  const isClient = mine.base === flow.client.base;
  const isAckOfSynAck = isClient && theirs.has(SideBit.SYN_ACK) && s32(t.segment.ack, theirs.nxt) === 0;
  if (isAckOfSynAck) mine.rtt = t.now - theirs.sentAt;
  agreeOnScale(flow);
  flow.phase = Phase.OPEN;
  if (isClient) t.pairs.noteCompleted(flow.pair, fromB);
  if (flow.story !== 0 || theirs.packets > 1) handshakeHeard(t, flow, fromB);
  // Its SYN was never recorded, so nothing was settled before.
  if (flow.has(FlowBit.BEGAN_WITH_SYN_ACK) && flow.older >= 0) settleAcceptance(t, flow);
}

/** The capture has no SYN-ACK of the flow: only the numbers tell whether the segment is of it, or of the one before it. */
function openUnanswered(t: Tracker, flow: Flow, fromB: boolean): boolean {
  const { segment } = t;
  const mine = flow.side(fromB);
  if (mine.base === flow.client.base) {
    const ahead = s32(segment.seq, mine.nxt);
    if (ahead < 0 || ahead > FIRST_FLIGHT) return false;
    mine.acked = segment.ack;
  } else if (!acknowledgesSyn(flow.client, segment.ack) && !acknowledgesFirstFlight(t, flow, fromB)) {
    answerOfOld(t, flow, fromB);
    return false;
  } else if (echoesOlder(flow.client, segment)) {
    // The client answers by RST, and goes on waiting for its SYN-ACK (B4).
    mine.set(SideBit.OLD_ACK);
    record(t, flow.base, mine.base);
    return false;
  } else t.pairs.hear(flow.pair, fromB);
  agreeOnScale(flow);
  flow.phase = Phase.OPEN;
  const attempt = t.stories.attempt(flow.story);
  if (attempt !== undefined) {
    attempt.accepted(undefined, false, '');
    t.stories.settle(attempt, t.now);
  } else tellAnswered(t, flow);
  const older = olderOf(t, flow);
  if (older !== undefined) endByAcceptance(t, older, !flow.has(FlowBit.CLIENT_IS_B), t.now, false);
  return true;
}

/**
 * The number of the old connection, or one beyond it by what the capture may lack of its end: less than what a TIME_WAIT
 * adds, so that no connection in between is taken for it.
 */
const goesOnFrom = (number: number, old: number): boolean => s32(number, old) >= 0 && s32(number, old) <= MISSED;

/**
 * Data after the SYN is acknowledged: SYN-ACK and data are missing, or recorded later. An old connection may stand at
 * such a number too, but its ACK is bare and echoes an older TSval.
 */
function acknowledgesFirstFlight(t: Tracker, flow: Flow, fromB: boolean): boolean {
  const { segment } = t;
  const client = flow.side(!fromB);
  const ahead = s32(segment.ack, client.nxt);
  if (ahead <= 0 || ahead > FIRST_FLIGHT || isOfOld(t, olderOf(t, flow)?.side(fromB))) return false;
  const echoes = segment.timestamps === Timestamps.PRESENT && client.has(SideBit.TS_ON_SYN);
  return segment.length > 0 || (echoes && s32(segment.tsecr, client.synTsval) >= 0);
}

const isOfOld = ({ segment }: Tracker, past: Side | undefined): past is Side =>
  past?.has(SideBit.SPOKE) === true && goesOnFrom(segment.seq, past.nxt) && goesOnFrom(segment.ack, past.acked);

/** An ACK of a SYN that does not acknowledge it: what TIME_WAIT, or an open connection, sends (docs/rules.md B3). */
export function answerOfOld(t: Tracker, flow: Flow, fromB: boolean): void {
  const { segment } = t;
  if ((segment.flags & Flag.ACK) === 0) return;
  const attempt = storyOfSyn(t, flow);
  flow.side(fromB).set(SideBit.OLD_ACK);
  record(t, flow.base, flow.side(fromB).base);
  if (attempt === undefined) return;
  const past = olderOf(t, flow)?.side(fromB);
  const expected = isOfOld(t, past);
  // An RST within the attempt may have been under way when this ACK was sent; attempt.ts tells.
  const isOver = expected && past.has(SideBit.TIME_WAIT_OVER);
  const fromMiniSocket = past?.has(SideBit.IP_ID) === true && segment.ipId === 0;
  const outlives = isOver && past.entered < attempt.since;
  attempt.oldAck(packetAt(segment, fromB), { expected, outlives, fromMiniSocket });
  if (isOver && attempt.outlived !== undefined) reviveTimeWait(t, flow, past);
}

/**
 * The TIME_WAIT that an RST should have ended answers the SYN: its row of `time_wait` goes on in a second one, from that
 * RST on. Where PAWS refuses the SYN, the answer has started the timer anew (docs/rules.md B2).
 */
function reviveTimeWait(t: Tracker, flow: Flow, owner: Side): void {
  const peer = t.olderFlow.side(owner.base === t.olderFlow.a.base);
  owner.clear(SideBit.TIME_WAIT_OVER);
  owner.set(SideBit.TIME_WAIT_OUTLIVES_RST);
  t.pairs.noteAfterReset(flow.pair, owner.base === t.olderFlow.b.base, true);
  const { client } = flow;
  const timestamps = client.has(SideBit.TS_ON_SYN) ? Timestamps.PRESENT : Timestamps.ABSENT;
  const syn = { seq: client.isn, timestamps, tsval: client.tsRecent };
  if (synVerdict(t.olderFlow, peer, syn) === 'ACK_PAWS') owner.timerStart = t.now;
}
