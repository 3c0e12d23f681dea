/**
 * Why a SYN was not answered, or not at first, as far as packets show (docs/rules.md D2.3). Otherwise the cause is
 * `unknown`: a silent server, a firewall and a broken path look the same.
 */
import { duration, MILLISECOND, type Nanos } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Confidence } from '../finding.ts';
import type { Trial } from '../recycle/recycle-trial.ts';
import { answeredSyn, type Tried } from '../recycle/recycle-tried.ts';
import type { Remembered } from '../recycle/remembered-tsval.ts';
import type { Reuse } from '../reuse/tuple-reuse.ts';
import type { Waiting } from './accept-backlog.ts';
import { echoedEarlier } from './echoed-syn.ts';
import { answeredWithoutOption } from './left-out-options.ts';
import { oldAck } from './old-ack-cause.ts';
import type { OtherAttempts } from './other-attempts.ts';
import { heldBack } from './syn-schedule.ts';
import { localWords } from './syn-words.ts';

export type CauseName = 'time-wait' | 'per-host-paws' | 'accept-queue' | 'path-loss' | 'one-way-capture' | 'unknown';

export interface Cause {
  name: CauseName;
  confidence: Confidence;
  /** For the title. */
  words: string;
  /** The server received what the client sent after its SYN. */
  heard?: true;
  /** The waiting connection that suggests a full accept queue. */
  waiting?: Waiting;
  /** The value that tcp_tw_recycle compares with the SYN. */
  remembered?: Remembered | undefined;
  /** What packets show although none of the causes applies. */
  seen?:
    | 'old-connection'
    | 'old-attempt'
    | 'refused'
    | 'foreign-ack'
    | 'foreign-syn-ack'
    | 'held-back'
    | 'not-heard'
    | 'not-captured'
    | 'no-ack'
    | 'late-answer'
    | 'syn-cookie'
    | 'syn-differs'
    | 'syn-changed'
    | 'first-syn'
    | 'first-or-changed'
    | 'tuple-held';
  /** In what the SYNs that got no answer differ from answered ones. */
  differs?: readonly string[];
}

/** For titles. */
export const causeText = ({ name, words, seen }: Cause): string =>
  name === 'unknown' && seen === undefined ? `unknown (${words})` : words;

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

export function causeOf(attempt: Attempt, found: Circumstances): Cause {
  return (
    oneWay(attempt, found) ??
    oldAck(attempt, found) ??
    lateAnswer(attempt, found) ??
    (fitsRecycle(attempt, found) ? perHostPaws(found) : undefined) ??
    causeWithoutRecycle(attempt, found)
  );
}

/** The cause if the rule of tcp_tw_recycle is ruled out. */
export function causeWithoutRecycle(attempt: Attempt, found: Circumstances): Cause {
  return (
    acceptQueue(attempt, found) ??
    silentTimeWait(attempt, found) ??
    sentTogether(attempt) ??
    cookies(attempt, found) ??
    pathLoss(attempt, found) ??
    backlog(attempt, found) ??
    unknown(attempt, found)
  );
}

function oneWay(
  { steps, delay, answered, lacksOldAck }: Attempt,
  { serverHeard, around, isLocal }: Circumstances,
): Cause | undefined {
  const wentOn = steps.at(-1) === 'accepted' && delay === undefined;
  if (wentOn && serverHeard) {
    const words =
      'the client goes on as if answered, and this capture does show the server: the SYN-ACK is missing from it, or ' +
      'recorded later, and perhaps others are, too';
    return { name: 'unknown', confidence: 'strong', words, seen: 'not-captured' };
  }
  if (!wentOn && (answered || serverHeard || around?.answersElsewhere !== true)) return undefined;
  return {
    name: 'one-way-capture',
    confidence: 'strong',
    words: wentOn
      ? answerElsewhere(isLocal, lacksOldAck)
      : 'up to then the capture shows no packet of this server to this client, though the client goes on with other connections',
  };
}

