/** A SYN reuses a 5-tuple within 2 MSL: what a kernel would do with it, and what was seen (docs/rules.md D2). */
import { duration, seconds } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import { endsOf } from '../flow/ends.ts';
import { lastPacket } from '../flow/packet.ts';
import type { Detector, Draft, Note } from './detector.ts';
import { type Confidence, SEVERITIES, type Severity } from './finding.ts';
import { type Reuse, reuseOf, withAnswer } from './reuse.ts';
import type { SynWhatIf } from './what-if.ts';

export type PortReuseEvidence = {
  class: Reuse['class'];
  /** Seconds since the TIME_WAIT began, or since the old connection's RST or last packet. */
  age: number;
  /** Who of the new SYN's two ends holds the old TIME_WAIT. */
  owner: Reuse['owner'];
  /** What the server's kernel makes of the SYN. */
  verdict?: NonNullable<Reuse['verdict']>;
  rfc6191?: NonNullable<Reuse['rfc6191']>;
  /** Seconds since the client entered its TIME_WAIT, where the timer was restarted later: tcp_tw_reuse goes by this. */
  since_entry?: number;
  /** Whether the client's ISN continues its own TIME_WAIT. */
  client_isn?: NonNullable<Reuse['clientIsn']>;
  /** Whether tcp_tw_reuse lets the client take its own TIME_WAIT over, by kernel. */
  tw_reuse?: NonNullable<Reuse['twReuse']>;
  /**
   * What was seen, its steps joined by `>`: `challenge-ack>rst>accepted`, `dropped`, `unobservable`; live `pending`
   * while the answer may still come.
   */
  outcome: string;
  syns: number;
  /** The old connection answered again after the client's RST. */
  outlived?: boolean;
  /** Seconds from the first SYN until it was accepted. */
  delay?: number;
} & SynWhatIf;

/** So many SYNs without an answer are not lost one by one while other connections get through. */
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
      'NAT in between must not hand out a port again before the server has let go of it.',
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
      if (event.older === undefined) return;
      const bySyn = reuseOf(event, event.older, timeWait);
      if (bySyn === undefined) return;
      const { tracker, flow, clientIsB } = event;
      const before: Note[] = [];
      for (const isB of [false, true]) {
        const packet = lastPacket(event.older, isB);
        const who = isB === clientIsB ? 'client' : 'server';
        if (packet !== undefined) before.push({ packet, note: `old connection: last packet of this end (${who})` });
      }
      const supposed = whatIf?.ofSyn(event);
      const ends = endsOf(flow);
      const { pair } = flow;
      event.attempt().onTold(attempt => {
        const reuse = withAnswer(bySyn, attempt);
        const outcome = outcomeOf(attempt, tracker.pairs.heard(pair, !clientIsB));
        const severity = severityOf(reuse, outcome, attempt);
        const draft: Draft = {
          rule: 'port-reuse',
          severity,
          confidence: confidenceOf(reuse, outcome),
          title: titleOf(reuse, outcome, ends.clientPort, attempt),
          raised: attempt.syn,
          lastAt: attempt.touchedAt,
          ends,
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
            ...(attempt.outlived === undefined ? {} : { outlived: true }),
            ...(attempt.delay === undefined ? {} : { delay: seconds(attempt.delay) }),
            ...supposed,
          },
          packets: [...before, { packet: attempt.syn, note: 'SYN on the same tuple' }, ...attempt.followed],
        };
        report(draft, attempt);
      });
    },
  }),
};

function outcomeOf(attempt: Attempt, serverHeard: boolean): string {
  if (attempt.isPending) return 'pending';
  if (!serverHeard) return 'unobservable';
  return attempt.steps.length > 0 ? attempt.steps.join('>') : 'dropped';
}

const worst = (a: Severity, b: Severity): Severity =>
  SEVERITIES[Math.max(SEVERITIES.indexOf(a), SEVERITIES.indexOf(b))];

