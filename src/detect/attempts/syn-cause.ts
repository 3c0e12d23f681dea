/**
 * Why a SYN was not answered, or not at first, as far as packets show (docs/rules.md D2.3). Otherwise the cause is
 * `unknown`: a silent server, a firewall and a broken path look the same. What is said of each is in cause-words.ts.
 */
import { MILLISECOND, type Nanos } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Trial } from '../recycle/recycle-trial.ts';
import { answeredSyn, type Tried } from '../recycle/recycle-tried.ts';
import type { Reuse } from '../reuse/tuple-reuse.ts';
import type { Waiting } from './accept-backlog.ts';
import { type Cause, causeFor, type Guess, type Why } from './cause.ts';
import { echoedEarlier } from './echoed-syn.ts';
import { answeredWithoutOption } from './left-out-options.ts';
import { oldAck } from './old-ack-cause.ts';
import type { OtherAttempts } from './other-attempts.ts';
import { heldBack } from './syn-schedule.ts';

/** What is known at the end of an attempt, besides the attempt itself. */
export interface Circumstances {
  tried: Tried | undefined;
  trial: Trial | undefined;
  /** The earlier use of the tuple. */
  reuse: Reuse | undefined;
  serverHeard: boolean;
  around: OtherAttempts | undefined;
  /** A connection to the same port that waited for the application at that time. */
  waiting: Waiting | undefined;
  /** Both ends are one host. */
  isLocal: boolean;
}

/** While others get through, this many SYNs are hardly lost one by one. */
const SYNS_NOT_LOST = 3;
/** tcp_invalid_ratelimit (docs/rules.md B3). */
const ACK_LIMIT: Nanos = 500 * MILLISECOND;
/** Ports of routing protocols whose SYNs are often signed (RFC 2385, RFC 5925): BGP, MSDP, LDP. */
const SIGNED_PORTS: ReadonlySet<number> = new Set([179, 639, 646]);

/** The cause as far as this attempt shows it, and what is known around it. */
export const causeOf = (attempt: Attempt, found: Circumstances): Cause =>
  causeFor(
    fromAnswers(attempt, found) ??
      perHostPaws(attempt, found) ??
      fromSilence(attempt, found) ??
      unknown(attempt, found),
  );

/** The cause if the rule of tcp_tw_recycle is ruled out, of an attempt whose answers do not show it. */
export const causeWithoutRecycle = (attempt: Attempt, found: Circumstances): Cause =>
  causeFor(fromSilence(attempt, found) ?? unknown(attempt, found));

/** What answers show. The order counts, here and below: the first that applies. */
const fromAnswers = (attempt: Attempt, found: Circumstances): Why | undefined =>
  oneWay(attempt, found) ?? oldAck(attempt, found) ?? lateAnswer(attempt);

/** What silence may mean, the surer before the less sure. */
const fromSilence = (attempt: Attempt, found: Circumstances): Why | undefined =>
  fullQueue(attempt, found) ??
  silentTimeWait(attempt, found) ??
  sentTogether(attempt) ??
  cookies(attempt, found) ??
  oneLost(attempt, found) ??
  waitingConnection(attempt, found);

/** The capture lacks the answer: the client goes on as if accepted, or no packet of the server is seen at all. */
function oneWay(
  { steps, delay, answered, lacksOldAck }: Attempt,
  { serverHeard, around }: Circumstances,
): Why | undefined {
  const wentOn = steps.at(-1) === 'accepted' && delay === undefined;
  if (wentOn) return serverHeard ? { is: 'answer-missing' } : { is: 'answer-elsewhere', lacksOldAck };
  return !answered && !serverHeard && around?.answersElsewhere === true ? { is: 'server-elsewhere' } : undefined;
}

/** The server had received the first SYN: its SYN-ACK echoes the TSval of that one (RFC 7323). */
const lateAnswer = (attempt: Attempt): Why | undefined =>
  echoedEarlier(attempt) === 0 ? { is: 'late-answer' } : undefined;

