/** A SYN reuses a 5-tuple within 2 MSL: what a kernel would do with it, and what was seen (docs/rules.md D2). */
import { duration, seconds } from '../base/time.ts';
import type { Flow } from '../flow/flow.ts';
import { lastPacket } from '../flow/packet.ts';
import type { Attempt } from '../flow/stories/attempt.ts';
import type { Detector, Draft, Note } from './detector.ts';
import type { Confidence, Severity } from './finding.ts';
import { type Reuse, reuseOf, withAnswer } from './reuse/tuple-reuse.ts';
import type { SynWhatIf } from './what-if/what-if.ts';

export type PortReuseEvidence = {
  class: Reuse['class'];
  /** Seconds since the TIME_WAIT began, or since the old connection's RST or last packet. */
  age: number;
  /** Which end of the new connection holds the old TIME_WAIT. */
  owner: Reuse['owner'];
  /** How the server's kernel treats the SYN. */
  verdict?: NonNullable<Reuse['verdict']>;
  rfc6191?: NonNullable<Reuse['rfc6191']>;
  /**
   * Seconds since the client entered its TIME_WAIT, if the timer was restarted later: this is what tcp_tw_reuse counts
   * from.
   */
  since_entry?: number;
  /** Whether the client's ISN continues its own TIME_WAIT. */
  client_isn?: NonNullable<Reuse['clientIsn']>;
  /** Whether tcp_tw_reuse lets the client take over its own TIME_WAIT, by kernel. */
  tw_reuse?: NonNullable<Reuse['twReuse']>;
  /**
   * What was seen, as steps joined by `>`: `challenge-ack>rst>accepted`, `dropped`, `unobservable`; `pending` in a live
   * run while the answer may still come.
   */
  outcome: string;
  syns: number;
  /** Seconds since then by the server's TSvals, at most, if that is much less than `age`. */
  passed?: number;
  /** The capture lacks a FIN of the old connection, which a number covers: a single byte would look the same. */
  lacks_fin?: true;
  /** The old connection answered again after the client's RST. */
  outlived?: boolean;
  /** Seconds from the first SYN until it was accepted. */
  delay?: number;
} & SynWhatIf;

/** If other connections get through, it is unlikely that this many SYNs were lost one by one. */
const SYNS_NOT_LOST = 3;

export const portReuse: Detector<'port-reuse'> = {
  meta: {
    id: 'port-reuse',
    title: 'Source port used again within 2 MSL',
    why:
      'The tuple of a new SYN still belongs to an earlier connection. Whoever closed that one first holds it in ' +
      'TIME_WAIT for 60 s and answers a SYN it cannot tell from an old duplicate with an ACK of the old connection: ' +
      'the client resets and tries again, or waits.',
    fix:
      'Let connections live longer (keep-alive), let the client close first, or give it more ports and addresses: a ' +
      'NAT in between must not reuse a port before the server has released it.',
    doNot:
      'Do not enable tcp_tw_recycle, and do not switch tcp_timestamps off: without them only the sequence number is ' +
      'left to tell a new SYN from an old one. tcp_tw_reuse helps only the side that opens connections.',
    references: [
      'RFC 9293 §3.10.7.4 (SYN in TIME-WAIT)',
      'RFC 6191 (timestamps in TIME-WAIT)',
      'Linux tcp_timewait_state_process, tcp_twsk_unique',
    ],
  },
  create: (report, { timeWait, whatIf }) => ({
    opened(event) {
      const { older, clientIsB } = event;
      if (older === undefined) return;
      const bySyn = reuseOf(event, older, timeWait);
      if (bySyn === undefined) return;
      const before = lastWords(older, clientIsB);
      const supposed = whatIf?.ofSyn(event);
      const { pairs } = event.tracker;
      event.attempt().onTold(attempt => {
        const outcome = outcomeOf(attempt, pairs.heard(attempt.ends.pair, !clientIsB));
        report(draftOf({ attempt, before, reuse: withAnswer(bySyn, attempt), outcome, supposed }), attempt);
      });
    },
  }),
};

/** A reuse together with the present state of its attempt. */
interface Told {
  attempt: Attempt;
  /** The last packets of the old connection. */
  before: readonly Note[];
  reuse: Reuse;
  outcome: string;
  supposed: SynWhatIf | undefined;
}

function lastWords(older: Flow, clientIsB: boolean): Note[] {
  return [false, true].flatMap(isB => {
    const packet = lastPacket(older, isB);
    const who = isB === clientIsB ? 'client' : 'server';
    return packet === undefined ? [] : [{ packet, note: `old connection: last packet of this end (${who})` }];
  });
}

