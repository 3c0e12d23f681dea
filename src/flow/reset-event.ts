/** Handles an RST: classifies it, reports it to the detectors, then applies it to the flow. */
import { s32 } from '../base/serial.ts';
import { Flag } from '../wire/tcp.ts';
import { record } from './advance.ts';
import type { ResetSeen } from './events.ts';
import type { Flow } from './flow.ts';
import { settleUnseenAcceptance } from './handshake.ts';
import { layout } from './layout.ts';
import { openMidway } from './midway.ts';
import { packetAt } from './packet.ts';
import { acknowledgedBefore, applyReset, classifyReset, INEFFECTIVE, type ResetClass } from './resets.ts';
import { isResetCopy } from './second-capture-point.ts';
import { Aftermath } from './stories/reset-aftermath.ts';
import { storyOfSyn, tellAnswered } from './syn-outcome.ts';
import { bucketRcvNxt, holdsTimeWait } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const { L, Phase, FlowBit, SideBit } = layout;

export function onReset(t: Tracker, base: number, fromB: boolean): void {
  const flow = t.flow.at(base < 0 ? strayFlow(t, fromB) : base);
  const kind: ResetClass = base < 0 ? 'no-flow' : classifyReset(t, flow, fromB);
  if ((kind === 'repeat' && isResetCopy(t, flow, flow.side(fromB))) || isOtherForm(t, flow, kind)) {
    t.duplicates++;
    return;
  }
  const { older } = flow;
  const event = eventOf(t, flow, kind, fromB);
  tellAftermath(event);
  t.hooks.reset(event);
  settleAttempt(event);
  if (flow.story !== 0) settleOthers(event);
  applyReset(t, flow, fromB, kind);
  if (event.assassinates) t.endTimeWait(t.olderFlow.at(older), !fromB, t.now, 'rst');
  const own = flow.side(fromB).base;
  if (flow.phase === Phase.RESET || flow.phase === Phase.REFUSED) {
    record(t, flow.base, own);
    return;
  }
  // An RST that changed nothing must not count as a sign of life of the flow.
  t.table.words[own + L.PACKETS]++;
  t.histories?.segment(flow.base, event.from === 'client', t.segment);
}

function eventOf(t: Tracker, flow: Flow, kind: ResetClass, fromB: boolean): ResetSeen {
  const { segment } = t;
  const [sender, receiver] = [flow.side(fromB), flow.side(!fromB)];
  const isAnswer = kind === 'answer-to-old-ack';
  const concernsSyn = kind === 'client-abort-syn' || (isAnswer && !receiver.has(SideBit.OLD_ACK));
  const attempt = concernsSyn ? storyOfSyn(t, flow) : t.stories.of(flow.story)?.attempt;
  const event: ResetSeen = {
    tracker: t,
    segment,
    flow,
    class: kind,
    assassinates: isAnswer && flow.older >= 0 && hitsBucket(t, flow.older, fromB),
    attempt,
    fromB,
    from: fromB === flow.has(FlowBit.CLIENT_IS_B) ? 'client' : 'server',
    sender,
    receiver,
    isBare: (segment.flags & Flag.ACK) === 0,
    packet: () => packetAt(segment, fromB),
    follow: listener => beginAftermath(event, t.hooks.guarded(listener)),
  };
  return event;
}

function beginAftermath(event: ResetSeen, listener: (aftermath: Aftermath) => void): void {
  const { tracker: t, flow } = event;
  const aftermath = new Aftermath(event, listener);
  const previous = t.stories.of(flow.story)?.aftermath;
  if (previous !== undefined) t.stories.settle(previous, t.now);
  t.begin(flow, aftermath);
}

/**
 * A further RST may be a guess. One of a host without the connection is none: that answers each segment with the number that
 * the segment acknowledges. Where the capture has none of these, none is beyond the first RST.
 */
