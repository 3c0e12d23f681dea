/** What the packets up to an RST tell of it: what `reset-close` makes its words and its evidence of. */
import { s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import { type End, type Ends, endsOf } from '../flow/ends.ts';
import type { ResetSeen } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket } from '../flow/packet.ts';
import { PairLayout } from '../flow/pairs.ts';
import { OVERTAKEN } from '../flow/reset-aftermath.ts';
import type { ResetClass } from '../flow/resets.ts';
import { ackedUnseen, LEAST_FIN_WAIT2 } from '../flow/time-wait.ts';
import type { Tracker } from '../flow/tracker.ts';
import { Flag } from '../wire/tcp.ts';
import { awaitsAnswer } from './awaited-answer.ts';
import type { Note } from './detector.ts';
import { ANSWER, hintsAt, idleBefore, probesInVain, type ResetHint, sentNothing } from './reset-hints.ts';
import type { LaterWhatIf } from './what-if.ts';

const { FlowBit, L, Phase, SideBit } = layout;

/** Whoever probes waits for at least a second before it gives up (Linux: TCP_KEEPINTVL); this much less by the capture. */
const PROBE_INTERVAL: Nanos = 0.9 * SECOND;

/** They answer a SYN, or what completes a handshake. */
const OF_HANDSHAKE: ReadonlySet<ResetClass> = new Set(['refused', 'handshake-abort']);
/** They tell that their sender had not closed. */
const OF_OPEN: ReadonlySet<ResetClass> = new Set(['abort-after-peer-fin', 'abort', 'no-state']);

/** What is known of an RST at the moment it is seen. */
export interface Stated {
  class: ResetClass;
  from: End;
  idle: Nanos | undefined;
  hints: ResetHint[];
  /** The end that resets had sent anything before. */
  resetterSpoke: boolean;
  /** Its keep-alive probes went unanswered. */
  probed: boolean;
  /** It had waited for an answer: `awaitsAnswer`. */
  unanswered: boolean;
  /** It answers a segment that may be of no connection at all: `answersStray`. */
  stray: boolean;
  /** What it had sent in vain: `sentInVain`. */
  unacked: number | undefined;
  /** The server aborts before it has sent a byte of data. */
  sentNothing: boolean;
  /** What came for a connection that it had closed: `lostBytes`. */
  lost: Lost | undefined;
  /** Since the other end's FIN, where that was its last packet. */
  sinceFin: Nanos | undefined;
  /** How long it had waited for the FIN that it answers, where FIN_WAIT2 may have run out. */
  finWait2: Nanos | undefined;
  partial: boolean;
  ends: ReturnType<typeof endsOf>;
  rst: Note['packet'];
  /** When the connection began. */
  since: Nanos;
  before: Note[];
  /** The end that an earlier RST was of had gone on after that. */
  answersResetter: boolean;
  unseen: End | undefined;
  /** It answers a SYN, or a handshake, that asks to join an MPTCP connection. */
  isOfJoin: boolean;
  /** When the server last took a connection of this client on the port. */
  taken: () => Nanos;
  /** What was seen of its effect, where the class alone does not tell. */
  outcome?: { effective: boolean; shown: Note | undefined } | undefined;
  /** What another machine would do; see what-if.ts. */
  supposed: LaterWhatIf | undefined;
}

