/**
 * Hints about who really sent an RST, and why (docs/rules.md D3). Each may be wrong by itself. A middlebox is called
 * likely only with two hints, or if the supposed sender continues as if nothing had happened.
 */
import { MILLISECOND, type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket } from '../../flow/packet.ts';
import type { ResetClass } from '../../flow/resets.ts';
import type { Aftermath } from '../../flow/stories/reset-aftermath.ts';
import type { Segment } from '../../wire/segment.ts';
import { Flag } from '../../wire/tcp.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { awaitsAnswer } from './awaited-answer.ts';
import { lacksUse, serverSentNoByte } from './no-data.ts';
import { echoedClock, lessPassed, senderClock } from './sender-clock.ts';

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

/** Classes that end a connection, so that it matters who sent the RST. */
export const ENDS_CONNECTION: ReadonlySet<string> = new Set([
  'abort',
  'abort-after-peer-fin',
  'after-own-fin',
  'handshake-abort',
  'no-state',
  'tw-missing',
] satisfies ResetClass[]);

/** Route changes alter a TTL by one or two (p0f's SMALL_TTL_CHG). */
const TTL_SLACK = 2;
/** Initial TTLs of stacks. An RST that arrives with one of them was sent on the link of the capture point. */
const INITIAL_TTLS: readonly number[] = [64, 128, 255];
/** After this many packets of a side it is known whether its IP identification is constant or a counter. */
const ID_SAMPLE = 3;
/** Idle timers of load balancers and NATs: 60 s (common), 240 s (Azure), 350 s (AWS); B9. */
const IDLE_TIMERS: readonly Nanos[] = [60 * SECOND, 240 * SECOND, 350 * SECOND];
const IDLE_TOLERANCE = 0.02;
/** An answer comes within this time of what it answers. */
export const ANSWER: Nanos = 1 * SECOND;
/** With a shorter round trip the speed of a response says nothing. */
const MEASURABLE_RTT: Nanos = 1 * MILLISECOND;

/**
 * The silence before the exchange that ended in the RST. If the RST is an answer, this is the silence before the packet
 * that it answers. Undefined across a clock step.
 */
export function idleBefore(event: ResetSeen): Nanos | undefined {
  const { tracker, flow } = event;
  if (lacksUse(event)) return undefined;
  // If the capture begins with the packet that the RST answers, the silence before that is unknown.
  if (!flow.has(FlowBit.CLIENT_KNOWN) && flow.a.packets + flow.b.packets < 2) return undefined;
  const since = tracker.now - flow.last;
  if (Number.isNaN(since) || Number.isNaN(flow.gap)) return undefined;
  return answersLast(event) ? flow.gap : since;
}

const answersLast = ({ tracker, flow, receiver }: ResetSeen): boolean =>
  receiver.sentAt === flow.last && tracker.now - flow.last <= ANSWER;

/**
 * The most of that silence that had passed by the TSvals of the hosts, if it is much less: the clock of the capture was
 * set forward, or a host slept (docs/rules.md D0.8). A bare RST has no TSval, but what it answers may.
 */
export function passedBefore(event: ResetSeen): Nanos | undefined {
  const { flow, fromB, sender, receiver, segment } = event;
  const idle = idleBefore(event);
  if (idle === undefined) return undefined;
  if (segment.timestamps === Timestamps.PRESENT) return lessPassed(senderClock(flow, sender), segment.tsval, idle);
  if (!answersLast(event)) return undefined;
  const clock = echoedClock(flow, receiver, lastPacket(flow, fromB));
  return lessPassed(clock, lastPacket(flow, !fromB)?.tsval ?? null, idle);
}

/** The silence before it, if no TSval denies that it was so long. */
export const idleForSure = (event: ResetSeen): Nanos | undefined =>
  passedBefore(event) === undefined ? idleBefore(event) : undefined;

/** Hints from the packets up to and including the RST. */
export const hintsAt = (event: ResetSeen): ResetHint[] => [...originHints(event), ...reasonHints(event)];

