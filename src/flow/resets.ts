/**
 * Classifies an RST by what both sides had sent before (docs/rules.md D3, in its order, with the kernel's acceptance
 * rules of B4), and applies it to the flow.
 */
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { namesOlder } from './older.ts';
import { fitsUncaptured, isFurther } from './reset-numbers.ts';
import { USUAL_SYN_RTO } from './syn-timer.ts';
import { ackedUnseen, bucketRcvNxt, holdsTimeWait, inTimeWait, pawsRejects, showsBucket } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const { L, Phase, FlowBit, SideBit } = layout;

export const RESET_CLASSES = [
  'refused',
  'answer-to-old-ack',
  'client-abort-syn',
  'unsolicited-synack',
  'handshake-abort',
  'tw-assassination',
  'tw-ignored',
  'tw-missing',
  'after-close',
  'repeat',
  'challenged',
  'ineffective',
  'after-own-fin',
  'abort-after-peer-fin',
  'abort',
  'no-state',
  'no-flow',
] as const;
export type ResetClass = (typeof RESET_CLASSES)[number];

/** Classes of RSTs that change nothing at the receiver. */
export const INEFFECTIVE: ReadonlySet<ResetClass> = new Set([
  'challenged',
  'ineffective',
  'tw-ignored',
  'repeat',
  'after-close',
]);

/** A TIME_WAIT answers a repeated FIN at once. An RST within this time is the answer of a host without one. */
const TW_MISSING: Nanos = 1 * SECOND;
/** An RST within this time after the handshake, before any data: the server never moved it to its accept queue. */
const HANDSHAKE: Nanos = 1 * SECOND;

/** `flow` is as it was before the RST at hand. */
export function classifyReset(t: Tracker, flow: Flow, fromB: boolean): ResetClass {
  const { segment } = t;
  const at = segment.at;
  const seq = segment.seq;
  const withAck = (segment.flags & Flag.ACK) !== 0;
  const sender = flow.side(fromB);
  const receiver = flow.side(!fromB);
  const byClient = sender.base === flow.client.base;

  switch (flow.phase) {
    case Phase.SYN_SENT:
      if (!byClient) return refusal(receiver, segment);
      if (receiver.has(SideBit.OLD_ACK) && receiver.sent(L.SENT_ACK) === seq) return 'answer-to-old-ack';
      if (!withAck && namesOlder(t, flow, fromB, seq)) return 'answer-to-old-ack';
      if (!t.pairs.heard(flow.pair, !fromB) && hadAnswer(sender, segment)) return withAck ? 'abort' : 'no-state';
      return 'client-abort-syn';
    case Phase.SYN_RCVD:
      if (isBeyondHandshake(sender, receiver, segment)) return withAck ? 'abort' : 'no-state';
      if (sender.has(SideBit.FIN)) return 'after-own-fin';
      return flow.has(FlowBit.BEGAN_WITH_SYN_ACK) && byClient ? 'unsolicited-synack' : 'handshake-abort';
    case Phase.RESET:
    case Phase.REFUSED:
      return 'repeat';
  }

  if (inTimeWait(receiver, at, t.timeWait)) {
    return seq === bucketRcvNxt(sender) && !pawsRejects(flow, sender, segment) ? 'tw-assassination' : 'tw-ignored';
  }
  const answersFin =
    receiver.has(SideBit.FIN_REPEATED) && answersFinAt(seq, sender, receiver) && !hadCome(flow, sender, receiver);
  // If an RST has ended the TIME_WAIT before, it is not missing. Nor if it had shown itself: then the capture lacks that RST.
  const isMissing = holdsTimeWait(sender) && !showsBucket(sender, receiver);
  if (isMissing && !withAck && answersFin && at - receiver.sentAt <= TW_MISSING) return 'tw-missing';
  if (flow.phase === Phase.CLOSED) return 'after-close';

  const distance = fitsUncaptured(sender, receiver, segment) ? 0 : fromExpected(sender, receiver, seq);
  if (distance > 0 && distance < Math.max(receiver.window, 1)) return 'challenged';
  // A closed end without a socket answers every segment that still arrives, earlier ones with outdated numbers.
  const answersEarlier = !withAck && acknowledgedBefore(sender, receiver, seq) && s32(receiver.nxt, sender.acked) > 0;
  if (distance !== 0 && !(answersEarlier && sender.has(SideBit.FIN))) return 'ineffective';
  if (sender.has(SideBit.FIN)) return 'after-own-fin';
  // A bare RST after an RST of the receiver is the effect of that one, not of the receiver's FIN.
  if (receiver.has(SideBit.FIN) && (withAck || !receiver.has(SideBit.RST))) return 'abort-after-peer-fin';
  if (withAck) return 'abort';
  return leftQueue(flow, sender, receiver, byClient, segment) ? 'handshake-abort' : 'no-state';
}

