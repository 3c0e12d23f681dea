/** Connections ended by RST: by whom, when and why, as far as the packets show (docs/rules.md D3). */
import { type Nanos, SECOND, seconds } from '../base/time.ts';
import type { End } from '../flow/ends.ts';
import { layout } from '../flow/layout.ts';
import { INEFFECTIVE, type ResetClass } from '../flow/resets.ts';
import type { Attempt } from '../flow/stories/attempt.ts';
import type { Aftermath } from '../flow/stories/reset-aftermath.ts';
import { Flag } from '../wire/tcp.ts';
import type { Detector, Draft, Note, Report } from './detector.ts';
import type { Confidence } from './finding.ts';
import { type Reset, resetOf } from './resets/kept-reset.ts';
import { hintsAfter, isDoubtful, mayBeHost, type ResetHint } from './resets/reset-hints.ts';
import {
  assassinationMeaning,
  inTheNameOf,
  oneSign,
  REFUSED_AT_TIMES,
  SEVERITIES,
  sentenceOf,
} from './resets/reset-words.ts';
import { lostAfter } from './resets/signs/closed.ts';
import { unseenAfter } from './resets/signs/unseen.ts';
import { type Fate, fateOf, runsOutAt } from './resets/time-wait-fate.ts';
import type { LaterWhatIf } from './what-if/what-if.ts';

export type ResetCloseEvidence = {
  class: ResetClass;
  /** Whose address the RST carries. */
  from: End;
  /** Seconds of silence before the exchange that ended in the RST. */
  idle?: number;
  /** Seconds of that silence at most, by TSvals, if that is much less: the clock of the capture was set forward. */
  passed?: number;
  /** Whether it changed anything at its receiver; absent if nothing shows. */
  effective?: boolean;
  hints: readonly ResetHint[];
  /** An RST without ACK: the answer of a host without such a socket. */
  bare?: boolean;
  /** It answers what the other end sent after an RST in that end's name, which another machine probably sent. */
  answers_resetter?: boolean;
  /** The sender knows the connection's numbers, so they are not guessed. */
  knows_connection?: boolean;
  /** It answers a SYN and echoes a TSval from before the SYN. */
  foreign_echo?: boolean;
  /** It refuses a SYN that the capture lacks, by its form and its numbers. */
  refuses_unseen?: boolean;
  /** SYN-ACKs with different ISNs, of two machines by further signs, had answered the SYN. */
  two_answers?: boolean;
  /** What it answers does not acknowledge the SYN, and does not have the numbers of an older connection of the capture. */
  unfitting?: 'ack' | 'syn-ack';
  /** The ACK of an older connection that it answers was not captured: it has the number that one expected. */
  ack_unseen?: boolean;
  /** It answers the challenge ACK that an earlier, ineffective RST caused. */
  answers_challenge?: boolean;
  /** Its sender's last keep-alive probe had not been answered. */
  probed?: boolean;
  /** How many in a row had not been answered, at least; absent if only one is known. */
  probes?: number;
  /** What its sender had sent, probes or data, was answered, and the answers did not reach it. */
  answers_lost?: boolean;
  /** The client had waited for an answer to its last data, which the server had acknowledged. */
  unanswered?: boolean;
  /** It answers a lone segment, such as scans send. The connection may never have existed. */
  stray?: boolean;
  /** Bytes that its sender had sent repeatedly, and the other end never acknowledged. */
  unacked_bytes?: number;
  /** Nothing was sent on it but a greeting of the server: nothing is lost. */
  unused?: boolean;
  /** Neither end had sent a byte, for more than a second. */
  no_data?: boolean;
  /** The window of the other end stayed closed, and its sender had likely given up. */
  window_shut?: boolean;
  /** Its sender had likely closed: the FIN waits behind data that it has not sent yet. */
  fin_held?: boolean;
  /** The server had sent nothing but its SYN-ACK, so perhaps no application had accepted the connection. */
  sent_nothing?: boolean;
  /** The end that it is sent to had sent no byte, so nothing was unread. */
  received_nothing?: boolean;
  /** Probably a SYN proxy had accepted the SYN, and the server behind it did not accept the connection. */
  syn_proxy?: boolean;
  /** Bytes of the other end that its sender, which had closed, never acknowledged. */
  lost_bytes?: number;
  /** The end that sent those bytes had also closed, with its own FIN. */
  closed_too?: boolean;
  /** For how many seconds that end had known of the close. */
  close_known?: number;
  /** A bare RST answers a FIN that came after this many seconds, more than FIN_WAIT2 is sure to last. */
  fin_wait2?: number;
  /** The SYN asked to join an MPTCP connection (MP_JOIN). */
  mptcp_join?: boolean;
  /** The server accepts other connections of this client on the port within a minute, so the port is not closed. */
  takes_others?: boolean;
  /** Both ends are the same address and port. */
  self?: boolean;
  /** The end of which the capture lacks packets, which may have explained this RST. */
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
  create: (report, { timeWait, whatIf }) => ({
    reset(event) {
      if (event.class === 'repeat') {
        // A storm of RSTs is reported once.
        if (event.flow.has(FlowBit.REPEATED_RST)) return;
        event.flow.set(FlowBit.REPEATED_RST);
      }
      const reset = resetOf(event, whatIf?.ofReset(event));
      if (event.assassinates) tellAssassination(report, reset, event.attempt, runsOutAt(event, timeWait));
      if (!ENDS_FLOW.has(event.class)) tell(report, reset);
      else event.follow(aftermath => tell(report, reset, { aftermath }));
    },
  }),
};

