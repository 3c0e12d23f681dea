/** Connections ended by RST: by whom, when, and why, as far as the packets tell (docs/rules.md D3). */
import { type Nanos, SECOND, seconds } from '../base/time.ts';
import { type Aftermath, OVERTAKEN } from '../flow/aftermath.ts';
import type { Attempt } from '../flow/attempt.ts';
import { type End, type Ends, endsOf } from '../flow/ends.ts';
import type { ResetSeen } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket } from '../flow/packet.ts';
import { PairLayout } from '../flow/pairs.ts';
import { INEFFECTIVE, type ResetClass } from '../flow/resets.ts';
import { ackedUnseen, LEAST_FIN_WAIT2 } from '../flow/time-wait.ts';
import type { Tracker } from '../flow/tracker.ts';
import { Flag } from '../wire/tcp.ts';
import type { Detector, Draft, Note, Report } from './detector.ts';
import type { Confidence, Severity } from './finding.ts';
import { ANSWER, hintsAfter, hintsAt, idleBefore, probesInVain, type ResetHint } from './reset-hints.ts';
import { inTheNameOf, meaning, strangeTtl } from './reset-words.ts';
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
  /** A bare RST answers a FIN that came after so many seconds, longer than FIN_WAIT2 surely lives. */
  fin_wait2?: number;
  /** The SYN asked to join an MPTCP connection (MP_JOIN). */
  mptcp_join?: boolean;
  /** The server takes others of this client on the port, within a minute: the port is not closed. */
  takes_others?: boolean;
  /** The end that the capture lacks packets of, which may have said what this RST is about. */
  unseen?: End;
} & LaterWhatIf;

const { FlowBit, L, Phase, SideBit } = layout;

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

/** Whoever probes waits for at least a second before it gives up (Linux: TCP_KEEPINTVL); this much less by the capture. */
const PROBE_INTERVAL: Nanos = 0.9 * SECOND;

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

/** They answer a SYN, or what completes a handshake. */
const OF_HANDSHAKE: ReadonlySet<ResetClass> = new Set(['refused', 'handshake-abort']);
/** A port that is open so near to a refusal was not simply closed. */
const OPEN_LATELY: Nanos = 60 * SECOND;

/** They tell that their sender had not closed. */
const OF_OPEN: ReadonlySet<ResetClass> = new Set(['abort-after-peer-fin', 'abort', 'no-state']);

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

/** What is known of an RST at the moment it is seen. */
export interface Stated {
  class: ResetClass;
  from: End;
  idle: Nanos | undefined;
  hints: ResetHint[];
  /** The end that resets had sent anything before. */
  resetterSpoke: boolean;
  /** Its keep-alive probes went unanswered. */
  probed: boolean;
  /** Since the other end's FIN, where that was its last packet. */
  sinceFin: Nanos | undefined;
  /** How long it had waited for the FIN that it answers, where FIN_WAIT2 may have run out. */
  finWait2: Nanos | undefined;
  partial: boolean;
  ends: ReturnType<typeof endsOf>;
  rst: Note['packet'];
  /** When the connection began. */
  since: Nanos;
  before: Note[];
  /** The end that an earlier RST was of had gone on after that. */
  answersResetter: boolean;
  unseen: End | undefined;
  /** It answers a SYN, or a handshake, that asks to join an MPTCP connection. */
  isOfJoin: boolean;
  /** When the server last took a connection of this client on the port. */
  taken: () => Nanos;
  /** What was seen of its effect, where the class alone does not tell. */
  outcome?: { effective: boolean; shown: Note | undefined } | undefined;
  /** What another machine would do; see what-if.ts. */
  supposed: LaterWhatIf | undefined;
}

function stated(event: ResetSeen, supposed: Stated['supposed']): Stated {
  const { flow, fromB, class: kind, segment, tracker } = event;
  const ends = endsOf(flow);
  const isAbort = (kind === 'abort' || kind === 'abort-after-peer-fin') && (segment.flags & Flag.ACK) !== 0;
  const sender = flow.side(fromB);
  const receiver = flow.side(!fromB);
  const before: Note[] = [];
  for (const isB of [false, true]) {
    const packet = lastPacket(flow, isB);
    const who = isB === fromB ? 'the end that resets' : 'the other end';
    if (packet !== undefined) before.push({ packet, note: `last packet of ${who}` });
  }
  const from = fromB === flow.has(FlowBit.CLIENT_IS_B) ? 'client' : 'server';
  return {
    class: kind,
    from,
    idle: kind === 'no-flow' ? undefined : idleBefore(event),
    hints: kind === 'no-flow' ? [] : hintsAt(event),
    probed: isAbort && probesInVain(sender, receiver) && segment.at - sender.sentAt >= PROBE_INTERVAL,
    sinceFin: (receiver.sentFlags & Flag.FIN) === 0 ? undefined : segment.at - receiver.sentAt,
    finWait2: finWait2(event),
    partial: !flow.has(FlowBit.CLIENT_KNOWN),
    resetterSpoke: sender.has(SideBit.SPOKE),
    answersResetter: answersResetter(event),
    unseen: unseen(event, from),
    isOfJoin: OF_HANDSHAKE.has(kind) && from === 'server' && flow.client.has(SideBit.JOINS),
    taken: () => lastTaken(tracker, ends),
    ends,
    rst: event.packet(),
    since: flow.opened,
    before,
    supposed,
  };
}

