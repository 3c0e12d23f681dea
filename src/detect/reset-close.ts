/** Connections ended by RST: by whom, when, and why, as far as the packets tell (docs/rules.md D3). */
import { type Nanos, SECOND, seconds } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import type { End } from '../flow/ends.ts';
import { layout } from '../flow/layout.ts';
import type { Aftermath } from '../flow/reset-aftermath.ts';
import { INEFFECTIVE, type ResetClass } from '../flow/resets.ts';
import { Flag } from '../wire/tcp.ts';
import type { Detector, Draft, Note, Report } from './detector.ts';
import type { Confidence, Severity } from './finding.ts';
import { type Stated, stated } from './reset-facts.ts';
import { hintsAfter, type ResetHint } from './reset-hints.ts';
import { inTheNameOf, meaning, oneSign } from './reset-words.ts';
import type { LaterWhatIf } from './what-if.ts';

export type ResetCloseEvidence = {
  class: ResetClass;
  /** Whose address the RST carries. */
  from: End;
  /** Seconds of silence before the exchange that ended in the RST. */
  idle?: number;
  /** Whether anything changed at its receiver; absent where nothing shows. */
  effective?: boolean;
  hints: readonly ResetHint[];
  /** An RST without ACK: the answer of a host that has no such socket. */
  bare?: boolean;
  /** It answers what the other end sent after an RST in that end's name, which was another's, likely. */
  answers_resetter?: boolean;
  /** Keep-alive probes of the end that resets had gone unanswered. */
  probed?: boolean;
  /** The client had waited for an answer to what it had sent last, which the server had acknowledged. */
  unanswered?: boolean;
  /** It answers a lone segment, as scans send it, of a connection that perhaps never was. */
  stray?: boolean;
  /** Bytes that the end that resets had sent again and again, and the other never acknowledged. */
  unacked_bytes?: number;
  /** The server had sent nothing but its SYN-ACK: nobody may have accepted the connection. */
  sent_nothing?: boolean;
  /** Bytes of the other end that the one that resets, which had closed, never acknowledged. */
  lost_bytes?: number;
  /** Seconds that their sender had known of the close by then. */
  close_known?: number;
  /** A bare RST answers a FIN that came after so many seconds, longer than FIN_WAIT2 surely lives. */
  fin_wait2?: number;
  /** The SYN asked to join an MPTCP connection (MP_JOIN). */
  mptcp_join?: boolean;
  /** The server takes others of this client on the port, within a minute: the port is not closed. */
  takes_others?: boolean;
  /** The end that the capture lacks packets of, which may have said what this RST is about. */
  unseen?: End;
} & LaterWhatIf;

const { FlowBit } = layout;

export const resetClose: Detector<'reset-close'> = {
  meta: {
    id: 'reset-close',
    title: 'Connection closed by RST',
    why:
      'An RST throws away what is in flight and leaves no TIME_WAIT. Whether it was a closed port, an application that ' +
      'gave up, a lost NAT entry or an injected packet shows in its numbers and in what both ends had said before.',
    fix:
      'Ask the end that sent it: `nstat -az TcpExtTCPAbortOnData TcpExtTCPAbortOnClose TcpExtTCPAbortOnTimeout ' +
      'TcpExtListenOverflows TcpOutRsts`. Idle timers want keep-alives shorter than the timer.',
    doNot:
      'Do not take an RST for a fault by itself: aborting is a way to close. Do not blame the address it carries while ' +
      'middlebox-likely is among the hints.',
    references: [
      'RFC 9293 §3.5.2 (reset generation)',
      'RFC 5961 §3 (challenge ACK)',
      'RFC 1337 (TIME_WAIT assassination)',
    ],
  },
  create: (report, { whatIf }) => ({
    reset(event) {
      if (event.class === 'repeat') {
        // A storm of RSTs is one thing to tell.
        if (event.flow.has(FlowBit.REPEATED_RST)) return;
        event.flow.set(FlowBit.REPEATED_RST);
      }
      const told = stated(event, whatIf?.ofReset(event));
      if (event.assassinates) assassination(report, told, event.attempt);
      if (!ENDS_FLOW.has(event.class)) tell(report, told);
      else event.follow(aftermath => tell(report, told, { aftermath }));
    },
  }),
};

/** After these the connection should be silent: whoever goes on did not send the RST. */
const ENDS_FLOW: ReadonlySet<ResetClass> = new Set([
  'refused',
  'handshake-abort',
  'tw-missing',
  'after-own-fin',
  'abort-after-peer-fin',
  'abort',
  'no-state',
]);

/** A port that is open so near to a refusal was not simply closed. */
const OPEN_LATELY: Nanos = 60 * SECOND;