/** Hints that its sender is not the end whose address it carries. */
function originHints(event: ResetSeen): ResetHint[] {
  const { segment, flow, sender, isBare, tracker } = event;
  const isSeenTwice = tracker.pairs.isSeenTwice(flow.pair) || flow.server.has(SideBit.TWO_NUMBERINGS);
  const hints: ResetHint[] = [];
  // A closed port answers a SYN that the capture lacks: its form is that of no packet of this connection.
  const refuses = isOfClosedPort(segment);
  if (sender.has(SideBit.SPOKE)) {
    // With two capture points each packet has two TTLs, and the time between packets says nothing about an end.
    if (!isSeenTwice && isForeignTtl(sender.ttl, segment.ttl)) hints.push('ttl');
    if (foreignId(sender, segment.ipId, isBare || refuses)) hints.push('ip-id');
    const mayLackThem = isBare || refuses || isProxied(sender); // a closed port has none to send
    const lacksThem = flow.timestampsOn === true && segment.timestamps === Timestamps.ABSENT;
    if (lacksThem && !mayLackThem) hints.push('no-timestamp');
  }
  if (!isSeenTwice && flow.phase === Phase.OPEN && !refuses && fasterThanRtt(event)) hints.push('faster-than-rtt');
  return hints;
}

/** Hints why its sender gave up the connection. */
function reasonHints(event: ResetSeen): ResetHint[] {
  const { flow, sender, receiver, isBare, tracker } = event;
  const idle: ResetHint[] = fitsIdleTimer(idleForSure(event)) ? ['idle-timer'] : [];
  if (flow.phase !== Phase.OPEN || isBare || lacksUse(event)) return idle;
  // In that case the reason is known.
  if (awaitsAnswer(event)) return [];
  const hints: ResetHint[] = [];
  const hasShrunk = sender.acked === receiver.nxt && sender.window < sender.maxWindow && !isScaleCut(sender);
  const unread = receiver.bytes > 0 && hasShrunk && !opensInSteps(sender);
  if (unread) hints.push('unread-data');
  const responded = sender.sent(L.SENT_LENGTH) > 0 && tracker.now - sender.sentAt <= ANSWER && receiver.bytes > 0;
  if (responded) hints.push('after-response');
  hints.push(...idle);
  const wasUsed = sender.has(SideBit.SPOKE) && receiver.has(SideBit.SPOKE) && !serverSentNoByte(event);
  if (!unread && wasUsed && idle.length === 0 && mayLinger(sender, receiver)) hints.push('linger0');
  return hints;
}

/**
 * The options of its SYN were cut off (tcpdump -s 64), so its scale is supposed. The window of the SYN is never scaled, and
 * cannot be compared with the others then.
 */
const isScaleCut = (side: Side): boolean => side.has(SideBit.TS_CUT) && side.has(SideBit.SYN | SideBit.SYN_ACK);

/** Windows, judged by its TTL. It opens its window only in large steps, however little is unread (RFC 1122 §4.2.3.3). */
const opensInSteps = ({ ttl }: Side): boolean => ttl > 64 && ttl <= 128;

const fitsIdleTimer = (idle: Nanos | undefined): boolean =>
  idle !== undefined && IDLE_TIMERS.some(timer => Math.abs(idle - timer) <= timer * IDLE_TOLERANCE);

/** A SYN proxy accepted the SYN with window 0, and the server behind it has not announced a window. */
export const isProxied = (server: Side): boolean => server.has(SideBit.SYN_ACK) && server.maxWindow === 0;

/**
 * SO_LINGER 0 is as likely as unread data if the peer's data was answered, or there was none. No packet shows whether
 * all data had been read: Linux widens its window even while nobody reads. After a keep-alive probe the abort is a
 * timeout.
 */
function mayLinger(sender: Side, receiver: Side): boolean {
  return !probesInVain(sender, receiver) && (receiver.bytes === 0 || sender.sent(L.SENT_LENGTH) > 0);
}

/**
 * The last packet of all was a keep-alive probe of the sender: no or one byte at the number before its next one (RFC
 * 1122 §4.2.3.6), when all of its data was acknowledged. New data of one byte ends at the same number, but that is not
 * acknowledged before it was sent.
 */
