/** Used by SYN, SYN-ACK and the segments after them: how a side starts, and when a flow counts as open. */
import { s32 } from '../base/serial.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { asksToJoin, NO_WINDOW_SCALE, Timestamps, USUAL_WINDOW_SCALE } from '../wire/tcp-options.ts';
import { record } from './advance.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { answersForOlder, endByAcceptance, goesOnFromOld, olderOf } from './older.ts';
import { lastPacket, packetAt } from './packet.ts';
import { echoesOlder } from './resets.ts';
import { retire } from './retirement.ts';
import type { Acceptance } from './stories/attempt.ts';
import { handshakeHeard } from './stories/unheard-syn-ack.ts';
import { storyOfSyn, tellAnswered } from './syn-outcome.ts';
import { continuesTimeWait, synVerdict } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const { L, Phase, FlowBit, SideBit } = layout;

/** If the SYN-ACK was not captured, the client's next segment may be at most this far after the SYN. */
const FIRST_FLIGHT = 1 << 16;

/** Sets the numbers of a side by its SYN or SYN-ACK. Data on a SYN counts (RFC 7413 made it common). */
export function startSide(t: Tracker, flow: Flow, side: Side): void {
  const { segment } = t;
  const { words } = t.table;
  const synAck = (segment.flags & Flag.ACK) !== 0;
  const first = !side.has(SideBit.TS_ON_SYN | SideBit.TS_LATER);
  side.isn = segment.seq;
  side.nxt = (side.isn + 1 + segment.length) | 0;
  side.set(SideBit.SPOKE | (synAck ? SideBit.SYN_ACK : SideBit.SYN));
  // A side that has acknowledged nothing has received nothing beyond the peer's ISN.
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

/** Whether `ack` acknowledges the SYN, or the SYN and the data that it carried. */
export const acknowledgesSyn = (client: Side, ack: number): boolean =>
  s32(ack, client.isn) === 1 || s32(ack, client.nxt) === 0;

/** The last six bits of a SYN cookie's TSval: for a client with SACK, 16 plus its window scale (docs/rules.md F14). */
const COOKIE_BITS = 63;
const SACK_BIT = 16;

const hasCookieTsval = (client: Side, server: Side): boolean =>
  server.has(SideBit.TS_ON_SYN) && (server.synTsval & COOKIE_BITS) === (SACK_BIT | client.windowScale);

const acceptanceOf = (client: Side, server: Side): Acceptance => ({
  mayBeProxy: server.window === 0,
  refusesTimestamps: client.has(SideBit.TS_ON_SYN) && !server.has(SideBit.TS_ON_SYN | SideBit.TS_CUT),
  tsval: server.has(SideBit.TS_ON_SYN) ? server.synTsval : undefined,
  likeCookie: hasCookieTsval(client, server),
});

/**
 * An accepted SYN ends the TIME_WAIT that the server held for the tuple, and the story of the attempt. The older
 * incarnation is not needed any more.
 */
export function settleAcceptance(t: Tracker, flow: Flow): void {
  const { client, server } = flow;
  const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
  const older = olderOf(t, flow);
  const base = older?.base;
  const continues = older !== undefined && continuesTimeWait(server.isn, older.side(!clientIsB), older.side(clientIsB));
  // A SYN that was not captured came before the SYN-ACK with which the flow began.
  const synAt = client.has(SideBit.SYN) ? client.sentAt : flow.opened;
  if (older !== undefined) endByAcceptance(t, older, !clientIsB, synAt, continues);
  t.pairs.noteAnswered(flow.pair, clientIsB, flow.port(!clientIsB), t.now, flow.base);
  const attempt = t.stories.of(flow.story)?.attempt;
  if (attempt !== undefined) {
    attempt.acceptance = acceptanceOf(client, server);
    const note = continues ? 'SYN-ACK, ISN = old snd_nxt + 65537' : 'SYN-ACK';
    attempt.accepted(lastPacket(flow, !clientIsB), continues, note);
    t.stories.settle(attempt, t.now);
  } else tellAnswered(t, flow);
  if (base !== undefined) retire(t, base);
}

/**
 * Handles a segment without SYN or RST in a flow that is not open yet. Returns false if it belongs to the old
 * incarnation and so must not change the new one.
 */
export function inHandshake(t: Tracker, base: number, fromB: boolean): boolean {
  const flow = t.flow.at(base);
  if (flow.phase !== Phase.SYN_RCVD) return openUnanswered(t, flow, fromB);
  if (completes(t, flow, fromB)) openAnswered(t, flow, fromB);
  return true;
}

/**
 * Whether the segment completes the handshake. The ACK of the SYN-ACK may not have been captured. Then a later ACK of the
 * client does, and so does a segment of the server that has data or a FIN, or acknowledges more than the SYN: the server
 * has received data or a FIN of the client. If nothing of the client was captured between its SYN and its FIN, as where a
 * filter leaves only SYNs, FINs and RSTs, that FIN may acknowledge data of the server that was not captured either. Its own
 * number must then show that the client had sent data, as a single number may be damaged or forged.
 */
function completes({ segment }: Tracker, flow: Flow, fromB: boolean): boolean {
  const { seq, ack, flags, length } = segment;
  const mine = flow.side(fromB);
  if (mine.base === flow.client.base) {
    const { server } = flow;
    const isClose = (flags & Flag.FIN) !== 0 && s32(seq, mine.nxt) > 0 && (mine.sentFlags & Flag.SYN) !== 0;
    return (flags & Flag.ACK) !== 0 && s32(ack, server.isn) > 0 && (s32(ack, server.nxt) <= 0 || isClose);
  }
  const saysMore = length > 0 || (flags & Flag.FIN) !== 0 || s32(ack, mine.acked) > 0;
  return mine.has(SideBit.SYN_ACK) && s32(seq, mine.isn) > 0 && saysMore;
}

/** A bare ACK. An application that has data or a FIN to send may take its time, or the ACK before that was not captured. */
const answersSynAck = ({ seq, ack, flags, length }: Segment, client: Side, server: Side): boolean =>
  server.has(SideBit.SYN_ACK) && ack === server.nxt && seq === client.nxt && length === 0 && (flags & Flag.FIN) === 0;

/** Opens a flow whose SYN-ACK was captured. */
function openAnswered(t: Tracker, flow: Flow, fromB: boolean): void {
  const mine = flow.side(fromB);
  const theirs = flow.side(!fromB);
  const isClient = mine.base === flow.client.base;
  if (isClient && answersSynAck(t.segment, mine, theirs)) mine.noteRtt(t.now - theirs.sentAt);
  agreeOnScale(flow);
  flow.phase = Phase.OPEN;
  if (isClient) t.pairs.noteCompleted(flow.pair, fromB);
  if (flow.story !== 0 || theirs.packets > 1) handshakeHeard(t, flow, fromB);
  // Its SYN was not captured, so its acceptance has not been settled yet.
  if (flow.has(FlowBit.BEGAN_WITH_SYN_ACK) && flow.older >= 0) settleAcceptance(t, flow);
}

/**
 * Opens a flow whose SYN-ACK was not captured. Only the numbers show whether the segment belongs to it or to the older
 * incarnation; false for the latter.
 */
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
    // The client answers by RST, and continues to wait for its SYN-ACK (docs/rules.md B4).
    mine.set(SideBit.OLD_ACK);
    record(t, flow.base, mine.base);
    return false;
  } else t.pairs.hear(flow.pair, fromB);
  agreeOnScale(flow);
  flow.phase = Phase.OPEN;
  settleUnseenAcceptance(t, flow);
  return true;
}