/** `afterOldAck`: the client's RST shows that the old connection answered before. */
function answerElsewhere(isLocal: boolean, afterOldAck: boolean): string {
  if (!afterOldAck)
    return `the client goes on as if answered, so the answer ${isLocal ? 'is missing from the capture' : 'likely passed elsewhere'}`;
  return (
    'an ACK of an older connection answered first, as the RST of the client shows, and then the client goes on as if ' +
    `accepted, so that ACK and the SYN-ACK ${isLocal ? 'are missing from the capture' : 'likely passed elsewhere'}`
  );
}

/** The server had received the first SYN: its SYN-ACK echoes the TSval of that one (RFC 7323). */
function lateAnswer(attempt: Attempt, { isLocal }: Circumstances): Cause | undefined {
  if (echoedEarlier(attempt) !== 0) return undefined;
  const why = isLocal
    ? 'a local firewall dropped its first SYN-ACK, the capture missed it, or the host was slow'
    : "its first SYN-ACK was lost before this point, or path and server take longer than the client's timer";
  return {
    name: 'unknown',
    confidence: 'strong',
    words: `the server had that SYN, as its SYN-ACK echoes it, so no full queue dropped it: ${why}`,
    seen: 'late-answer',
  };
}

/** Every SYN had the fate that the rule predicts, and so had those of the other attempts so far (D1.5). */
function fitsRecycle(attempt: Attempt, { tried, trial }: Circumstances): boolean {
  if (tried === undefined || trial === undefined || tried.fates[0] !== 'drop' || !trial.fits(true)) return false;
  const answered = answeredSyn(attempt, tried);
  if (answered === undefined) return false;
  const silent = answered < 0 ? tried.fates : tried.fates.slice(0, answered);
  return silent.every(fate => fate === 'drop') && (answered < 0 || tried.fates[answered] === 'pass');
}

export function perHostPaws({ tried, trial }: Circumstances): Cause {
  const others = trial!.oneClockBothFates ? '' : ', or whatever else tells the hosts of this address apart';
  return {
    name: 'per-host-paws',
    // All SYNs together may prove the rule (recycle-signature), but a single one may always have been lost.
    confidence: 'strong',
    words: `${trial!.serverClocks.count > 1 ? 'a rule like that' : 'the rule'} of tcp_tw_recycle, which drops just these SYNs${others}: see recycle-signature`,
    remembered: tried!.remembered,
  };
}

function acceptQueue({ since, settledAt, ends }: Attempt, { around }: Circumstances): Cause | undefined {
  const { serverPort } = ends;
  if (!around?.overflowed(serverPort, since, settledAt) && !around?.overflowing(serverPort, since, settledAt)) {
    return undefined;
  }
  return {
    name: 'accept-queue',
    confidence: 'strong',
    words:
      'a full accept queue, of which other connections to this port show signs at the time, or a path that drops what ' +
      'clients send',
  };
}

/** An address may have to be looked up before the first packet leaves (ARP, neighbour discovery), or a radio wakes up. */
function sentTogether(attempt: Attempt): Cause | undefined {
  if (!heldBack(attempt) || attempt.delay === undefined || attempt.syns > 2) return undefined;
  const words =
    'no SYN was lost: by their timestamps they were sent one after the other, and something on the way, such as the ' +
    'look-up of an address, held them back';
  return { name: 'unknown', confidence: 'strong', words, seen: 'held-back' };
}

/** The rule predicts an ACK, and none came. BSDs drop such SYNs silently, and firewalls may drop the ACK. */
function silentTimeWait({ answered, othersAccepted, syns }: Attempt, { reuse }: Circumstances): Cause | undefined {
  const verdict = reuse?.verdict;
  const acks = verdict === 'ACK_PAWS' || verdict === 'ACK_SEQ';
  if (acks && !answered && syns === 1 && reuse?.sinceAck !== undefined && reuse.sinceAck < ACK_LIMIT) {
    return {
      name: 'time-wait',
      confidence: 'strong',
      words:
        `the TIME_WAIT of the old connection on this tuple, which answered another segment ${duration(reuse.sinceAck)} ` +
        'before: Linux lets it answer once in 0.5 s',
    };
  }
  const foretold = acks || verdict === 'ACCEPT_TS';
  if (!foretold || answered || !othersAccepted || syns < SYNS_NOT_LOST) return undefined;
  if (verdict === 'ACCEPT_TS') {
    return {
      name: 'time-wait',
      confidence: 'weak',
      words:
        'a TIME_WAIT of this tuple, perhaps, as others were accepted meanwhile: Linux would accept the newer timestamp, ' +
        'but BSDs look at the sequence number alone, which is lower, and drop such SYNs in silence',
    };
  }
  return {
    name: 'time-wait',
    confidence: 'weak',
    words:
      'a TIME_WAIT of this tuple, most likely, as others were accepted meanwhile: a server that drops such SYNs in ' +
      'silence (BSD), or a firewall that eats the ACK',
  };
}

