/**
 * SYNs (docs/rules.md D0.6). A SYN may be a repetition, may cross the SYN of the other end, may be captured after later
 * packets of its own connection, or opens a new incarnation of its tuple.
 */
import { after, s32 } from '../base/serial.ts';
import type { Nanos } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { noteClientTimestamp, record } from './advance.ts';
import type { Opened } from './events.ts';
import type { Flow, Side } from './flow.ts';
import { agreeOnScale, settleAcceptance, startSide } from './handshake.ts';
import { CAPTURE_DISORDER, hasBegunIn, isLateSyn, mayHaveOpened, takeLateSyn, wasJoined } from './late-syn.ts';
import { layout } from './layout.ts';
import { meetTimeWaits, olderOf, restartTimer } from './older.ts';
import { packetAt } from './packet.ts';
import { retire } from './retirement.ts';
import type { Attempt } from './stories/attempt.ts';
import { synNotHeard } from './stories/unheard-syn-ack.ts';
import { beginAttempt, giveUpSyn, storyOfSyn, tellAnswered } from './syn-outcome.ts';
import { PairLayout } from './tables/pairs.ts';
import type { Tracker } from './tracker.ts';

const P = PairLayout;

const { L, Phase, FlowBit, SideBit } = layout;

export function onSyn(t: Tracker, base: number, fromB: boolean): void {
  if (base < 0) {
    openBySyn(t, -1, fromB);
    return;
  }
  const flow = t.flow.at(base);
  const sender = flow.side(fromB);
  if (followsItsSynAck(t, flow, fromB)) acceptLate(t, flow, fromB);
  else if (isLateSyn(t, flow, fromB)) takeLateSyn(t, flow, fromB);
  else if (isOwnSyn(sender, t.segment)) onSynAgain(t, flow, fromB);
  else if (crosses(flow, sender)) crossSyn(t, flow, sender);
  else openBySyn(t, base, fromB);
}

/** A SYN with the ISN that its sender has in the flow, or may have had. */
function onSynAgain(t: Tracker, flow: Flow, fromB: boolean): void {
  const sender = flow.side(fromB);
  if (flow.phase === Phase.OPEN) sender.set(SideBit.SYN_AFTER_HANDSHAKE);
  if (t.secondPoint.takes(t, flow, sender)) return;
  switch (flow.phase) {
    case Phase.SYN_SENT:
    case Phase.SYN_RCVD:
    case Phase.REFUSED:
      repeatSyn(t, flow, fromB);
      return;
    case Phase.OPEN: // an old duplicate of the SYN that opened the flow
      return;
    default:
      if (isOldDuplicate(t, sender)) restartTimer(t, flow, fromB);
      else openBySyn(t, flow.base, fromB);
  }
}

const isOwnSyn = (side: Side, { seq, timestamps, tsval }: Segment): boolean =>
  (side.isn === seq && (side.has(SideBit.SYN) || wasJoined(side))) ||
  (timestamps === Timestamps.PRESENT && mayHaveOpened(side, seq, tsval));

/**
 * Whether the SYN at hand, which has the ISN of a closed connection, is a late duplicate of that connection's SYN. Its
 * TSval is that of the first SYN, or one between it and the connection's newest: of a repetition, perhaps not captured.
 * Without timestamps it may come from a tool that uses the same ISN each time.
 */
function isOldDuplicate({ segment }: Tracker, sender: Side): boolean {
  if (segment.timestamps !== Timestamps.PRESENT) return false;
  if (wasJoined(sender)) return mayHaveOpened(sender, segment.seq, segment.tsval);
  if (!sender.has(SideBit.TS_ON_SYN)) return false;
  const since = s32(segment.tsval, sender.synTsval);
  return since === 0 || (since > 0 && after(sender.tsRecent, segment.tsval));
}

/** Whether a SYN of `sender`, which has sent nothing before, crosses that of the other end, which has no answer yet. */
const crosses = (flow: Flow, sender: Side): boolean =>
  flow.phase === Phase.SYN_SENT &&
  sender.base !== flow.client.base &&
  sender.packets === 0 &&
  !flow.client.has(SideBit.SYN_ACK);

/** Whether the SYN at hand is the one that was answered by the SYN-ACK with which the flow began. */
function followsItsSynAck(t: Tracker, flow: Flow, fromB: boolean): boolean {
  if (flow.phase !== Phase.SYN_RCVD || !flow.has(FlowBit.BEGAN_WITH_SYN_ACK)) return false;
  if (fromB !== flow.has(FlowBit.CLIENT_IS_B)) return false;
  const { server } = flow;
  return t.now - server.sentAt <= CAPTURE_DISORDER && s32(server.acked, t.segment.seq) === 1;
}

/** Handles the SYN of a connection whose SYN-ACK was captured first. It is reported as if they had come in order. */
function acceptLate(t: Tracker, flow: Flow, fromB: boolean): void {
  startSide(t, flow, flow.side(fromB));
  flow.set(FlowBit.CLIENT_KNOWN);
  flow.clear(FlowBit.BEGAN_WITH_SYN_ACK);
  agreeOnScale(flow);
  t.hooks.opened(t.synSeen.of(flow, olderOf(t, flow), fromB));
  if (t.segment.timestamps === Timestamps.PRESENT) noteClientTimestamp(t, flow.base, fromB);
  settleAcceptance(t, flow);
}