function outcomeOf({ isPending, steps }: Attempt, serverHeard: boolean): string {
  if (isPending) return 'pending';
  if (!serverHeard) return 'unobservable';
  return steps.length > 0 ? steps.join('>') : 'dropped';
}

/**
 * A client sends a SYN again if it gets no answer. If it does not, the answer or the next SYN may be in a hole of the capture,
 * or after its end.
 */
const isLone = ({ outcome, attempt }: Told): boolean => outcome === 'dropped' && attempt.syns === 1;

function draftOf(told: Told): Draft {
  const { attempt, before, reuse, outcome } = told;
  return {
    rule: 'port-reuse',
    severity: severityOf(told),
    confidence: confidenceOf(told),
    title: titleOf(told),
    raised: attempt.syn,
    lastAt: attempt.touchedAt,
    ...(attempt.answered ? {} : { until: attempt.settledAt }),
    ends: attempt.ends,
    evidence: {
      class: reuse.class,
      age: seconds(reuse.age),
      owner: reuse.owner,
      ...(reuse.sinceEntry === undefined ? {} : { since_entry: seconds(reuse.sinceEntry) }),
      ...(reuse.verdict === undefined ? {} : { verdict: reuse.verdict }),
      ...(reuse.rfc6191 === undefined ? {} : { rfc6191: reuse.rfc6191 }),
      ...(reuse.clientIsn === undefined ? {} : { client_isn: reuse.clientIsn }),
      ...(reuse.twReuse === undefined ? {} : { tw_reuse: reuse.twReuse }),
      outcome,
      syns: attempt.syns,
      ...(reuse.passed === undefined ? {} : { passed: seconds(reuse.passed) }),
      ...(reuse.lacksFin === undefined ? {} : { lacks_fin: true as const }),
      ...(attempt.outlived === undefined ? {} : { outlived: true }),
      ...(attempt.delay === undefined ? {} : { delay: seconds(attempt.delay) }),
      ...told.supposed,
    },
    packets: [...before, { packet: attempt.syn, note: 'SYN on the same tuple' }, ...attempt.followed],
  };
}

/**
 * Depends on what became of the SYN. If it was accepted, or nothing is known, it depends on the state of the old
 * connection.
 */
function severityOf(told: Told): Severity {
  const { outcome, reuse } = told;
  if (isLone(told)) return 'notice';
  if (outcome === 'dropped' || outcome.endsWith('refused')) return wasForetold(told) ? 'error' : 'warning';
  if (/^(challenge|syn)-ack/.test(outcome)) return 'warning';
  if (outcome.startsWith('accepted')) return 'info';
  return reuse.class === 'half-closed' || reuse.class === 'open' ? 'warning' : 'info';
}

/** Whether the rule says that the old TIME_WAIT rejects the SYN, and loss is ruled out. */
function wasForetold({ outcome, reuse: { verdict }, attempt }: Told): boolean {
  if (verdict !== 'ACK_PAWS' && verdict !== 'ACK_SEQ') return false;
  // An answer rules out loss. Silence does so only if other connections were accepted meanwhile, and several SYNs went
  // unanswered.
  return outcome !== 'dropped' || (attempt.othersAccepted && attempt.syns >= SYNS_NOT_LOST);
}

/** A server that still has a socket of the old connection accepts no SYN on its tuple: the capture lacks how that ended. */
const isDenied = (reuse: Reuse, outcome: string): boolean =>
  (reuse.class === 'half-closed' || reuse.class === 'open') && outcome.startsWith('accepted');

/** An answer with the numbers of the old connection is a proof. Everything else rests on the model of TIME_WAIT. */
function confidenceOf(told: Told): Confidence {
  const { outcome, reuse } = told;
  if (outcome.includes('tw-isn')) return 'proof';
  // The answer proves that it came from the old connection. It proves neither what stood in the place of the FIN nor
  // which clock is right.
  if (/^challenge-ack(>|$)/.test(outcome)) {
    return reuse.lacksFin === true || reuse.passed !== undefined ? 'strong' : 'proof';
  }
  if (reuse.clientIsn === 'tw-reuse') return 'proof';
  if (isDenied(reuse, outcome) || isLone(told)) return 'weak';
  // It may be another host behind the address, another stack, or a TIME_WAIT that had ended: the SYN does not show
  // which.
  if (reuse.clientIsn === 'other') return 'weak';
  return reuse.class === 'unknown-close' || reuse.class === 'grace' || outcome === 'unobservable' ? 'weak' : 'strong';
}

