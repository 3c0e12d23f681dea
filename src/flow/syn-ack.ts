/** SYN-ACKs: the server takes a connection, repeats itself, or answers something that was not captured. */
import { s32 } from '../base/serial.ts';
import type { Nanos } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import { record } from './advance.ts';
import { endsOf } from './ends.ts';
import type { Flow } from './flow.ts';
import { acknowledgesSyn, agreeOnScale, answerOfOld, settleAcceptance, startSide } from './handshake.ts';
import { Stall } from './handshake-stall.ts';
import { layout } from './layout.ts';
import { lastPacket, packetAt } from './packet.ts';
import { retire } from './retirement.ts';
import { isOver } from './story.ts';
import { USUAL_SYN_RTO } from './syn-timer.ts';
import type { Tracker } from './tracker.ts';
import { synAckNotHeard } from './unheard-syn-ack.ts';

const { L, Phase, FlowBit, SideBit } = layout;

/** The path has doubled what comes so soon again: servers' timers are seldom set lower. */
const COPY: Nanos = USUAL_SYN_RTO / 2;

/** True of a SYN, and of a SYN-ACK but that of a handshake under way: what makes room may take the SYN that it answers. */
export function mayOpenAnother(t: Tracker, base: number, control: number): boolean {
  if (control === Flag.SYN) return true;
  return control === (Flag.SYN | Flag.ACK) && (t.table.words[base + L.STATE]! & L.PHASE_MASK) >= Phase.OPEN;
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
      if (segment.seq !== mine.isn && !acksSyn) openBySynAck(t, base, fromB);
  }
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
    // The server has let go of the handshake, as an ICMP error tells it to, and begins anew.
    t.stories.unheard(flow.story)?.synAckAgain(packetAt(segment, fromB));
  }
}

function inOpenConnection(t: Tracker, flow: Flow, fromB: boolean, acksSyn: boolean): void {
  const mine = flow.side(fromB);
  const isOwnIsn = t.segment.seq === mine.isn;
  if (acksSyn && !mine.has(SideBit.SYN_ACK | SideBit.SPOKE)) {
    startSide(t, flow, mine);
    agreeOnScale(flow);
  } else if (acksSyn && mine.has(SideBit.SYN_ACK) && !isOwnIsn) {
    // One that answers no SYN may be forged.
    if (flow.side(!fromB).has(SideBit.SYN_AFTER_HANDSHAKE)) mine.set(SideBit.TWO_NUMBERINGS);
  } else if (isOwnIsn) {
    if (mine.has(SideBit.SYN_ACK)) repeatSynAck(t, flow, fromB);
    record(t, flow.base, mine.base);
  } else if (!acksSyn && t.isLingering(flow.base)) openBySynAck(t, flow.base, fromB); // both ends have sent their FINs
}

function openBySynAck(t: Tracker, previous: number, fromB: boolean): void {
  const base = t.open(fromB, false);
  const flow = t.newFlow.at(base);
  flow.phase = Phase.SYN_RCVD;
  flow.set(FlowBit.BEGAN_WITH_SYN_ACK);
  startSide(t, flow, flow.side(fromB));
  t.admit(base, previous);
  if (previous < 0) return;
  // Its SYN may still come, recorded a moment too late: until then the older incarnation is kept.
  const past = t.olderFlow.at(previous);
  const before = past.older;
  past.older = -1;
  if (before >= 0) retire(t, before);
  past.set(FlowBit.KEPT);
  flow.older = previous;
}

/** A SYN-ACK again in an open connection of which the server has said nothing else: it does not take it for open. */
function repeatSynAck(t: Tracker, flow: Flow, serverIsB: boolean): void {
  const server = flow.side(serverIsB);
  if (t.now - server.sentAt < COPY) return;
  const packet = packetAt(t.segment, serverIsB);
  const stall = t.stories.stall(flow.story);
  if (stall !== undefined) {
    stall.synAckAgain(packet);
    return;
  }
  const saidMore = server.nxt !== ((server.isn + 1) | 0) || (server.sentFlags & Flag.SYN) === 0;
  if (saidMore || !flow.client.has(SideBit.SYN)) return;
  const before = lastPacket(flow, serverIsB);
  // The SYN-ACK that echoes the first SYN shows how slow the path may be, whatever was sent since.
  const echoesFirst = before?.tsecr != null && s32(before.tsecr, flow.client.synTsval) === 0;
  const roundTrip = echoesFirst && Number.isFinite(flow.opened) ? before.at - flow.opened : server.rtt;
  const unacknowledged = t.stories.unacknowledged(flow.story);
  if (unacknowledged !== undefined) {
    unacknowledged.dismiss();
    t.stories.settle(unacknowledged, t.now);
  }
  const begun = new Stall(packet, before, endsOf(flow), flow.opened, flow.client.bytes > 0, roundTrip, told => {
    if (told.isByDistance) return;
    if (isOver(told)) t.hooks.stalled(told, t);
    else t.hooks.stalledSoFar(told, t);
  });
  flow.story = t.stories.begin(flow.story, begun);
  t.expect(begun.due);
  t.hooks.stalling(begun, t);
}

/** The server takes the connection: its SYN-ACK ends whatever TIME_WAIT it held for the tuple. */
function accept(t: Tracker, flow: Flow, fromB: boolean): void {
  const server = flow.side(fromB);
  const client = flow.side(!fromB);
  // Taken without another SYN after an RST that refused it: the server knows nothing of that RST.
  const aftermath = t.stories.aftermath(flow.story);
  if (aftermath !== undefined && client.sentAt < aftermath.since) aftermath.sent(packetAt(t.segment, fromB));
  server.rtt = t.now - client.sentAt;
  startSide(t, flow, server);
  client.acked = server.isn;
  agreeOnScale(flow);
  flow.phase = Phase.SYN_RCVD;

  settleAcceptance(t, flow);
}