export const probesInVain = (sender: Side, receiver: Side): boolean =>
  isProbe(sender) && receiver.acked === sender.nxt && receiver.sentAt < sender.sentAt;

/** By its numbers the last packet of the side was a keep-alive probe. */
export function isProbe(side: Side): boolean {
  const isControl = (side.sentFlags & (Flag.SYN | Flag.FIN)) !== 0;
  return !isControl && side.sent(L.SENT_SEQ) === ((side.nxt - 1) | 0) && side.sent(L.SENT_LENGTH) <= 1;
}

/**
 * The TTL differs by more than route changes explain. Or the RST has passed no hop while the sender's other packets
 * have: a gateway's REJECT shows in no other way (F12).
 */
export const isForeignTtl = (usual: number, ttl: number): boolean =>
  Math.abs(ttl - usual) > TTL_SLACK || (ttl > usual && INITIAL_TTLS.includes(ttl));

/** Whether the RST has a sign that a device on the path sent it in the sender's name. */
export const mayBeByDevice = (event: ResetSeen): boolean => originHints(event).length > 0;

/** Linux refuses a SYN in this form (docs/rules.md B4). */
export const isOfClosedPort = ({ flags, seq, window, ipId, timestamps }: Segment): boolean =>
  (flags & Flag.ACK) !== 0 && seq === 0 && window === 0 && ipId === 0 && timestamps === Timestamps.ABSENT;

/** Adds what the sender did next, and the verdict on a middlebox, to the hints known at the RST. */
export function hintsAfter(hints: readonly ResetHint[], aftermath: Aftermath | undefined): ResetHint[] {
  const all = [...hints];
  if (aftermath?.isStepped) all.push('stepped-seq');
  if (aftermath?.continued !== undefined) all.push('sender-continues');
  const signs = all.filter(hint => MIDDLEBOX_SIGNS.has(hint)).length;
  if (signs >= 2 || aftermath?.continued !== undefined) all.push('middlebox-likely');
  return all;
}

/** Whether at least one hint says that the end whose address the RST carries did not send it. */
export const isDoubtful = (hints: readonly ResetHint[]): boolean => hints.some(hint => MIDDLEBOX_SIGNS.has(hint));

const MIDDLEBOX_SIGNS: ReadonlySet<ResetHint> = new Set([
  'ttl',
  'ip-id',
  'no-timestamp',
  'stepped-seq',
  'faster-than-rtt',
]);

/**
 * Without a socket Linux answers with identification 0 (B4). So beside a running counter only an RST,ACK with 0 is
 * foreign.
 */
function foreignId(sender: Side, id: number, isBare: boolean): boolean {
  if (sender.packets < ID_SAMPLE) return false;
  return sender.has(SideBit.IP_ID) ? !isBare && id === 0 : id !== 0;
}

/** A running counter advances by steps up to this from packet to packet; another machine hardly hits such a value. */
const ID_STEP = 256;

/** Whether its number and TTL are those of the sender's next packet. */
function continuesIds({ ttl, ipId }: Side, segment: Segment): boolean {
  const step = (segment.ipId - ipId) & 0xffff;
  return segment.ipId !== 0 && segment.ttl === ttl && step > 0 && step < ID_STEP;
}

/**
 * Whether the RST reacts to the peer's last packet sooner than its sender ever did. A server answers a SYN at once. The
 * client's ACK of the handshake may be delayed (TCP_QUICKACK), so it must have acknowledged something else as well.
 */
function fasterThanRtt({ tracker, segment, from, sender, receiver, isBare }: ResetSeen): boolean {
  if (sender.leastAnswer < MEASURABLE_RTT || receiver.sentAt < sender.sentAt || continuesIds(sender, segment))
    return false;
  if (from === 'client' && sender.acked === ((receiver.isn + 1) | 0)) return false;
  const reacts = isBare
    ? segment.seq === receiver.sent(L.SENT_ACK)
    : receiver.sent(L.SENT_LENGTH) > 0 && segment.ack === receiver.nxt;
  return reacts && tracker.now - receiver.sentAt < sender.leastAnswer / 2;
}