/** Whether the TIME_WAIT went, what becomes of the attempt shows (docs/rules.md B3, B4). */
function assassination(report: Report, told: Stated, attempt: Attempt | undefined): void {
  const killing: Stated = { ...told, class: 'tw-assassination' };
  if (attempt === undefined) tell(report, killing);
  else attempt.onTold(settled => tell(report, { ...killing, outcome: outcomeOf(settled) }, { attempt: settled }));
}

/** The old connection answers again, or the new one continues its numbers: it is still there. */
function outcomeOf({ steps, outlived, followed }: Attempt): Stated['outcome'] {
  const outcome = steps.find(step => step.startsWith('accepted'));
  if (outlived !== undefined) {
    return { effective: false, shown: { packet: outlived.packet, note: 'the TIME_WAIT answers again' } };
  }
  if (outcome === undefined) return undefined;
  const effective = outcome === 'accepted';
  const note = effective ? 'accepted with an ISN of its own: the TIME_WAIT is gone' : 'continues the TIME_WAIT';
  const accepting = followed.findLast(
    ({ packet }) => (packet.flags & Flag.SYN) !== 0 && (packet.flags & Flag.ACK) !== 0,
  );
  return { effective, shown: accepting && { packet: accepting.packet, note } };
}

/**
 * tcp_rfc1337=1 ignores what meets a TIME_WAIT: without a sign of either, nothing is said. Nor is it of the answer to an old
 * ACK: what became of the old connection is told of the same RST as `tw-assassination`, and by port-reuse.
 */
function effectOf({ class: kind, outcome }: Stated): boolean | undefined {
  if (kind === 'answer-to-old-ack') return undefined;
  return kind === 'tw-assassination' ? outcome?.effective : !INEFFECTIVE.has(kind);
}

/** What is told at the end of something else. */
interface Following {
  aftermath?: Aftermath;
  attempt?: Attempt;
}

function tell(report: Report, told: Stated, { aftermath, attempt }: Following = {}): void {
  const hints = aftermath === undefined ? told.hints : hintsAfter(told.hints, aftermath);
  const continued = aftermath?.continued;
  const effective = effectOf(told);
  const packets: Note[] = [...told.before, { packet: told.rst, note: `RST: ${told.class}` }];
  if (continued !== undefined) packets.push({ packet: continued, note: 'the sender of the RST goes on' });
  if (told.outcome?.shown !== undefined) packets.push(told.outcome.shown);
  const isForeign = hints.includes('middlebox-likely');
  const takesOthers = told.class === 'refused' && !isForeign && Math.abs(told.taken() - told.rst.at) <= OPEN_LATELY;
  const draft: Draft = {
    rule: 'reset-close',
    severity: (told.stray ? undefined : SEVERITY[told.class]) ?? 'info',
    confidence: confidenceOf(told, hints),
    title: isForeign ? inTheNameOf(told) : meaning(told, takesOthers) + oneSign(told, hints),
    raised: told.rst,
    since: told.since,
    ends: told.ends,
    evidence: {
      class: told.class,
      from: told.from,
      ...(told.idle === undefined ? {} : { idle: seconds(told.idle) }),
      ...(effective === undefined ? {} : { effective }),
      hints,
      ...((told.rst.flags & Flag.ACK) === 0 ? { bare: true } : {}),
      ...(told.answersResetter ? { answers_resetter: true } : {}),
      ...(told.probed ? { probed: true } : {}),
      ...(told.unanswered ? { unanswered: true } : {}),
      ...(told.stray ? { stray: true } : {}),
      ...(told.unacked === undefined ? {} : { unacked_bytes: told.unacked }),
      ...(told.sentNothing ? { sent_nothing: true } : {}),
      ...(told.lost === undefined ? {} : { lost_bytes: told.lost.bytes }),
      ...(told.lost?.known === undefined ? {} : { close_known: seconds(told.lost.known) }),
      ...(told.finWait2 === undefined ? {} : { fin_wait2: seconds(told.finWait2) }),
      ...(told.isOfJoin ? { mptcp_join: true } : {}),
      ...(takesOthers ? { takes_others: true } : {}),
      ...(told.unseen === undefined ? {} : { unseen: told.unseen }),
      ...told.supposed,
    },
    packets,
  };
  report(draft, aftermath ?? attempt);
}

/** The class of an RST follows from numbers in the capture; joined in the middle, some of them are missing. */
function confidenceOf({ class: kind, partial, unseen }: Stated, hints: readonly ResetHint[]): Confidence {
  if (kind === 'no-flow' || partial || unseen !== undefined) return 'weak';
  if (hints.includes('middlebox-likely')) return 'strong';
  return kind === 'refused' || kind === 'answer-to-old-ack' || kind === 'repeat' ? 'proof' : 'strong';
}

const SEVERITY: Partial<Record<ResetClass, Severity>> = {
  refused: 'warning',
  abort: 'warning',
  'abort-after-peer-fin': 'warning',
  'no-state': 'warning',
  'tw-missing': 'warning',
  'tw-assassination': 'notice',
  challenged: 'notice',
  ineffective: 'notice',
};
