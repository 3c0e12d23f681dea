/** SYN-ACKs: the server accepts a connection, retransmits, or answers something that was not captured. */
import type { Nanos } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { record } from './advance.ts';
import type { Flow, Side } from './flow.ts';
import { acknowledgesSyn, agreeOnScale, answerOfOld, settleAcceptance, startSide } from './handshake.ts';
import { mayHaveOpened } from './late-syn.ts';
import { layout } from './layout.ts';
import { endByAcceptance } from './older.ts';
import { lastPacket, packetAt } from './packet.ts';
import { retire } from './retirement.ts';
import { noteSecondAnswer } from './second-answer.ts';
import { Stall } from './stories/handshake-stall.ts';
import { isOver } from './stories/story.ts';
import { synAckNotHeard } from './stories/unheard-syn-ack.ts';
import { USUAL_SYN_RTO } from './syn-timer.ts';
import type { Tracker } from './tracker.ts';

const { L, Phase, FlowBit, SideBit } = layout;

/** A SYN-ACK that comes again sooner was duplicated by the path: servers' timers are seldom that short. */
const COPY: Nanos = USUAL_SYN_RTO / 2;

/**
 * Whether a SYN or SYN-ACK may open another flow for the tuple, so that room must be made before. Not a SYN-ACK of a
 * handshake under way: making room might evict the very SYN that it answers.
 */
export function mayOpenAnother(t: Tracker, base: number, control: number): boolean {
  if (control === Flag.SYN) return true;
  return control === (Flag.SYN | Flag.ACK) && (t.table.words[base + L.STATE] & L.PHASE_MASK) >= Phase.OPEN;
}

export function onSynAck(t: Tracker, base: number, fromB: boolean): void {
  if (base < 0) {
    openBySynAck(t, -1, fromB);
    return;
  }
  const { segment } = t;
  const flow = t.flow.at(base);
  const mine = flow.side(fromB);
  const client = flow.side(!fromB);
  const acksSyn = client.has(SideBit.SYN) && acknowledgesSyn(client, segment.ack);
  if (segment.seq === mine.isn && mine.has(SideBit.SYN_ACK) && t.secondPoint.takes(t, flow, mine)) return;
  switch (flow.phase) {
    case Phase.SYN_SENT:
    case Phase.REFUSED: // the SYN-ACK shows that the RST was not the server's
      if (acksSyn) accept(t, flow, fromB);
      else if (mine.base !== flow.client.base) answerOfOld(t, flow, fromB);
      return;
    case Phase.SYN_RCVD:
      inHandshakeAgain(t, flow, fromB, acksSyn);
      return;
    case Phase.OPEN:
      inOpenConnection(t, flow, fromB, acksSyn);
      return;
    default:
      if (segment.seq === mine.isn) return;
      if (acksSyn || acksUnseenSyn(client, segment)) takesLateSyn(t, flow, fromB);
      else openBySynAck(t, base, fromB);
  }
}

/** It answers a SYN that opened the connection, and that the capture lacks (late-syn.ts). */
const acksUnseenSyn = (client: Side, { ack, timestamps, tsecr }: Segment): boolean =>
  timestamps === Timestamps.PRESENT && mayHaveOpened(client, (ack - 1) | 0, tsecr);

/**
 * After the close the server takes a late copy of the SYN for a new one. Its TIME_WAIT would have answered by an ACK of the old
 * connection (docs/rules.md B3), so it is over, unless another machine answers.
 */
function takesLateSyn(t: Tracker, flow: Flow, fromB: boolean): void {
  const mine = flow.side(fromB);
  noteSecondAnswer(t, mine);
  if (!mine.has(SideBit.TWO_ANSWERS | SideBit.TWO_NUMBERINGS)) endByAcceptance(t, flow, fromB, t.now, false);
}

function inHandshakeAgain(t: Tracker, flow: Flow, fromB: boolean, acksSyn: boolean): void {
  const { segment } = t;
  const mine = flow.side(fromB);
  if (flow.has(FlowBit.SIMULTANEOUS_OPEN) && acksSyn) {
    mine.acked = segment.ack;
    mine.set(SideBit.SYN_ACK);
    if (flow.side(!fromB).has(SideBit.SYN_ACK)) flow.phase = Phase.OPEN;
  }
  if (segment.seq === mine.isn) {
    synAckNotHeard(t, flow, fromB);
    record(t, flow.base, mine.base);
  } else if (acksSyn) {
    if (mine.has(SideBit.SYN_ACK)) noteSecondAnswer(t, mine);
    // The server has dropped the handshake, for example because of an ICMP error, and begins again.
    t.stories.of(flow.story)?.unheard?.synAckAgain(packetAt(segment, fromB));
    // A client that has sent its SYN again had not received the first SYN-ACK, so it goes on with the numbers of this one.
    if (flow.side(!fromB).packets > 1 && !mine.has(SideBit.TWO_ANSWERS)) startSide(t, flow, mine);
  }
}