/** Linux sends SYN cookies when its queue of half-open connections is full (F14). */
function cookies({ likeCookie, delay, ends }: Attempt, { around }: Circumstances): Cause | undefined {
  if (!likeCookie || delay === undefined || around?.sendsCookies(ends.serverPort) !== true) return undefined;
  const words =
    'full queues at the server, most likely: it answers with SYN cookies, as Linux does when its queue of half-open ' +
    'connections is full, and drops SYNs while its accept queue is full as well';
  return { name: 'unknown', confidence: 'strong', words, seen: 'syn-cookie' };
}

/** One of two SYNs got no answer, while the server accepted other connections on that port. */
function pathLoss(attempt: Attempt, { tried, reuse, isLocal }: Circumstances): Cause | undefined {
  const { syns, delay, othersAccepted } = attempt;
  const foretold = (tried?.fates[0] ?? 'pass') !== 'pass' || reuse?.verdict?.startsWith('ACK_') === true;
  if (syns !== 2 || delay === undefined || !othersAccepted || foretold || isLocal) return undefined;
  return {
    name: 'path-loss',
    confidence: 'weak',
    words:
      'lost on the way, or dropped as the accept queue of the server was full for a moment: others were accepted on this port ' +
      'meanwhile',
  };
}

/** No connection was accepted meanwhile, and the one accepted last still waits for the application. */
function backlog({ answered, syns }: Attempt, { waiting, tried, reuse, isLocal }: Circumstances): Cause | undefined {
  const foretold = (tried?.fates[0] ?? 'pass') !== 'pass' || reuse?.verdict?.startsWith('ACK_') === true;
  if (waiting === undefined || (answered ? syns - 1 : syns) < SYNS_NOT_LOST || foretold) return undefined;
  return {
    name: 'accept-queue',
    confidence: 'weak',
    words:
      `a full accept queue, perhaps: the connection taken last before it had its request acknowledged, and no answer in ` +
      `${duration(waiting.until - waiting.opened)} (${isLocal ? 'a local firewall' : 'an outage'} looks the same)`,
    waiting,
  };
}

/** Ports of routing protocols whose SYNs are often signed (RFC 2385, RFC 5925): BGP, MSDP, LDP. */
const SIGNED_PORTS: ReadonlySet<number> = new Set([179, 639, 646]);

function unknown(attempt: Attempt, { serverHeard, tried, trial, isLocal }: Circumstances): Cause {
  const { answered, othersAccepted } = attempt;
  const disproved = trial !== undefined && trial.badAnswered > 0;
  const rule =
    tried?.fates[0] === 'drop' && !disproved
      ? '; a server with tcp_tw_recycle=1 would drop it, but that is not proved'
      : '';
  const unsigned = SIGNED_PORTS.has(attempt.ends.serverPort)
    ? '; or the server expects another TCP MD5 or AO key, or none, and drops SYNs that do not fit'
    : '';
  const option = answeredWithoutOption(attempt)
    ? '; or something drops SYNs with an unusual option, such as MPTCP, as only the answered one has none'
    : '';
  const others = unsigned + option + rule;
  if (isLocal) return { name: 'unknown', confidence: 'weak', words: localWords(othersAccepted) + others };
  const what = othersAccepted
    ? 'lost on the way, dropped by a firewall, or by the server for a full accept queue, though it takes others on this port meanwhile'
    : 'lost on the way, dropped by a firewall, or a full queue or load at the server';
  const never =
    'up to then the capture shows no packet of this server to this client: dead, filtered, or answering by another way';
  return { name: 'unknown', confidence: 'weak', words: (answered || serverHeard ? what : never) + others };
}