/** Every SYN had the fate that the rule predicts, and so had those of the other attempts so far (D1.5). */
function perHostPaws(attempt: Attempt, { tried, trial }: Circumstances): Why | undefined {
  if (tried === undefined || trial === undefined || tried.fates[0] !== 'drop' || !trial.fits(true)) return undefined;
  const answered = answeredSyn(attempt, tried);
  if (answered === undefined) return undefined;
  const silent = answered < 0 ? tried.fates : tried.fates.slice(0, answered);
  const fits = silent.every(fate => fate === 'drop') && (answered < 0 || tried.fates[answered] === 'pass');
  return fits ? byRecycle(tried, trial) : undefined;
}

export const byRecycle = ({ remembered }: Tried, trial: Trial): Why => ({
  is: 'per-host-paws',
  severalServers: trial.serverClocks.count > 1,
  oneClock: trial.oneClockBothFates,
  remembered,
});

/** Other connections to the port show it at that time. */
function fullQueue({ since, settledAt, ends }: Attempt, { around }: Circumstances): Why | undefined {
  const isFull =
    around?.overflowed(ends.serverPort, since, settledAt) || around?.overflowing(ends.serverPort, since, settledAt);
  return isFull ? { is: 'full-queue' } : undefined;
}

/** The rule predicts an ACK, and none came. BSDs drop such SYNs silently, and firewalls may drop the ACK. */
function silentTimeWait({ answered, othersAccepted, syns }: Attempt, { reuse }: Circumstances): Why | undefined {
  const acks = reuse?.verdict === 'ACK_PAWS' || reuse?.verdict === 'ACK_SEQ';
  const sinceAck = reuse?.sinceAck;
  if (acks && !answered && syns === 1 && sinceAck !== undefined && sinceAck < ACK_LIMIT) {
    return { is: 'ack-limit', sinceAck };
  }
  if (answered || !othersAccepted || syns < SYNS_NOT_LOST) return undefined;
  if (reuse?.verdict === 'ACCEPT_TS') return { is: 'number-only' };
  return acks ? { is: 'silent-time-wait' } : undefined;
}

/** An address may have to be looked up before the first packet leaves (ARP, neighbour discovery), or a radio wakes up. */
const sentTogether = (attempt: Attempt): Why | undefined =>
  heldBack(attempt) && attempt.delay !== undefined && attempt.syns <= 2 ? { is: 'held-back' } : undefined;

/** Linux sends SYN cookies when its queue of half-open connections is full (F14). */
function cookies({ acceptance, delay, ends }: Attempt, { around }: Circumstances): Why | undefined {
  if (delay === undefined || acceptance?.likeCookie !== true) return undefined;
  return around?.sendsCookies(ends.serverPort) === true ? { is: 'syn-cookies' } : undefined;
}

/** One of two SYNs got no answer, while the server accepted other connections on that port. */
function oneLost({ syns, delay, othersAccepted }: Attempt, found: Circumstances): Why | undefined {
  const isOneLost = syns === 2 && delay !== undefined && othersAccepted && !found.isLocal;
  return isOneLost && !isForetold(found) ? { is: 'one-lost' } : undefined;
}

/** No connection was accepted meanwhile, and the one accepted last still waits for the application. */
function waitingConnection({ answered, syns }: Attempt, found: Circumstances): Why | undefined {
  const { waiting } = found;
  const unanswered = answered ? syns - 1 : syns;
  if (waiting === undefined || unanswered < SYNS_NOT_LOST || isForetold(found)) return undefined;
  return { is: 'waiting-connection', waiting };
}

/** tcp_tw_recycle may drop the SYN, or the TIME_WAIT of its own tuple should answer it. */
const isForetold = ({ tried, reuse }: Circumstances): boolean =>
  (tried?.fates[0] ?? 'pass') !== 'pass' || reuse?.verdict?.startsWith('ACK_') === true;

function unknown(attempt: Attempt, { serverHeard, tried, trial }: Circumstances): Why {
  const { answered, othersAccepted, ends } = attempt;
  const guesses: Guess[] = [];
  if (SIGNED_PORTS.has(ends.serverPort)) guesses.push('signature');
  if (answeredWithoutOption(attempt)) guesses.push('option');
  const isRefuted = trial !== undefined && trial.badAnswered > 0;
  if (tried?.fates[0] === 'drop' && !isRefuted) guesses.push('recycle');
  return { is: 'unknown', othersAccepted, isServerSeen: answered || serverHeard, guesses };
}