function titleOf(told: Told): string {
  const { attempt, reuse } = told;
  const age = duration(reuse.sinceEntry ?? reuse.age);
  const isProved = confidenceOf(told) === 'proof';
  const where =
    endedEarly(told) ?? clockStepped(told) ?? shownInPart(told) ?? LEFT_BEHIND[reuse.class](holderOf(reuse), isProved);
  return `Port ${attempt.ends.clientPort} used again after ${age}, ${where}: ${answerText(told)}`;
}

const holderOf = ({ owner, clientIsn }: Reuse): string =>
  owner === 'both' ? 'both ends' : `the ${owner}${clientIsn === 'other' ? ', or of a host behind its address' : ''}`;

/** `isProved`: numbers of the old connection show that the TIME_WAIT exists. */
const LEFT_BEHIND: Readonly<Record<Reuse['class'], (holder: string, isProved: boolean) => string>> = {
  'in-time-wait': (holder, isProved) => `${isProved ? '' : 'likely '}in TIME_WAIT of ${holder}`,
  grace: (holder, isProved) => `${isProved ? '' : 'likely '}at the very end of TIME_WAIT of ${holder}`,
  'after-time-wait': holder => `when the TIME_WAIT of ${holder} should be over`,
  closed: () => 'after a close that left no TIME_WAIT',
  'half-closed': () => 'with the old connection half closed',
  'after-rst': () => 'after a reset',
  open: () => 'with the old connection still open',
  'unknown-close': () => 'after a connection whose close this capture does not show',
  'syn-sent': () => 'after a handshake that was never completed, as far as this capture shows',
};

/** If much less time has passed by the TSvals of the server that has the TIME_WAIT. */
const clockStepped = ({ reuse }: Told): string | undefined =>
  reuse.passed === undefined
    ? undefined
    : `in TIME_WAIT of ${holderOf(reuse)}, most likely (by its TSvals at most ${duration(reuse.passed)} had passed: the clock of the capture was set forward, or that host slept)`;

/** If the capture shows one FIN only, and the numbers, or the answer, show more. */
function shownInPart({ reuse, outcome }: Told): string | undefined {
  const { class: kind, lacksFin, missingFin } = reuse;
  if (isDenied(reuse, outcome)) {
    return `with the old connection ${kind === 'open' ? 'still open' : 'half closed'}, as far as this capture shows`;
  }
  if (lacksFin !== true) {
    const hasOneFin = kind === 'unknown-close' && missingFin !== undefined;
    return hasOneFin ? "after a connection of which this capture shows only one side's close" : undefined;
  }
  return kind === 'in-time-wait'
    ? `in TIME_WAIT of ${holderOf(reuse)}, by its answer, which covers a FIN that this capture lacks`
    : 'after a close of which this capture likely lacks a FIN';
}

/** The words for a TIME_WAIT that was ended early, or should have been; undefined if that does not apply. */
function endedEarly({ reuse, outcome, attempt }: Told): string | undefined {
  const outlived = reuse.class === 'closed' && attempt.outlived !== undefined;
  // Only a server that accepts with a new ISN while its TIME_WAIT would still last shows that it was gone.
  const isGone = outcome === 'accepted' && reuse.wouldLast === true;
  if (reuse.endedBy === 'rst' || outlived)
    return `after an RST that ${isGone ? 'ended' : 'should have ended'} its TIME_WAIT`;
  return reuse.endedBy === 'syn' ? 'after an earlier SYN that likely ended its TIME_WAIT' : undefined;
}

function answerText({ outcome, attempt, reuse }: Told): string {
  const { steps, syns, delay } = attempt;
  if (outcome === 'pending') return 'no answer so far';
  if (outcome === 'dropped')
    return syns === 1 ? 'the SYN was not answered, nor sent again' : `none of ${syns} SYNs was answered`;
  if (outcome === 'unobservable') return 'the answer is not in this capture';
  const after = delay === undefined ? '' : ` after ${duration(delay)}`;
  const words = steps.map(step => WORDS[step] ?? step);
  if (reuse.answeredBefore !== undefined) {
    const lead = duration(reuse.answeredBefore);
    words[0] = `${WORDS['challenge-ack']}, most likely the one recorded ${lead} before the SYN`;
  }
  return `${words.join(', then ')}${after}`;
}

const WORDS: Readonly<Record<string, string>> = {
  accepted: 'accepted',
  'accepted:tw-isn': 'accepted out of TIME_WAIT',
  'challenge-ack': 'answered with an ACK of the old connection',
  'challenge-ack:unseen': 'answered with an ACK of the old connection that this capture lacks or has out of order',
  'challenge-ack:foreign': 'answered with an ACK of neither connection',
  'syn-ack:old': 'answered with the SYN-ACK of the old connection',
  'syn-ack:foreign': 'answered with a SYN-ACK that acknowledges another number',
  rst: 'reset by the client',
  refused: 'refused',
};