/** After these classes the connection should be silent. If the supposed sender continues, it did not send the RST. */
const ENDS_FLOW: ReadonlySet<ResetClass> = new Set([
  'refused',
  'handshake-abort',
  'tw-missing',
  'after-own-fin',
  'abort-after-peer-fin',
  'abort',
  'no-state',
]);

/** If the port accepted a connection this shortly before or after a refusal, it was not simply closed. */
const OPEN_LATELY: Nanos = 60 * SECOND;

/** Later packets of the attempt show whether the TIME_WAIT ended (docs/rules.md B3, B4). */
function tellAssassination(report: Report, answer: Reset, attempt: Attempt | undefined, runsOut: Nanos): void {
  const reset: Reset = { ...answer, class: 'tw-assassination', meaning: assassinationMeaning(answer.from, undefined) };
  if (attempt === undefined) tell(report, reset);
  else
    attempt.onTold(settled => {
      const outcome = fateOf(settled, runsOut);
      const meaning = assassinationMeaning(answer.from, outcome?.effective);
      tell(report, { ...reset, meaning }, { attempt: settled, outcome });
    });
}

/**
 * An RST below its sender's earlier packets has an effect only if those were lost; an acknowledgment shows that they
 * were not. tcp_rfc1337=1 ignores an RST to a TIME_WAIT. Without a sign nothing is said. Nor is it for the answer to an
 * old ACK: `tw-assassination`, for the same RST, and port-reuse say what became of the old connection.
 */
function effectOf(reset: Reset, { aftermath, outcome }: Following): boolean | undefined {
  switch (reset.class) {
    case 'answer-to-old-ack':
      return undefined;
    case 'tw-assassination':
      return outcome?.effective;
    case 'repeat':
      return reset.takesOver;
  }
  if (INEFFECTIVE.has(reset.class)) return false;
  if (!reset.isBehind) return true;
  return aftermath?.wasPassed ? false : undefined;
}

/** The story at whose end an RST is reported, and what it has shown. */
interface Following {
  aftermath?: Aftermath | undefined;
  attempt?: Attempt;
  outcome?: Fate | undefined;
}