function tellAftermath(event: ResetSeen): void {
  const { tracker: t, flow, class: kind, fromB, sender, receiver, segment, isBare, packet } = event;
  const aftermath = flow.story === 0 ? undefined : t.stories.of(flow.story)?.aftermath;
  if (aftermath === undefined) return;
  if (isBare && aftermath.showsClose(fromB, packet())) return;
  if (kind !== 'repeat' || (isBare && acknowledgedBefore(sender, receiver, segment.seq))) return;
  const wasJoined = !sender.has(SideBit.SYN | SideBit.SYN_ACK);
  const lacksAcks = wasJoined || !receiver.has(SideBit.SPOKE) || (sender.bytes === 0 && receiver.bytes === 0);
  const isUpToFirst = s32(segment.seq, aftermath.rst.seq) <= 0 && (wasJoined || s32(segment.seq, sender.isn) > 0);
  if (isBare && lacksAcks && sender.has(SideBit.SPOKE) && isUpToFirst) return;
  aftermath.resetAgain(fromB, packet(), segment.ttl, t.now);
}

/** What the RST means for the attempt to open the connection. */
function settleAttempt({ tracker: t, flow, class: kind, attempt, packet }: ResetSeen): void {
  if (flow.phase === Phase.SYN_SENT && (kind === 'abort' || kind === 'no-state')) {
    settleUnseenAcceptance(t, flow);
    return;
  }
  if (attempt === undefined) {
    if (kind === 'refused') tellAnswered(t, flow);
    return;
  }
  if (kind === 'answer-to-old-ack') attempt.clientReset(packet());
  if (kind === 'refused') attempt.refused(packet());
  if (kind === 'refused' || kind === 'client-abort-syn') t.stories.settle(attempt, t.now);
}

/** The RST ends the other stories of the flow that wait for one of its ends. */
function settleOthers({ tracker, flow, class: kind, packet: packetOf }: ResetSeen): void {
  const { stories, now } = tracker;
  const open = stories.of(flow.story);
  if (open === undefined) return;
  const packet = packetOf();
  const { stall, unheard } = open;
  if (stall !== undefined) {
    stall.end(packet, false);
    stories.settle(stall, now);
  }
  for (const senderIsB of [false, true]) {
    const unacknowledged = open.unacknowledged(senderIsB);
    if (unacknowledged === undefined || INEFFECTIVE.has(kind)) continue;
    unacknowledged.reset(packet);
    stories.settle(unacknowledged, now);
  }
  if (unheard !== undefined) {
    unheard.end(packet, false);
    stories.settle(unheard, now);
  }
}

/** The RST has the numbers of the other side of a SYN proxy. It is reported for that side, where the numbers fit. */
function isOtherForm({ segment }: Tracker, { server }: Flow, kind: ResetClass): boolean {
  if (kind !== 'ineffective' && kind !== 'challenged' && kind !== 'repeat') return false;
  // The server has refused what the proxy had accepted: a closed port answers with the number 0 (docs/rules.md B4).
  const isRefusal = segment.seq === 0 && server.has(SideBit.SYN_ACK) && server.maxWindow === 0;
  return isRefusal || server.has(SideBit.TWO_NUMBERINGS);
}

/** Makes a record for an RST of a connection that was not captured, so that repetitions do not count as new RSTs. */
function strayFlow(t: Tracker, fromB: boolean): number {
  const base = openMidway(t, fromB);
  t.flow.at(base).phase = Phase.OPEN;
  t.admit(base, -1);
  return base;
}

/**
 * Whether the RST is exactly at the rcv_nxt of the TIME_WAIT that its receiver holds of the older incarnation
 * (docs/rules.md B4). The ACK that the RST answers proves that the TIME_WAIT exists, whatever its age by the packets.
 */
function hitsBucket(t: Tracker, older: number, fromB: boolean): boolean {
  const past = t.olderFlow.at(older);
  const owner = past.side(!fromB);
  return (
    holdsTimeWait(owner) &&
    !owner.has(SideBit.TIME_WAIT_OUTLIVES_RST) &&
    t.segment.seq === bucketRcvNxt(past.side(fromB))
  );
}