function inOpenConnection(t: Tracker, flow: Flow, fromB: boolean, acksSyn: boolean): void {
  const mine = flow.side(fromB);
  const isOwnIsn = t.segment.seq === mine.isn;
  const isClosing = t.isLingering(flow.base); // both ends have sent their FINs
  if (acksSyn && !mine.has(SideBit.SYN_ACK | SideBit.SPOKE)) {
    startSide(t, flow, mine);
    agreeOnScale(flow);
  } else if (isClosing && !isOwnIsn) {
    if (acksSyn || acksUnseenSyn(flow.side(!fromB), t.segment)) takesLateSyn(t, flow, fromB);
    else openBySynAck(t, flow.base, fromB);
  } else if (acksSyn && mine.has(SideBit.SYN_ACK) && !isOwnIsn) {
    // Only if the SYN came again, too: a SYN-ACK that answers no SYN may be forged.
    if (flow.side(!fromB).has(SideBit.SYN_AFTER_HANDSHAKE)) mine.set(SideBit.TWO_NUMBERINGS);
    else noteSecondAnswer(t, mine);
  } else if (isOwnIsn) {
    if (mine.has(SideBit.SYN_ACK)) repeatSynAck(t, flow, fromB);
    record(t, flow.base, mine.base);
  }
}

function openBySynAck(t: Tracker, previous: number, fromB: boolean): void {
  const base = t.open(fromB, false);
  const flow = t.newFlow.at(base);
  flow.phase = Phase.SYN_RCVD;
  flow.set(FlowBit.BEGAN_WITH_SYN_ACK);
  startSide(t, flow, flow.side(fromB));
  t.admit(base, previous);
  if (previous < 0) return;
  // Its SYN may have been recorded too late and still come. Until then the older incarnation is kept.
  const past = t.olderFlow.at(previous);
  const before = past.older;
  past.older = -1;
  if (before >= 0) retire(t, before);
  past.set(FlowBit.KEPT);
  flow.older = previous;
}

/** A retransmitted SYN-ACK in an open connection. If the server has sent nothing else, it does not consider it open. */
function repeatSynAck(t: Tracker, flow: Flow, serverIsB: boolean): void {
  const server = flow.side(serverIsB);
  if (t.now - server.sentAt < COPY) return;
  const packet = packetAt(t.segment, serverIsB);
  const stall = t.stories.of(flow.story)?.stall;
  if (stall !== undefined) {
    stall.synAckAgain(packet);
    return;
  }
  const saidMore = server.nxt !== ((server.isn + 1) | 0) || (server.sentFlags & Flag.SYN) === 0;
  if (saidMore || !flow.client.has(SideBit.SYN)) return;
  const before = lastPacket(flow, serverIsB);
  for (const fromB of [false, true]) {
    const unacknowledged = t.stories.of(flow.story)?.unacknowledged(fromB);
    if (unacknowledged === undefined) continue;
    unacknowledged.dismiss();
    t.stories.settle(unacknowledged, t.now);
  }
  const begun = new Stall(flow, packet, before, told => {
    if (told.isByDistance) return;
    if (isOver(told)) t.hooks.stalled(told, t);
    else t.hooks.stalledSoFar(told, t);
  });
  t.begin(flow, begun);
  t.hooks.stalling(begun, t);
}

/** The server accepts the connection: its SYN-ACK ends any TIME_WAIT that it held for the tuple. */
function accept(t: Tracker, flow: Flow, fromB: boolean): void {
  const server = flow.side(fromB);
  const client = flow.side(!fromB);
  // It was accepted after an RST had refused it, without another SYN. So the RST was not sent by the server.
  const aftermath = t.stories.of(flow.story)?.aftermath;
  if (aftermath !== undefined && client.sentAt < aftermath.since) aftermath.sent(packetAt(t.segment, fromB));
  server.noteRtt(t.now - client.sentAt);
  startSide(t, flow, server);
  client.acked = server.isn;
  agreeOnScale(flow);
  flow.phase = Phase.SYN_RCVD;

  settleAcceptance(t, flow);
}