function openBySyn(t: Tracker, previous: number, fromB: boolean): void {
  const base = t.open(fromB, true);
  const flow = t.newFlow.at(base);
  let older = -1;
  if (previous >= 0) {
    older = nearestWithState(t, previous, fromB);
    const current = t.flow.at(previous);
    // Nothing before the older incarnation is needed. An attempt in between that was never answered has no state.
    if (older === previous) {
      if (current.older >= 0) retire(t, current.older);
    } else if (older >= 0) current.older = -1;
  }
  flow.phase = Phase.SYN_SENT;
  flow.set(FlowBit.CLIENT_KNOWN);
  startSide(t, flow, flow.side(fromB));
  t.admit(base, previous);
  t.pending.add(base, t.now);
  if (t.pending.crowded) t.nextDue = Number.NEGATIVE_INFINITY; // later, as cursors are in use here
  t.pairs.words[t.pairs.direction(flow.pair, fromB) + P.OPENED]++;
  if (older >= 0) {
    t.olderFlow.at(older).set(FlowBit.KEPT);
    flow.older = older;
  }
  if (previous >= 0 && previous !== older) {
    giveUpSyn(t, t.leaving.at(previous), true);
    retire(t, previous);
  }

  t.hooks.opened(t.synSeen.of(flow, older < 0 ? undefined : t.olderFlow.at(older), fromB));
  if (older >= 0) meetTimeWaits(t, t.olderFlow.at(older), fromB);
  if (t.segment.timestamps === Timestamps.PRESENT) noteClientTimestamp(t, base, fromB);
}

/** The incarnation itself, or the one before it if it is an attempt that failed. Returns its base or -1. */
function nearestWithState(t: Tracker, base: number, fromB: boolean): number {
  const flow = t.flow.at(base);
  const backscatter = flow.phase === Phase.SYN_RCVD && flow.has(FlowBit.BEGAN_WITH_SYN_ACK);
  // It has been silent since before a clock step, so its age is not known.
  if (Number.isNaN(flow.last)) return -1;
  // Its last packets are of the connection that the SYN at hand opens, so nothing is known of how it ended.
  if (hasBegunIn(t, flow, fromB)) return -1;
  if (flow.phase !== Phase.SYN_SENT && flow.phase !== Phase.REFUSED && !backscatter) return base;
  return olderOf(t, flow)?.base ?? -1;
}

/** The event of a SYN. There is one object per shard, since every connection has such an event: valid during the call. */
export class SynSeen implements Opened {
  readonly tracker: Tracker;
  readonly segment: Segment;
  flow: Flow;
  older: Flow | undefined;
  clientIsB = false;

  constructor(t: Tracker) {
    this.tracker = t;
    this.segment = t.segment;
    this.flow = t.newFlow;
  }

  of(flow: Flow, older: Flow | undefined, clientIsB: boolean): Opened {
    this.flow = flow;
    this.older = older;
    this.clientIsB = clientIsB;
    return this;
  }

  attempt(): Attempt {
    const { tracker, flow, segment, clientIsB } = this;
    return tracker.stories.of(flow.story)?.attempt ?? beginAttempt(tracker, flow, packetAt(segment, clientIsB));
  }
}

function repeatSyn(t: Tracker, flow: Flow, fromB: boolean): void {
  if (flow.phase === Phase.REFUSED) flow.phase = Phase.SYN_SENT;
  const byClient = flow.side(fromB).base === flow.client.base;
  const attempt = byClient ? storyOfSyn(t, flow) : undefined;
  const older = olderOf(t, flow);
  if (attempt !== undefined) t.hooks.repeated(t.synSeen.of(flow, older, fromB));
  if (older !== undefined) meetTimeWaits(t, older, fromB);
  if (attempt === undefined && byClient && flow.phase === Phase.SYN_RCVD) synNotHeard(t, flow);
  record(t, flow.base, flow.side(fromB).base);
  if (t.segment.timestamps === Timestamps.PRESENT && byClient) noteClientTimestamp(t, flow.base, fromB);
  if (attempt === undefined) return;
  attempt.synRepeated(packetAt(t.segment, fromB), hasTakenSince(t, flow, fromB, attempt.since));
}

/**
 * The server has taken another connection of this client whose SYN did not come before that: such a one may have been
 * taken before, if its SYN-ACK comes late.
 */
function hasTakenSince(t: Tracker, flow: Flow, clientIsB: boolean, since: Nanos): boolean {
  const at = t.pairs.answeredAt(flow.pair, clientIsB, flow.port(!clientIsB));
  if (!(at > since)) return false;
  const base = t.pairs.answeredFlow(flow.pair, clientIsB);
  if (base < 0 || t.table.words[base + L.PAIR] !== flow.pair) return true;
  const taken = t.olderFlow.at(base);
  const isSame = !taken.has(FlowBit.FREE) && taken.opened <= at && taken.port(!clientIsB) === flow.port(!clientIsB);
  return !isSame || at - taken.side(!clientIsB).rtt >= since;
}

/** Simultaneous open (RFC 9293 §3.5): both ends sent a SYN before either saw the other's. */
function crossSyn(t: Tracker, flow: Flow, side: Side): void {
  startSide(t, flow, side);
  flow.client.acked = side.isn;
  flow.set(FlowBit.SIMULTANEOUS_OPEN);
  flow.phase = Phase.SYN_RCVD;
  agreeOnScale(flow);
  const attempt = t.stories.of(flow.story)?.attempt;
  if (attempt === undefined) tellAnswered(t, flow);
  else {
    attempt.accepted(packetAt(t.segment, side.base === flow.b.base), false, 'SYN that crosses it');
    t.stories.settle(attempt, t.now);
  }
}