export function stated(event: ResetSeen, supposed: Stated['supposed']): Stated {
  const { flow, fromB, class: kind, segment, tracker } = event;
  const ends = endsOf(flow);
  const isAbort = (kind === 'abort' || kind === 'abort-after-peer-fin') && (segment.flags & Flag.ACK) !== 0;
  const sender = flow.side(fromB);
  const receiver = flow.side(!fromB);
  const before: Note[] = [];
  for (const isB of [false, true]) {
    const packet = lastPacket(flow, isB);
    const who = isB === fromB ? 'the end that resets' : 'the other end';
    if (packet !== undefined) before.push({ packet, note: `last packet of ${who}` });
  }
  const from = fromB === flow.has(FlowBit.CLIENT_IS_B) ? 'client' : 'server';
  return {
    class: kind,
    from,
    idle: kind === 'no-flow' ? undefined : idleBefore(event),
    hints: kind === 'no-flow' ? [] : hintsAt(event),
    probed: isAbort && probesInVain(sender, receiver) && segment.at - sender.sentAt >= PROBE_INTERVAL,
    unanswered: awaitsAnswer(event),
    sentNothing: isAbort && from === 'server' && sentNothing(event),
    stray: answersStray(event),
    unacked: sentInVain(event),
    lost: lostBytes(event),
    sinceFin: (receiver.sentFlags & Flag.FIN) === 0 ? undefined : segment.at - receiver.sentAt,
    finWait2: finWait2(event),
    partial: !flow.has(FlowBit.CLIENT_KNOWN),
    resetterSpoke: sender.has(SideBit.SPOKE),
    answersResetter: answersResetter(event),
    unseen: unseen(event, from),
    isOfJoin: OF_HANDSHAKE.has(kind) && from === 'server' && flow.client.has(SideBit.JOINS),
    taken: () => lastTaken(tracker, ends),
    ends,
    rst: event.packet(),
    since: flow.opened,
    before,
    supposed,
  };
}

/** The other end had acknowledged its FIN, and came with its own, without data, when FIN_WAIT2 may have run out (docs/rules.md B2). */
function finWait2({ class: kind, flow, fromB, segment }: ResetSeen): Nanos | undefined {
  if (kind !== 'after-own-fin' || (segment.flags & Flag.ACK) !== 0) return undefined;
  const [sender, receiver] = [flow.side(fromB), flow.side(!fromB)];
  const answersFin = (receiver.sentFlags & Flag.FIN) !== 0 && receiver.sent(L.SENT_LENGTH) === 0;
  if (!answersFin || !sender.has(SideBit.FIN_ACKED) || !(segment.at - receiver.sentAt <= ANSWER)) return undefined;
  const waited = receiver.sentAt - sender.sentAt;
  return waited >= LEAST_FIN_WAIT2 ? waited : undefined;
}

/**
 * Nothing of the connection is in the capture but one segment without data, and the answer of a host without a socket (RFC
 * 9293 §3.10.7.1): to one without ACK an RST,ACK from 0 on, to a lone ACK a bare RST. Scans send both. A keep-alive probe of
 * a connection that was lost looks like the second, but has the timestamps of the connection, if that uses them.
 */
function answersStray({ class: kind, flow, fromB, segment }: ResetSeen): boolean {
  const [answering, other] = [flow.side(fromB), flow.side(!fromB)];
  const isLone = other.packets === 1 && other.bytes === 0 && !answering.has(SideBit.SPOKE);
  if (!OF_OPEN.has(kind) || !isLone || flow.has(FlowBit.CLIENT_KNOWN)) return false;
  const flags = other.sentFlags & (Flag.ACK | Flag.FIN);
  if ((segment.flags & Flag.ACK) !== 0) return (flags & Flag.ACK) === 0 && segment.seq === 0;
  return flags === Flag.ACK && !other.has(SideBit.TS_LATER | SideBit.TS_CUT);
}

/**
 * It answers as a host without the connection, and its last packets were the same data again, which the other end does
 * not acknowledge even now: it gave up on that, without a word (Linux tcp_write_err). Undefined where it did not: the
 * connection may have repeated other data long ago, but who gives up has waited for another timer after the last try.
 */
