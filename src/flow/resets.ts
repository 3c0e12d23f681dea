/**
 * What an RST meant, from what both sides had said before it (docs/rules.md D3, in its order, with the kernel's
 * acceptance rules of B4), and what it does to the flow.
 */
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { bucketRcvNxt, holdsTimeWait, inTimeWait, pawsRejects } from './time-wait.ts';
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

/** Classes after which nothing has changed at the receiver. */
export const INEFFECTIVE: ReadonlySet<ResetClass> = new Set([
  'challenged',
  'ineffective',
  'tw-ignored',
  'repeat',
  'after-close',
]);

/** A bucket that is there answers a repeated FIN at once; an RST within this is the answer of a host without one. */
const TW_MISSING: Nanos = 1 * SECOND;
/** An RST this soon after the handshake, before any data, comes from a server that never took the connection over. */
const HANDSHAKE: Nanos = 1 * SECOND;

/** `flow` is as it was before the RST at hand. */
export function classifyReset(t: Tracker, flow: Flow, fromB: boolean): ResetClass {
  const { segment } = t;
  const at = segment.at;
  const seq = segment.seq;
  const ack = segment.ack;
  const withAck = (segment.flags & Flag.ACK) !== 0;
  const sender = flow.side(fromB);
  const receiver = flow.side(!fromB);
  const byClient = sender.base === flow.client.base;

  switch (flow.phase) {
    case Phase.SYN_SENT:
      if (!byClient) return refusal(receiver, segment);
      return receiver.has(SideBit.OLD_ACK) && receiver.sent(L.SENT_ACK) === seq
        ? 'answer-to-old-ack'
        : 'client-abort-syn';
    case Phase.SYN_RCVD:
      if (flow.has(FlowBit.BEGAN_WITH_SYN_ACK) && byClient) return 'unsolicited-synack';
      // It acknowledges more than its SYN-ACK did: data that the capture lacks had been taken.
      return !byClient && withAck && s32(ack, sender.acked) > 0 ? 'abort' : 'handshake-abort';
    case Phase.RESET:
    case Phase.REFUSED:
      return 'repeat';
  }

  if (inTimeWait(receiver, at, t.timeWait)) {
    return seq === bucketRcvNxt(sender) && !pawsRejects(flow, sender, segment) ? 'tw-assassination' : 'tw-ignored';
  }
  const answersFin = receiver.has(SideBit.FIN_REPEATED) && answersFinAt(seq, sender, receiver);
  // Where an RST has ended it before, nothing is missing.
  if (holdsTimeWait(sender) && !withAck && answersFin && at - receiver.sentAt <= TW_MISSING) return 'tw-missing';
  if (flow.phase === Phase.CLOSED) return 'after-close';

  const distance = fromExpected(sender, receiver, seq);
  if (distance > 0 && distance < Math.max(receiver.window, 1)) return 'challenged';
  // Who has closed and gone answers each segment that still comes by itself, the earlier ones at numbers that count no more.
  const answersEarlier = !withAck && acknowledgedBefore(sender, receiver, seq) && s32(receiver.nxt, sender.acked) > 0;
  if (distance !== 0 && !(answersEarlier && sender.has(SideBit.FIN))) return 'ineffective';
  if (sender.has(SideBit.FIN)) return 'after-own-fin';
  // A bare one after an RST in the receiver's name says what that RST did, not what its FIN does.
  if (receiver.has(SideBit.FIN) && (withAck || !receiver.has(SideBit.RST))) return 'abort-after-peer-fin';
  if (withAck) return 'abort';
  return leftQueue(flow, sender, receiver, byClient, at) ? 'handshake-abort' : 'no-state';
}

/**
 * A bare RST stands at what the segment acknowledges that it answers (RFC 9293 §3.10.7.1): here the FIN that was sent last,
 * and no earlier segment. Data that its sender has not acknowledged is refused by any socket that is closed.
 */
const answersFinAt = (seq: number, sender: Side, receiver: Side): boolean =>
  (receiver.sentFlags & Flag.FIN) !== 0 &&
  seq === receiver.sent(L.SENT_ACK) &&
  s32(receiver.finEnd - 1, sender.acked) <= 0;

