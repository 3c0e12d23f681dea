/**
 * Hints about who really sent an RST, and why (docs/rules.md D3). Each may be wrong by itself. A middlebox is called
 * likely only with two hints, or if the supposed sender continues as if nothing had happened.
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import type { ResetClass } from '../../flow/resets.ts';
import type { Aftermath } from '../../flow/stories/reset-aftermath.ts';
import { awaitsAnswer } from './awaited-answer.ts';
import { lacksUse, serverSentNoByte } from './no-data.ts';
import { originHints } from './origin-hints.ts';
import { gaveUpProbing, probesInVain } from './probes.ts';
import { ANSWER, idleForSure } from './silence.ts';

const { L, Phase, SideBit } = layout;

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

/** Idle timers of load balancers and NATs: 60 s (common), 240 s (Azure), 350 s (AWS); B9. */
const IDLE_TIMERS: readonly Nanos[] = [60 * SECOND, 240 * SECOND, 350 * SECOND];
const IDLE_TOLERANCE = 0.02;

/** Hints from the packets up to and including the RST. */
export const hintsAt = (event: ResetSeen): ResetHint[] => [...originHints(event), ...reasonHints(event)];

/** Hints why its sender gave up the connection. */
function reasonHints(event: ResetSeen): ResetHint[] {
  const { flow, sender, receiver, isBare, tracker } = event;
  const idle: ResetHint[] = fitsIdleTimer(idleForSure(event)) && !gaveUpProbing(event) ? ['idle-timer'] : [];
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

/**
 * SO_LINGER 0 is as likely as unread data if the peer's data was answered, or there was none. No packet shows whether
 * all data had been read: Linux widens its window even while nobody reads. After a keep-alive probe the abort is a
 * timeout.
 */
function mayLinger(sender: Side, receiver: Side): boolean {
  return !probesInVain(sender, receiver) && (receiver.bytes === 0 || sender.sent(L.SENT_LENGTH) > 0);
}

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

/**
 * Only what the supposed sender does next speaks against it, and the RST is that of a host without a socket: not only a
 * device sends such a one, but any other host that has its address.
 */
export const mayBeHost = (isBare: boolean, hints: readonly ResetHint[]): boolean => isBare && !isDoubtful(hints);

const MIDDLEBOX_SIGNS: ReadonlySet<ResetHint> = new Set([
  'ttl',
  'ip-id',
  'no-timestamp',
  'stepped-seq',
  'faster-than-rtt',
]);