/** The SYN was accepted, as what follows it shows; the SYN-ACK was not captured. */
export function settleUnseenAcceptance(t: Tracker, flow: Flow): void {
  const attempt = t.stories.of(flow.story)?.attempt;
  if (attempt !== undefined) {
    attempt.accepted(undefined, false, '');
    t.stories.settle(attempt, t.now);
  } else tellAnswered(t, flow);
  const older = olderOf(t, flow);
  if (older !== undefined) endByAcceptance(t, older, !flow.has(FlowBit.CLIENT_IS_B), t.now, false);
}

/**
 * Whether the segment acknowledges data after the SYN: SYN-ACK and data were not captured, or are recorded later. An old
 * connection may have such a number too, but its ACK has no data and echoes an older TSval.
 */
function acknowledgesFirstFlight(t: Tracker, flow: Flow, fromB: boolean): boolean {
  const { segment } = t;
  const client = flow.side(!fromB);
  const ahead = s32(segment.ack, client.nxt);
  if (ahead <= 0 || ahead > FIRST_FLIGHT) return false;
  const older = olderOf(t, flow);
  const echoes = segment.timestamps === Timestamps.PRESENT && client.has(SideBit.TS_ON_SYN);
  const echoesNew = echoes && s32(segment.tsecr, client.synTsval) >= 0;
  if (older !== undefined && goesOnFromOld(older, fromB, segment.seq, segment.ack)) {
    const { nxt, acked } = older.side(fromB);
    if (segment.seq === nxt && segment.ack === acked) return false;
    // The old connection echoes nothing that its peer had not sent.
    const past = older.side(!fromB);
    return echoesNew && past.has(SideBit.TS_ON_SYN | SideBit.TS_LATER) && s32(segment.tsecr, past.tsRecent) > 0;
  }
  return segment.length > 0 || echoesNew;
}

/**
 * Handles an ACK of something other than the SYN: the answer of a TIME_WAIT or open connection (docs/rules.md B3). A
 * SYN-ACK of something else comes from neither (D2.3).
 */
export function answerOfOld(t: Tracker, flow: Flow, fromB: boolean): void {
  const { segment } = t;
  if ((segment.flags & Flag.ACK) === 0) return;
  const attempt = storyOfSyn(t, flow);
  flow.side(fromB).set(SideBit.OLD_ACK);
  record(t, flow.base, flow.side(fromB).base);
  if (attempt === undefined) return;
  const past = olderOf(t, flow)?.side(fromB);
  const expected = past !== undefined && answersForOlder(t, flow, fromB);
  // An RST within the attempt may still have been under way when this ACK was sent; attempt.ts decides that case.
  const isBare = (segment.flags & Flag.SYN) === 0;
  const isOver = isBare && expected && past.has(SideBit.TIME_WAIT_OVER);
  const fromMiniSocket = isBare && past?.has(SideBit.IP_ID) === true && segment.ipId === 0;
  const outlives = isOver && past.entered < attempt.since;
  attempt.oldAck(packetAt(segment, fromB), { expected, outlives, fromMiniSocket });
  if (isOver && attempt.outlived !== undefined) reviveTimeWait(t, flow, past);
}

/**
 * A TIME_WAIT that an RST should have ended has answered the SYN, so it still exists. Table `time_wait` gets a second row
 * for it that begins at the RST. If PAWS refused the SYN, the answer restarted the timer (docs/rules.md B2).
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