/** Numbers this close are of one connection (docs/rules.md D0.4). Those of an older one are so by chance once in 1,000. */
const NEAR = 1 << 22;

/** A client that has had no answer until then has sent its SYN again. */
const REPEATED: Nanos = 1.1 * USUAL_SYN_RTO;

/**
 * The SYN was answered, though the capture has nothing of the server: the client had sent more since, by the number of its RST,
 * or acknowledges something. An ACK of an older connection may cause an RST with any number, but at once.
 */
function hadAnswer(client: Side, { at, seq, ack, flags }: Segment): boolean {
  const ahead = s32(seq, client.nxt);
  const acknowledges = (flags & Flag.ACK) !== 0 && ack !== 0;
  if (!client.has(SideBit.SYN) || seq === 0 || seq === client.isn || (ahead === 0 && !acknowledges)) return false;
  return at - client.sentAt > REPEATED || (ahead >= 0 && ahead <= NEAR);
}

/**
 * Its numbers lie beyond SYN and SYN-ACK: the capture lacks what the ends had sent since, as one of SYNs, FINs and RSTs
 * does (docs/rules.md D3). A refusal has the number 0, which says nothing of its sender's (B4).
 */
function isBeyondHandshake(sender: Side, receiver: Side, { seq, ack, flags }: Segment): boolean {
  if ((flags & Flag.ACK) === 0) return isFurther(sender, seq);
  const received = sender.has(SideBit.SYN_ACK) ? sender.acked : receiver.nxt;
  return (seq !== 0 && isFurther(sender, seq)) || s32(ack, received) > 0;
}

/**
 * A bare RST has the number that the segment acknowledges which it answers (RFC 9293 §3.10.7.1): here the FIN that was
 * sent last, not an earlier segment. The receiver has no unacknowledged data before its FIN: any closed socket refuses
 * data, so an RST would prove nothing.
 */
const answersFinAt = (seq: number, sender: Side, receiver: Side): boolean =>
  (receiver.sentFlags & Flag.FIN) !== 0 &&
  seq === receiver.sent(L.SENT_ACK) &&
  s32(receiver.finEnd - 1, sender.acked) <= 0;

/**
 * Its sender had acknowledged and echoed the FIN at hand: that is a late copy, and nobody waits for an answer. A FIN that is
 * sent again has a newer TSval.
 */
const hadCome = (flow: Flow, sender: Side, receiver: Side): boolean =>
  flow.timestampsOn === true &&
  (sender.sentFlags & Flag.ACK) !== 0 &&
  sender.sent(L.SENT_ACK) === receiver.finEnd &&
  sender.sent(L.SENT_TSECR) === receiver.sent(L.SENT_TSVAL);

/** Some stacks refuse a SYN with data without counting the data. Any other number does not belong to the SYN. */
function refusal(client: Side, segment: Segment): ResetClass {
  const { ack, flags } = segment;
  const isOfSyn = s32(ack, client.nxt) === 0 || s32(ack, (client.isn + 1) | 0) === 0;
  return (flags & Flag.ACK) !== 0 && isOfSyn && !echoesOlder(client, segment) ? 'refused' : 'ineffective';
}

/**
 * Whether the TSecr is older than the SYN that the segment answers. In SYN_SENT Linux ignores such a segment, even an RST
 * (tcp_rcv_synsent_state_process: PAWSActive; docs/rules.md B4).
 */
export const echoesOlder = (client: Side, { timestamps, tsecr }: Segment): boolean =>
  timestamps === Timestamps.PRESENT && client.has(SideBit.TS_ON_SYN) && tsecr !== 0 && s32(tsecr, client.synTsval) < 0;

/**
 * Whether the receiver has sent a segment with this acknowledgement number, or may have. Then a bare RST is the answer to
 * that segment (RFC 9293 §3.10.7.1).
 */
export const acknowledgedBefore = (sender: Side, receiver: Side, seq: number): boolean =>
  sender.has(SideBit.SPOKE) && receiver.has(SideBit.SPOKE) && s32(seq, receiver.acked) <= 0 && s32(seq, sender.isn) > 0;