function sentInVain({ class: kind, flow, fromB }: ResetSeen): number | undefined {
  if (kind !== 'no-state' || !flow.has(FlowBit.CLIENT_KNOWN)) return undefined;
  const [sender, receiver] = [flow.side(fromB), flow.side(!fromB)];
  const [length, unacked] = [sender.sent(L.SENT_LENGTH), s32(sender.nxt, receiver.acked)];
  // Numbers come round with 4 GiB, bytes do not.
  const again = s32(sender.bytes % 2 ** 32, sender.nxt - sender.isn - 1);
  const isHead = sender.sent(L.SENT_SEQ) === receiver.acked && receiver.sentAt - sender.sentAt >= LAST_TIMER;
  return length > 0 && unacked > 0 && isHead && again >= TRIES * length ? unacked : undefined;
}

/** So often again is no loss like another. */
const TRIES = 3;
/** The timer has doubled with each of them, from 200 ms on (Linux TCP_RTO_MIN). */
const LAST_TIMER: Nanos = 1 * SECOND;

interface Lost {
  bytes: number;
  /** How long their sender had known of the close, where it had. */
  known: Nanos | undefined;
}

/** An application that looks at its connections before it uses them has seen a close by then. */
const NOTICED: Nanos = 100 * MILLISECOND;

/**
 * It had closed, has no socket any more, and never acknowledged what the other end sent: across the FIN, or even after
 * that had acknowledged it (a keep-alive connection that is used again as it is closed).
 */
function lostBytes({ class: kind, flow, fromB, segment }: ResetSeen): Lost | undefined {
  if (kind !== 'after-own-fin' || (segment.flags & Flag.ACK) !== 0) return undefined;
  const [closer, sender] = [flow.side(fromB), flow.side(!fromB)];
  const fin = sender.has(SideBit.FIN) && sender.finEnd === sender.nxt ? 1 : 0;
  const bytes = s32(sender.nxt - fin, closer.acked);
  if (!sender.has(SideBit.SPOKE) || bytes <= 0) return undefined;
  const isAll = sender.sent(L.SENT_LENGTH) === bytes && sender.sentAt === flow.last;
  // As long as a round trip lasts from here, the data may have been under way when the FIN came.
  const hadSeen = sender.rtt > 0 && flow.gap - sender.rtt >= NOTICED;
  const isTold = isAll && s32(sender.sent(L.SENT_ACK), closer.finEnd) >= 0 && hadSeen;
  return { bytes, known: isTold ? flow.gap : undefined };
}

/**
 * The other end acknowledged more than was seen of the one that resets: that may have sent a FIN. Or nothing at all was
 * captured of the server that a client does not wait for.
 */
function unseen({ class: kind, flow, fromB, tracker }: ResetSeen, from: End): End | undefined {
  if (kind === 'client-abort-syn') return tracker.pairs.heard(flow.pair, !fromB) ? undefined : 'server';
  const [sender, receiver] = [flow.side(fromB), flow.side(!fromB)];
  const known = sender.has(SideBit.SPOKE) && receiver.has(SideBit.SPOKE);
  return OF_OPEN.has(kind) && known && ackedUnseen(sender, receiver) ? from : undefined;
}

/** As of now; a connection may be taken after the RST as well. */
function lastTaken({ pairs }: Tracker, { pair, clientIsB, serverPort }: Ends): Nanos {
  const block = pairs.direction(pair, clientIsB);
  const isSamePort = pairs.words[block + PairLayout.ANSWERED_PORT] === serverPort + 1;
  return isSamePort ? pairs.doubles[(block + PairLayout.ANSWERED_AT) >> 1]! : Number.NaN;
}

/** What it answers was sent by the end whose RST had ended the connection: another may have sent that RST. */
function answersResetter({ class: kind, flow, fromB }: ResetSeen): boolean {
  if ((kind !== 'repeat' && kind !== 'no-state') || flow.side(fromB).has(SideBit.RST)) return false;
  const resetter = flow.side(!fromB);
  // Where what it sent was surely new, the flow counts as open again.
  return resetter.has(SideBit.RST) && (flow.phase === Phase.OPEN || resetter.sentAt > flow.resetAt + OVERTAKEN);
}