function severityOf(reuse: Reuse, outcome: string, attempt: Attempt): Severity {
  const base: Severity = reuse.class === 'half-closed' || reuse.class === 'open' ? 'warning' : 'info';
  if (outcome === 'unobservable' || outcome === 'pending') return base;
  if (outcome === 'dropped' || outcome.endsWith('refused')) {
    const foretold = reuse.verdict === 'ACK_PAWS' || reuse.verdict === 'ACK_SEQ';
    // An answer rules loss out; silence only when others were accepted meanwhile and several SYNs went unanswered.
    const elsewhereFine = outcome !== 'dropped' || (attempt.othersAccepted && attempt.syns >= SYNS_NOT_LOST);
    return foretold && elsewhereFine ? 'error' : 'warning';
  }
  return worst(base, outcome.startsWith('challenge-ack') ? 'warning' : 'info');
}

/** What was seen is proof where the answer names the old connection; the rest rests on the model of TIME_WAIT. */
function confidenceOf(reuse: Reuse, outcome: string): Confidence {
  if (outcome.includes('tw-isn') || outcome === 'challenge-ack' || outcome.startsWith('challenge-ack>')) return 'proof';
  if (reuse.clientIsn === 'tw-reuse') return 'proof';
  // Another host behind the address, another stack, or a TIME_WAIT that was gone: whose it was the SYN does not say.
  if (reuse.clientIsn === 'other') return 'weak';
  return reuse.class === 'unknown-close' || reuse.class === 'grace' || outcome === 'unobservable' ? 'weak' : 'strong';
}

const LEFT_BEHIND: Readonly<Record<Reuse['class'], (holder: string) => string>> = {
  'in-time-wait': holder => `in TIME_WAIT of ${holder}`,
  grace: holder => `at the very end of TIME_WAIT of ${holder}`,
  'after-time-wait': holder => `when the TIME_WAIT of ${holder} should be over`,
  closed: () => 'after a close that left no TIME_WAIT',
  'half-closed': () => 'with the old connection half closed',
  'after-rst': () => 'after a reset',
  open: () => 'with the old connection still open',
  'unknown-close': () => 'after a connection whose close this capture does not show',
  'syn-sent': () => 'after a handshake that was never completed',
};

/** Of a TIME_WAIT that was ended early, or should have been; undefined where the close left none. */
function endedEarly({ afterReset, endedBy }: Reuse, outcome: string, outlived: boolean): string | undefined {
  // Accepted with an ISN of its own, the server's was gone; with one that goes on from the old, it was there.
  const lives = (afterReset === true || outlived) && outcome !== 'accepted';
  if (endedBy === 'rst' || outlived) return `after an RST that ${lives ? 'should have ended' : 'ended'} its TIME_WAIT`;
  return endedBy === 'syn' ? 'after an earlier SYN that ended its TIME_WAIT' : undefined;
}

function titleOf(reuse: Reuse, outcome: string, port: number, attempt: Attempt): string {
  const behind = reuse.clientIsn === 'other' ? ', or of a host behind its address' : '';
  const holder = reuse.owner === 'both' ? 'both ends' : `the ${reuse.owner}${behind}`;
  const outlived = reuse.class === 'closed' && attempt.outlived !== undefined;
  const where = endedEarly(reuse, outcome, outlived) ?? LEFT_BEHIND[reuse.class](holder);
  const delay = attempt.delay === undefined ? '' : ` after ${duration(attempt.delay)}`;
  return `Port ${port} used again after ${duration(reuse.sinceEntry ?? reuse.age)}, ${where}: ${answerIn(outcome, delay, attempt.syns)}`;
}

function answerIn(outcome: string, delay: string, syns: number): string {
  if (outcome === 'dropped') return syns === 1 ? 'the SYN was not answered' : `none of ${syns} SYNs was answered`;
  if (outcome === 'unobservable') return 'the answer is not in this capture';
  if (outcome === 'pending') return 'no answer so far';
  const parts = outcome.split('>').map(step => WORDS[step] ?? step);
  return `${parts.join(', then ')}${delay}`;
}

const WORDS: Readonly<Record<string, string>> = {
  accepted: 'accepted',
  'accepted:tw-isn': 'accepted out of TIME_WAIT',
  'challenge-ack': 'answered with an ACK of the old connection',
  'challenge-ack:foreign': 'answered with an ACK of neither connection',
  rst: 'reset by the client',
  refused: 'refused',
};