/** A SYN with data is refused with its first byte's number by some stacks; anything else does not belong to the SYN. */
function refusal(client: Side, segment: Segment): ResetClass {
  const { ack, flags } = segment;
  const isOfSyn = s32(ack, client.nxt) === 0 || s32(ack, (client.isn + 1) | 0) === 0;
  return (flags & Flag.ACK) !== 0 && isOfSyn && !echoesOlder(client, segment) ? 'refused' : 'ineffective';
}

/**
 * Its TSecr is older than the SYN that it answers: in SYN_SENT Linux lets such a segment change nothing, not even an RST
 * (tcp_rcv_synsent_state_process: PAWSActive; docs/rules.md B4).
 */
export const echoesOlder = (client: Side, { timestamps, tsecr }: Segment): boolean =>
  timestamps === Timestamps.PRESENT && client.has(SideBit.TS_ON_SYN) && tsecr !== 0 && s32(tsecr, client.synTsval) < 0;

/** The number is one that the receiver has acknowledged, or may have: a bare RST answers that segment (RFC 9293 §3.10.7.1). */
export const acknowledgedBefore = (sender: Side, receiver: Side, seq: number): boolean =>
  sender.has(SideBit.SPOKE) && receiver.has(SideBit.SPOKE) && s32(seq, receiver.acked) <= 0 && s32(seq, sender.isn) > 0;

/**
 * More of its sender than that had passed, its FIN aside (see `fromExpected`): its receiver ignores it, unless what lies
 * between was lost behind the capture.
 */
export const isBehind = (sender: Side, seq: number): boolean =>
  sender.has(SideBit.SPOKE) &&
  s32(seq, sender.nxt) < 0 &&
  !(sender.has(SideBit.FIN) && ((seq + 1) | 0) === sender.finEnd);

/** The RST before lay too low to count for its receiver, and this one of the same sender does not. */
export const takesOver = (sender: Side, receiver: Side, seq: number): boolean =>
  (sender.sentFlags & Flag.RST) !== 0 &&
  isBehind(sender, sender.sent(L.SENT_SEQ)) &&
  !isBehind(sender, seq) &&
  fromExpected(sender, receiver, seq) === 0;

/**
 * How far `seq` lies past what the receiver expects; 0 = exactly there. What the receiver acknowledged is a lower
 * bound: segments on their way count as received when the RST continues them. An RST at the FIN itself is as good
 * (B4: seq == rcv_nxt − 1 resets in CLOSE_WAIT). Without a word from the receiver the sender's own numbers serve.
 */
function fromExpected(sender: Side, receiver: Side, seq: number): number {
  const known = receiver.has(SideBit.SPOKE);
  if (!known) return sender.has(SideBit.SPOKE) ? s32(seq, sender.nxt) : 0;
  const distance = s32(seq, receiver.acked);
  if (distance > 0 && sender.has(SideBit.SPOKE) && seq === sender.nxt) return 0;
  if (distance === -1 && sender.has(SideBit.FIN) && ((seq + 1) | 0) === sender.finEnd) return 0;
  return distance;
}

/** tcp_abort_on_overflow: the accept queue was full when the handshake's ACK came (F13). */
function leftQueue(flow: Flow, server: Side, client: Side, byClient: boolean, at: Nanos): boolean {
  return (
    !byClient &&
    flow.has(FlowBit.CLIENT_KNOWN) &&
    server.has(SideBit.SYN_ACK) &&
    server.bytes === 0 &&
    client.bytes === 0 &&
    at - server.sentAt <= HANDSHAKE
  );
}

/** Neither end has sent anything but this RST since the FIN that would have begun the sender's TIME_WAIT. */
export const answersFirstFin = (sender: Side, receiver: Side): boolean =>
  sender.has(SideBit.TIME_WAIT) && sender.sentAt <= sender.entered && receiver.sentAt <= sender.entered;

/** Changes the flow as its receiver would, after detectors have seen it. */
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
    case 'after-close':
    case 'repeat':
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
      // An owner that answers with an RST has no bucket; where it answers the very FIN that should have led there, it
      // never had one (a full table, F11), and none is told.
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
