/**
 * Hints about who really sent an RST and why (docs/rules.md D3). Each may be wrong alone: a middlebox is called likely
 * only on two of them, or when the supposed sender goes on as if nothing had happened.
 */
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import type { ResetSeen } from '../flow/events.ts';
import type { Side } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import type { Aftermath } from '../flow/reset-aftermath.ts';
import type { ResetClass } from '../flow/resets.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { awaitsAnswer } from './awaited-answer.ts';

const { FlowBit, L, Phase, SideBit } = layout;

export type ResetHint =
  | 'ttl'
  | 'ip-id'
  | 'no-timestamp'
  | 'stepped-seq'
  | 'faster-than-rtt'
  | 'sender-continues'
  | 'middlebox-likely'
  | 'unread-data'
  | 'idle-timer'
  | 'after-response'
  | 'linger0';

/** Classes that end a connection: what sent the RST matters. */
export const ENDS_CONNECTION: ReadonlySet<string> = new Set([
  'abort',
  'abort-after-peer-fin',
  'after-own-fin',
  'handshake-abort',
  'no-state',
  'tw-missing',
] satisfies ResetClass[]);

/** Routes change a TTL by one or two (p0f's SMALL_TTL_CHG). */
const TTL_SLACK = 2;
/** What stacks send with: an RST that comes with one of them was sent on the wire of the capture. */
const INITIAL_TTLS: readonly number[] = [64, 128, 255];
/** Packets of a side before its IP identification is known for a constant or a counter. */
const ID_SAMPLE = 3;
/** Idle timers of load balancers and NATs: 60 s (common), 240 s (Azure), 350 s (AWS); B9. */
const IDLE_TIMERS: readonly Nanos[] = [60 * SECOND, 240 * SECOND, 350 * SECOND];
const IDLE_TOLERANCE = 0.02;
/** An answer comes within this of what it answers. */
export const ANSWER: Nanos = 1 * SECOND;
/** Below this a round trip is too short to tell anything from a response faster than it. */
const MEASURABLE_RTT: Nanos = 1 * MILLISECOND;

/** The silence before the exchange that ended in the RST; where that is an answer, from before what it answers. Undefined across a clock step. */
export function idleBefore({ tracker, flow, receiver }: ResetSeen): Nanos | undefined {
  // Where the capture begins with what it answers, the silence before that is not to be seen.
  if (!flow.has(FlowBit.CLIENT_KNOWN) && flow.a.packets + flow.b.packets < 2) return undefined;
  const since = tracker.now - flow.last;
  if (Number.isNaN(since) || Number.isNaN(flow.gap)) return undefined;
  const answers = receiver.sentAt === flow.last && since <= ANSWER;
  return answers ? flow.gap : since;
}

/** Hints that the packets up to the RST give. */
export const hintsAt = (event: ResetSeen): ResetHint[] => [...originHints(event), ...reasonHints(event)];

/** Whether its sender is the end whose address it carries. */
function originHints(event: ResetSeen): ResetHint[] {
  const { segment, flow, sender, isBare, tracker } = event;
  const isSeenTwice = tracker.pairs.isSeenTwice(flow.pair) || flow.server.has(SideBit.TWO_NUMBERINGS);
  const hints: ResetHint[] = [];
  if (sender.has(SideBit.SPOKE)) {
    // At two points of a path packets have two TTLs, and the times between them are none of the ends'.
    if (!isSeenTwice && isForeignTtl(sender.ttl, segment.ttl)) hints.push('ttl');
    if (foreignId(sender, segment.ipId, isBare)) hints.push('ip-id');
    const mayLackThem = isBare || isProxied(sender); // a closed port has none to send
    const lacksThem = flow.timestampsOn === true && segment.timestamps === Timestamps.ABSENT;
    if (lacksThem && !mayLackThem) hints.push('no-timestamp');
  }
  if (!isSeenTwice && flow.phase === Phase.OPEN && fasterThanRtt(event)) hints.push('faster-than-rtt');
  return hints;
}

/** Why its sender gave the connection up. */
function reasonHints(event: ResetSeen): ResetHint[] {
  const { flow, sender, receiver, isBare, tracker } = event;
  const idle: ResetHint[] = fitsIdleTimer(idleBefore(event)) ? ['idle-timer'] : [];
  if (flow.phase !== Phase.OPEN || isBare) return idle;
  // Then the reason is known.
  if (awaitsAnswer(event)) return [];
  const hints: ResetHint[] = [];
  const hasShrunk = sender.acked === receiver.nxt && sender.window < sender.maxWindow;
  const unread = receiver.bytes > 0 && hasShrunk && !opensInSteps(sender);
  if (unread) hints.push('unread-data');
  const responded = sender.sent(L.SENT_LENGTH) > 0 && tracker.now - sender.sentAt <= ANSWER && receiver.bytes > 0;
  if (responded) hints.push('after-response');
  hints.push(...idle);
  const wasUsed = sender.has(SideBit.SPOKE) && receiver.has(SideBit.SPOKE) && !sentNothing(event);
  if (!unread && wasUsed && idle.length === 0 && mayLinger(sender, receiver)) hints.push('linger0');
  return hints;
}