/** The other end had acknowledged its FIN, and came with its own, without data, when FIN_WAIT2 may have run out (B2). */
function finWait2({ class: kind, flow, fromB, segment }: ResetSeen): Nanos | undefined {
  if (kind !== 'after-own-fin' || (segment.flags & Flag.ACK) !== 0) return undefined;
  const [sender, receiver] = [flow.side(fromB), flow.side(!fromB)];
  const answersFin = (receiver.sentFlags & Flag.FIN) !== 0 && receiver.sent(L.SENT_LENGTH) === 0;
  if (!answersFin || !sender.has(SideBit.FIN_ACKED) || !(segment.at - receiver.sentAt <= ANSWER)) return undefined;
  const waited = receiver.sentAt - sender.sentAt;
  return waited >= LEAST_FIN_WAIT2 ? waited : undefined;
}

/**
 * The other end acknowledged more than was seen of the one that resets: that may have sent a FIN. Or nothing at all was
 * captured of the server that a client does not wait for.
 */
function unseen({ class: kind, flow, fromB, tracker }: ResetSeen, from: End): End | undefined {
  if (kind === 'client-abort-syn') return tracker.pairs.heard(flow.pair, !fromB) ? undefined : 'server';
  const [sender, receiver] = [flow.side(fromB), flow.side(!fromB)];
  const known = sender.has(SideBit.SPOKE) && receiver.has(SideBit.SPOKE);
  return OF_OPEN.has(kind) && known && ackedUnseen(sender, receiver) ? from : undefined;
}

/** As of now; a connection may be taken after the RST as well. */
function lastTaken({ pairs }: Tracker, { pair, clientIsB, serverPort }: Ends): Nanos {
  const block = pairs.direction(pair, clientIsB);
  const isSamePort = pairs.words[block + PairLayout.ANSWERED_PORT] === serverPort + 1;
  return isSamePort ? pairs.doubles[(block + PairLayout.ANSWERED_AT) >> 1]! : Number.NaN;
}

/** What it answers was sent by the end whose RST had ended the connection: another may have sent that RST. */
function answersResetter({ class: kind, flow, fromB }: ResetSeen): boolean {
  if ((kind !== 'repeat' && kind !== 'no-state') || flow.side(fromB).has(SideBit.RST)) return false;
  const resetter = flow.side(!fromB);
  // Where what it sent was surely new, the flow counts as open again.
  return resetter.has(SideBit.RST) && (flow.phase === Phase.OPEN || resetter.sentAt > flow.resetAt + OVERTAKEN);
}

/** What is told at the end of something else. */
interface Following {
  aftermath?: Aftermath;
  attempt?: Attempt;
}

function tell(report: Report, told: Stated, { aftermath, attempt }: Following = {}): void {
  const hints = aftermath === undefined ? told.hints : hintsAfter(told.hints, aftermath);
  const continued = aftermath?.continued;
  // tcp_rfc1337=1 ignores it: without a sign of either, nothing is said.
  const effective = told.class === 'tw-assassination' ? told.outcome?.effective : !INEFFECTIVE.has(told.class);
  const packets: Note[] = [...told.before, { packet: told.rst, note: `RST: ${told.class}` }];
  if (continued !== undefined) packets.push({ packet: continued, note: 'the sender of the RST goes on' });
  if (told.outcome?.shown !== undefined) packets.push(told.outcome.shown);
  const isForeign = hints.includes('middlebox-likely');
  const takesOthers = told.class === 'refused' && !isForeign && Math.abs(told.taken() - told.rst.at) <= OPEN_LATELY;
  const draft: Draft = {
    rule: 'reset-close',
    severity: SEVERITY[told.class] ?? 'info',
    confidence: confidenceOf(told, hints),
    title: isForeign ? inTheNameOf(told) : meaning(told, takesOthers) + strangeTtl(told.from, hints),
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