/**
 * Whether the sender had already sent more than `seq`, apart from its FIN (see `fromExpected`). Then the receiver ignores
 * the RST, unless what is in between was lost behind the capture point.
 */
export const isBehind = (sender: Side, seq: number): boolean =>
  sender.has(SideBit.SPOKE) && s32(seq, sender.nxt) < 0 && !isAtFin(sender, seq);

/** The sender's previous RST had too low a number to be accepted by its receiver, and this one is accepted. */
export const takesOver = (sender: Side, receiver: Side, seq: number): boolean =>
  (sender.sentFlags & Flag.RST) !== 0 &&
  isBehind(sender, sender.sent(L.SENT_SEQ)) &&
  !isBehind(sender, seq) &&
  fromExpected(sender, receiver, seq) === 0;

/**
 * How far `seq` is beyond the number that the receiver expects; 0: exactly there. The receiver's last acknowledgement is
 * a lower bound of that number: segments under way count as received if the RST follows them. The number of the FIN
 * itself is as good (docs/rules.md B4: seq == rcv_nxt − 1 resets in CLOSE_WAIT). If the receiver has sent nothing, the
 * sender's own numbers are used.
 */
function fromExpected(sender: Side, receiver: Side, seq: number): number {
  const known = receiver.has(SideBit.SPOKE);
  if (!known) return sender.has(SideBit.SPOKE) ? s32(seq, sender.nxt) : 0;
  const distance = s32(seq, receiver.acked);
  if (distance > 0 && sender.has(SideBit.SPOKE) && seq === sender.nxt) return 0;
  if (distance >= -1 && isAtFin(sender, seq)) return 0;
  return distance;
}

/** The number of its sender's own FIN. */
const isAtFin = (sender: Side, seq: number): boolean => sender.has(SideBit.FIN) && ((seq + 1) | 0) === sender.finEnd;

/**
 * tcp_abort_on_overflow: the accept queue was full when the last ACK of the handshake came (docs/rules.md F13). The RST
 * then stands right after its SYN-ACK, and it has acknowledged nothing since. Else the capture lacks data of the ends.
 */
function leftQueue(flow: Flow, server: Side, client: Side, byClient: boolean, { at, seq }: Segment): boolean {
  return (
    !byClient &&
    flow.has(FlowBit.CLIENT_KNOWN) &&
    server.has(SideBit.SYN_ACK) &&
    !server.has(SideBit.RST) &&
    seq === ((server.isn + 1) | 0) &&
    server.bytes === 0 &&
    client.bytes === 0 &&
    !ackedUnseen(client, server) &&
    at - server.sentAt <= HANDSHAKE
  );
}

/** Neither end has sent anything else since the FIN that would have begun the sender's TIME_WAIT. */
export const answersFirstFin = (sender: Side, receiver: Side): boolean =>
  sender.has(SideBit.TIME_WAIT) && sender.sentAt <= sender.entered && receiver.sentAt <= sender.entered;

/** Changes the flow as the receiver of the RST would. Detectors have seen the RST before. */
export function applyReset(t: Tracker, flow: Flow, fromB: boolean, kind: ResetClass): void {
  const at = t.segment.at;
  const sender = flow.side(fromB);
  const receiver = flow.side(!fromB);
  sender.set(SideBit.RST);
  switch (kind) {
    case 'answer-to-old-ack':
    case 'challenged':
    case 'ineffective':
    case 'tw-ignored':
    case 'repeat':
      return;
    case 'after-close':
      // No TIME_WAIT answers by RST. What has ended it is not in the capture.
      if ((t.segment.flags & Flag.ACK) === 0 && inTimeWait(sender, at, t.timeWait))
        t.endTimeWait(flow, fromB, at, 'rst');
      return;
    case 'tw-assassination':
      t.endTimeWait(flow, !fromB, at, 'rst');
      return;
    case 'refused':
    case 'client-abort-syn':
      flow.phase = Phase.REFUSED;
      flow.last = at;
      break;
    default:
      // An owner that answers with an RST has no TIME_WAIT. If it answers the very FIN that should have begun it, there
      // never was one (a full table, docs/rules.md F11), and none is reported.
      if (inTimeWait(sender, at, t.timeWait)) {
        if (answersFirstFin(sender, receiver)) sender.set(SideBit.TIME_WAIT_OVER);
        else t.endTimeWait(flow, fromB, at, 'rst');
      }
      if (flow.phase !== Phase.CLOSED) {
        flow.phase = Phase.RESET;
        flow.resetAt = at;
      }
  }
  t.linger(flow.base, at);
}