/** Windows, by its TTL: it opens its window again in large steps only, however little is unread (RFC 1122 §4.2.3.3). */
const opensInSteps = ({ ttl }: Side): boolean => ttl > 64 && ttl <= 128;

const fitsIdleTimer = (idle: Nanos | undefined): boolean =>
  idle !== undefined && IDLE_TIMERS.some(timer => Math.abs(idle - timer) <= timer * IDLE_TOLERANCE);

/**
 * A server that has sent no byte: a listener that is closed aborts like that what nobody has accepted (Linux
 * inet_csk_listen_stop), whatever an application would have done.
 */
export function sentNothing({ from, sender: server, receiver: client, segment }: ResetSeen): boolean {
  const first = (server.isn + 1) | 0;
  const isKnown = from === 'server' && server.has(SideBit.SYN_ACK);
  return isKnown && server.bytes === 0 && client.acked === first && segment.seq === first;
}

/** A SYN proxy accepted the SYN, with window 0, and no window has come from the server behind it. */
export const isProxied = (server: Side): boolean => server.has(SideBit.SYN_ACK) && server.maxWindow === 0;

/**
 * SO_LINGER 0 is as likely as unread data where the peer's data was answered, or there was none. Whether all of it had been
 * read no packet shows: Linux opens its window further even while nobody reads. After a keep-alive probe the abort is a
 * timeout.
 */
function mayLinger(sender: Side, receiver: Side): boolean {
  return !probesInVain(sender, receiver) && (receiver.bytes === 0 || sender.sent(L.SENT_LENGTH) > 0);
}

/**
 * The last packet of either end was a keep-alive probe of the sender: nothing, or one byte, at the number before its next
 * (RFC 1122 §4.2.3.6), after all of its own was acknowledged. A byte of new data ends at that number too, and is not
 * acknowledged before it was sent.
 */
export function probesInVain(sender: Side, receiver: Side): boolean {
  const isControl = (sender.sentFlags & (Flag.SYN | Flag.FIN)) !== 0;
  return (
    !isControl &&
    sender.sent(L.SENT_SEQ) === ((sender.nxt - 1) | 0) &&
    sender.sent(L.SENT_LENGTH) <= 1 &&
    receiver.acked === sender.nxt &&
    receiver.sentAt < sender.sentAt
  );
}

/**
 * Further off than routes change it; or not a single hop used up, where the sender's other packets come from behind
 * one: a gateway's REJECT shows itself by nothing else (F12).
 */
export const isForeignTtl = (usual: number, ttl: number): boolean =>
  Math.abs(ttl - usual) > TTL_SLACK || (ttl > usual && INITIAL_TTLS.includes(ttl));

/** The RST bears a sign that a device on the way sent it in its sender's name. */
export const mayBeByDevice = (event: ResetSeen): boolean => originHints(event).length > 0;

/** What the sender did next. Adds the verdict on a middlebox to what was known at the RST. */
export function hintsAfter(hints: readonly ResetHint[], aftermath: Aftermath | undefined): ResetHint[] {
  const all = [...hints];
  if (aftermath?.isStepped) all.push('stepped-seq');
  if (aftermath?.continued !== undefined) all.push('sender-continues');
  const signs = all.filter(hint => MIDDLEBOX_SIGNS.has(hint)).length;
  if (signs >= 2 || aftermath?.continued !== undefined) all.push('middlebox-likely');
  return all;
}

/** One of them at least speaks against the end whose address the RST carries. */
export const isDoubtful = (hints: readonly ResetHint[]): boolean => hints.some(hint => MIDDLEBOX_SIGNS.has(hint));

const MIDDLEBOX_SIGNS: ReadonlySet<ResetHint> = new Set([
  'ttl',
  'ip-id',
  'no-timestamp',
  'stepped-seq',
  'faster-than-rtt',
]);

/** Linux answers without a socket with identification 0 (B4), so only an RST,ACK of 0 is foreign to a running counter. */
function foreignId(sender: Side, id: number, isBare: boolean): boolean {
  if (sender.packets < ID_SAMPLE) return false;
  return sender.has(SideBit.IP_ID) ? !isBare && id === 0 : id !== 0;
}

/** A running counter goes on from packet to packet by steps like these; another machine hardly hits them. */
const ID_STEP = 256;

/** It is numbered like the next packet of its sender, with the same TTL. */
function continuesIds({ ttl, ipId }: Side, segment: Segment): boolean {
  const step = (segment.ipId - ipId) & 0xffff;
  return segment.ipId !== 0 && segment.ttl === ttl && step > 0 && step < ID_STEP;
}

/** The RST reacts to the peer's last packet sooner than its sender has ever been able to. */
function fasterThanRtt({ tracker, segment, sender, receiver, isBare }: ResetSeen): boolean {
  if (sender.rtt < MEASURABLE_RTT || receiver.sentAt < sender.sentAt || continuesIds(sender, segment)) return false;
  const reacts = isBare
    ? segment.seq === receiver.sent(L.SENT_ACK)
    : receiver.sent(L.SENT_LENGTH) > 0 && segment.ack === receiver.nxt;
  return reacts && tracker.now - receiver.sentAt < sender.rtt / 2;
}