function tell(report: Report, seen: Reset, { aftermath, attempt, outcome }: Following = {}): void {
  const reset = unseenAfter(seen, aftermath);
  const { class: kind, from, rst } = reset;
  const hints = hintsAfter(reset.hints, aftermath);
  const isForeign = hints.includes('middlebox-likely');
  const isBare = (rst.flags & Flag.ACK) === 0;
  const effective = effectOf(reset, { aftermath, outcome });
  const { evidence, meaning: read } = lostAfter(reset, from, aftermath);
  const takesOthers = kind === 'refused' && !isForeign && Math.abs(reset.lastTaken() - rst.at) <= OPEN_LATELY;
  const meaning = takesOthers && !evidence.mptcp_join ? REFUSED_AT_TIMES : read;
  const draft: Draft = {
    rule: 'reset-close',
    severity: (isHarmless(reset, hints) ? undefined : SEVERITIES[kind]) ?? 'info',
    confidence: confidenceOf(reset, hints),
    title: isForeign
      ? inTheNameOf(from, meaning, mayBeHost(isBare, hints))
      : sentenceOf(meaning) + oneSign(kind, from, hints),
    raised: rst,
    since: reset.since,
    ends: reset.ends,
    evidence: {
      class: kind,
      from,
      ...(reset.idle === undefined ? {} : { idle: seconds(reset.idle) }),
      ...(reset.passed === undefined ? {} : { passed: seconds(reset.passed) }),
      ...(effective === undefined ? {} : { effective }),
      hints,
      ...(isBare ? { bare: true } : {}),
      ...evidence,
      ...(takesOthers ? { takes_others: true } : {}),
      ...(reset.unseen === undefined ? {} : { unseen: reset.unseen }),
      ...reset.supposed,
    },
    packets: packetsOf(reset, { aftermath, outcome }),
  };
  report(draft, aftermath ?? attempt);
}

/** Nothing is lost, or what the capture lacks may explain it. */
function isHarmless({ evidence, unseen }: Reset, hints: readonly ResetHint[]): boolean {
  if (evidence.stray || evidence.self) return true;
  // A device may reset in the client's name what it does not want to pass: that is no health check.
  const isUnused = evidence.unused === true && !isDoubtful(hints);
  return !hints.includes('middlebox-likely') && (isUnused || unseen !== undefined);
}

function packetsOf(reset: Reset, { aftermath, outcome }: Following): Note[] {
  const note = [`RST: ${reset.class}`, reset.ttl].filter(Boolean).join('; ');
  const packets: Note[] = [...reset.before, { packet: reset.rst, note }];
  if (aftermath?.continued !== undefined)
    packets.push({ packet: aftermath.continued, note: 'the sender of the RST goes on' });
  const shows = reset.unseen === reset.from ? aftermath?.showsUnseen : undefined;
  if (shows !== undefined) {
    const isAck = shows.fromB !== reset.rst.fromB;
    packets.push({
      packet: shows,
      note: isAck ? 'acknowledges what the capture lacks' : 'one number further: its FIN, likely',
    });
  }
  if (outcome?.shown !== undefined) packets.push(outcome.shown);
  return packets;
}

/** The class of an RST follows from numbers in the capture. If the capture lacks the beginning, some are missing. */
function confidenceOf(reset: Reset, hints: readonly ResetHint[]): Confidence {
  const { class: kind, isPartial, unseen, evidence } = reset;
  if (kind === 'no-flow' || isPartial || unseen !== undefined) return 'weak';
  if (hints.includes('middlebox-likely')) return 'strong';
  if (kind === 'repeat') {
    return reset.takesOver || evidence.answers_resetter || isDoubtful(hints) ? 'strong' : 'proof';
  }
  // It is proved that the SYN was not acknowledged. Only its own numbers prove that an older connection existed.
  if (evidence.unfitting !== undefined) return evidence.unfitting === 'ack' ? 'weak' : 'strong';
  return (kind === 'refused' || kind === 'answer-to-old-ack') && !evidence.ack_unseen ? 'proof' : 'strong';
}
