/** A SYN reuses a 5-tuple within 2 MSL: what a kernel would do with it, and what was seen (docs/rules.md D2). */
import { seconds } from '../base/time.ts';
import { isSelf } from '../flow/ends.ts';
import type { Flow } from '../flow/flow.ts';
import { lastPacket } from '../flow/packet.ts';
import type { Detector, Draft, Note } from './detector.ts';
import type { Confidence, Severity } from './finding.ts';
import { firstAnswer, hasOldAck, isRefused, isTakenOver, outcomeOf } from './reuse/outcome.ts';
import { withAnswer } from './reuse/reuse-answer.ts';
import { isDenied, type Told, titleOf } from './reuse/reuse-words.ts';
import { type Reuse, reuseOf } from './reuse/tuple-reuse.ts';
import type { SynWhatIf } from './what-if/what-if.ts';

export type PortReuseEvidence = {
  class: Reuse['class'];
  /** Seconds since the timer of the TIME_WAIT was last started, or since the old connection's RST or last packet. */
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
      // A socket that connects to itself gets no answer, and nobody else holds anything of its old connection.
      if (older === undefined || isSelf(event.flow)) return;
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

function lastWords(older: Flow, clientIsB: boolean): Note[] {
  return [false, true].flatMap(isB => {
    const packet = lastPacket(older, isB);
    const who = isB === clientIsB ? 'client' : 'server';
    return packet === undefined ? [] : [{ packet, note: `old connection: last packet of this end (${who})` }];
  });
}

/**
 * A client sends a SYN again if it gets no answer. If it does not, the answer or the next SYN may be in a hole of the capture,
 * or after its end.
 */
const isLone = ({ outcome, attempt }: Told): boolean => outcome === 'dropped' && attempt.syns === 1;

function draftOf(told: Told): Draft {
  const { attempt, before, reuse, outcome } = told;
  const confidence = confidenceOf(told);
  return {
    rule: 'port-reuse',
    severity: severityOf(told),
    confidence,
    title: titleOf(told, confidence === 'proof'),
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

/** Depends on what became of the SYN or, if nothing is known of that, on the state of the old connection. */
function severityOf(told: Told): Severity {
  const { outcome, reuse } = told;
  if (outcome === 'dropped' || isRefused(outcome)) return wasForetold(told) ? 'error' : 'warning';
  const first = firstAnswer(outcome);
  if (first === 'accepted') return 'info';
  if (first !== undefined) return 'warning';
  return reuse.class === 'half-closed' || reuse.class === 'open' ? 'warning' : 'info';
}

/** Whether the rule says that the old TIME_WAIT rejects the SYN, and loss is ruled out. */
function wasForetold({ outcome, reuse: { verdict }, attempt }: Told): boolean {
  if (verdict !== 'ACK_PAWS' && verdict !== 'ACK_SEQ') return false;
  // An answer rules out loss. Silence does so only if other connections were accepted meanwhile, and several SYNs went
  // unanswered.
  return outcome !== 'dropped' || (attempt.othersAccepted && attempt.syns >= SYNS_NOT_LOST);
}

/** An answer with the numbers of the old connection is a proof. Everything else rests on the model of TIME_WAIT. */
function confidenceOf(told: Told): Confidence {
  const { outcome, reuse } = told;
  if (isTakenOver(outcome)) return 'proof';
  // The answer proves that it came from the old connection. It proves neither what stood in the place of the FIN nor
  // which clock is right.
  if (hasOldAck(outcome)) {
    return reuse.lacksFin === true || reuse.passed !== undefined ? 'strong' : 'proof';
  }
  if (reuse.clientIsn === 'tw-reuse') return 'proof';
  if (isDenied(reuse, outcome) || isLone(told)) return 'weak';
  // It may be another host behind the address, another stack, or a TIME_WAIT that had ended: the SYN does not show
  // which.
  if (reuse.clientIsn === 'other') return 'weak';
  return reuse.class === 'unknown-close' || reuse.class === 'grace' || outcome === 'unobservable' ? 'weak' : 'strong';
}
