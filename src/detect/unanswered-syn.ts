/** A connection attempt that was not answered, or only after a penalty, and why (docs/rules.md D2.3). */
import type { Nanos } from '../base/time.ts';
import { type Ends, endsOf } from '../flow/ends.ts';
import type { Observer, Opened, ResetSeen } from '../flow/events.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { isLoopback } from '../flow/loopback.ts';
import { lastPacket } from '../flow/packet.ts';
import type { Attempt } from '../flow/stories/attempt.ts';
import type { Stall } from '../flow/stories/handshake-stall.ts';
import { isOver } from '../flow/stories/story.ts';
import type { UnheardSynAck } from '../flow/stories/unheard-syn-ack.ts';
import type { Tracker } from '../flow/tracker.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { AcceptBacklog } from './attempts/accept-backlog.ts';
import { draftOfAttempt, type Scene } from './attempts/attempt-draft.ts';
import type { Cause, CauseName, Seen } from './attempts/cause.ts';
import { draftOfLone, draftOfStall, draftOfUnheard, isFullQueue } from './attempts/handshake-drafts.ts';
import { noteOptions } from './attempts/left-out-options.ts';
import { OtherAttempts } from './attempts/other-attempts.ts';
import { remarksOf } from './attempts/remarks.ts';
import { causeOfStall } from './attempts/stall-cause.ts';
import { AnsweredBurdens } from './attempts/syn-burdens.ts';
import { type Circumstances, causeOf, causeWithoutRecycle } from './attempts/syn-cause.ts';
import { wasDecided } from './attempts/syn-chain.ts';
import { mayBePattern } from './attempts/syn-difference.ts';
import { answeredSynsOf } from './attempts/syn-patterns.ts';
import type { Schedule } from './attempts/syn-schedule.ts';
import { complete, hasUnansweredSynAcks, isTold, takesOthers, WATCHED } from './attempts/told-attempts.ts';
import type { Detector, Draft, Report, Settings } from './detector.ts';
import type { IcmpEvidence } from './findings/icmp-answer.ts';
import { Directions } from './memory/directions.ts';
import { causeSoFar, Suspicions } from './recycle/recycle-suspicion.ts';
import type { RememberedEvidence } from './recycle/remembered-tsval.ts';
import { reuseOf } from './reuse/tuple-reuse.ts';
import type { LaterWhatIf, SynWhatIf } from './what-if/what-if.ts';

const { Phase, FlowBit, SideBit } = layout;

export type UnansweredSynEvidence = {
  cause: CauseName;
  /** SYNs of the attempt. */
  syns: number;
  /** Seconds from the first SYN until it was accepted. */
  delay?: number;
  /** Seconds for which it was watched, if it was not accepted. */
  watched?: number;
  /**
   * At the port that shows the result of an attempt that a NAT continued: its ports. SYNs and delay are of all of them.
   */
  ports?: number;
  /** At the other ports: the port from which the NAT sent the same SYN next. */
  next_port?: number;
  /** Which retransmission timer the SYNs follow. */
  schedule?: Schedule;
  /** For a suspected full accept queue: seconds that the last accepted connection had waited for the application. */
  waited?: number;
  /** What packets show although none of the causes applies; `icmp`: an ICMP error quotes the packet (icmp-answer.ts). */
  seen?: Seen | 'icmp';
  /** With `syn-differs`, `syn-changed` and `first-or-changed`: in what the SYNs without an answer differ from answered ones. */
  differs?: readonly string[];
  /** For a stalled handshake: SYN-ACKs that the server repeats or sends. */
  syn_acks?: number;
  /** A full accept queue repeats its SYN-ACK: it echoes a later TSval than the SYN's, so the ACK had arrived. */
  heard?: boolean;
  /** Both ends are one host, so nothing is lost on a path. */
  loopback?: boolean;
} & RememberedEvidence &
  IcmpEvidence &
  (SynWhatIf | LaterWhatIf);

export const unansweredSyn: Detector<'unanswered-syn'> = {
  meta: {
    id: 'unanswered-syn',
    title: 'Connection attempt without an answer, or with a late one',
    why:
      'A SYN that gets no answer is sent again after a second, and the client waits or gives up. Whether a TIME_WAIT, ' +
      'tcp_tw_recycle, a full accept queue or the path is to blame decides who has to act.',
    fix: 'Follow the cause. Where it is unknown, capture at the server, and see whether SYNs arrive and answers leave.',
    doNot:
      'Do not raise tcp_syn_retries or timeouts as a cure: they make the failure slower. Never enable tcp_tw_recycle, ' +
      'and do not set tcp_timestamps to 0.',
    references: [
      'RFC 6298 §2, §5 (retransmission timer)',
      'RFC 9293 §3.10.7.4 (SYN in TIME-WAIT)',
      'Linux tcp_conn_request, tcp_check_req, tcp_syn_linear_timeouts (6.5)',
    ],
  },
  create: (report, settings) => new Watch(report, settings),
};

class Watch implements Observer {
  private readonly report: Report;
  private readonly settings: Settings;
  private readonly surroundings: Directions<OtherAttempts>;
  private readonly backlog = new AcceptBacklog();
  private readonly suspicions = new Suspicions();
  private readonly burdens = new AnsweredBurdens();

  constructor(report: Report, settings: Settings) {
    this.report = report;
    this.settings = settings;
    this.surroundings = new Directions(
      () => new OtherAttempts(),
      // What is never asked for again is no loss: most clients come once.
      { missed: () => settings.evicted('attempts'), stepped: around => around.step() },
    );
  }

  opened(event: Opened): void {
    const { flow, tracker, segment, older } = event;
    const isCut = segment.timestamps === Timestamps.UNKNOWN;
    const chain = this.surroundings.peek(flow, tracker)?.chains.of(event);
    chain?.add(event.attempt(), isCut);
    if (older === undefined) return;
    const reuse = reuseOf(event, older, this.settings.timeWait);
    if (reuse === undefined) return;
    remarksOf(event.attempt()).reuse = reuse;
    // The old connection may answer without the capture having its answer.
    if (chain === undefined) this.around(flow, tracker).chains.begin(event.attempt(), isCut);
  }

  repeated(event: Opened): void {
    this.backlog.repeated(event);
    noteOptions(event, this.settings.clocks.synOf(event.flow));
  }

  answered(flow: Flow, tracker: Tracker): void {
    this.burdens.atOnce(flow);
    this.surroundings.peek(flow, tracker)?.patterns.answeredAtOnce();
    const serverIsB = !flow.has(FlowBit.CLIENT_IS_B);
    if (flow.side(serverIsB).has(SideBit.SPOKE) || tracker.pairs.heard(flow.pair, serverIsB)) return;
    if (flow.phase === Phase.OPEN) this.around(flow, tracker).answersElsewhere = true;
  }

  unanswered(flow: Flow, until: Nanos, tracker: Tracker, isReplaced: boolean): void {
    const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
    const isRejected = !this.settings.quoted.isEmpty && this.settings.quoted.hasSyn(endsOf(flow), flow.client.isn);
    const others = takesOthers(tracker, flow.pair, clientIsB, flow.port(!clientIsB));
    // Most are scans and floods: they are only counted.
    if (isRejected || (others && until - flow.opened >= WATCHED)) this.tellLone(flow, until, isReplaced, others);
    else this.settings.counted('syns.unanswered');
  }

  attempt(attempt: Attempt, tracker: Tracker): void {
    const { chain } = remarksOf(attempt);
    this.burdens.ofAttempt(attempt, answeredSynsOf(attempt));
    if (chain !== undefined && wasDecided(attempt)) this.around(attempt.ends, tracker).chains.end(chain);
    if (!isTold(attempt, tracker, this.settings.quoted)) {
      if (!attempt.answered) this.settings.counted('syns.unanswered');
      else this.surroundings.peek(attempt.ends, tracker)?.patterns.accepted(attempt);
      return;
    }
    const around = this.around(attempt.ends, tracker);
    around.patterns.accepted(attempt);
    const found = this.circumstances(attempt, around, tracker);
    if (attempt.delay !== undefined) around.accepted(attempt);
    this.conclude(attempt, found, attempt.settledAt, tracker);
  }

  attemptSoFar(attempt: Attempt, tracker: Tracker): void {
    if (attempt.isPending || !isTold(attempt, tracker, this.settings.quoted)) return;
    const around = this.surroundings.known(attempt.ends, tracker);
    this.tell(attempt, causeSoFar(attempt, this.circumstances(attempt, around, tracker)));
  }

  stalling(stall: Stall, tracker: Tracker): void {
    this.around(stall.ends, tracker).stalling(stall);
  }

  stalled(stall: Stall, tracker: Tracker): void {
    const around = this.around(stall.ends, tracker);
    const cause = causeOfStall(stall, around);
    if (isFullQueue(cause)) around.overflow(stall.ends.serverPort, stall.from, stall.settledAt);
    this.tellStall(stall, cause, around.synsOf(stall));
  }

  stalledSoFar(stall: Stall, tracker: Tracker): void {
    const around = this.surroundings.known(stall.ends, tracker) ?? new OtherAttempts();
    this.tellStall(stall, causeOfStall(stall, around), around.synsOf(stall));
  }

  unheard(unheard: UnheardSynAck): void {
    if (!unheard.isNews) return;
    const scene = this.scene(unheard, this.settings.whatIf?.ofAttempt(unheard));
    this.report(draftOfUnheard(unheard, scene), unheard);
  }

  left(flow: Flow, tracker: Tracker): void {
    if (!hasUnansweredSynAcks(flow, tracker)) return;
    this.settings.counted('synacks.unanswered');
    if (this.settings.quoted.hasSynAck(endsOf(flow), flow.server.isn)) this.settings.counted('synacks.rejected');
  }

  reset({ class: kind, from, flow, fromB, sender, tracker, segment, attempt }: ResetSeen): void {
    if (kind === 'answer-to-old-ack' && attempt !== undefined && remarksOf(attempt).chain === undefined) {
      this.around(flow, tracker).chains.begin(attempt, sender.has(SideBit.TS_CUT));
    }
    // With tcp_abort_on_overflow an RST answers the handshake's ACK (see reset-close). Here it explains other attempts.
    if (kind !== 'handshake-abort' || flow.phase !== Phase.OPEN || from === 'client') return;
    if (flow.client.has(SideBit.JOINS) || flow.server.has(SideBit.TWO_ANSWERS)) return;
    const opened = Number.isFinite(flow.opened) ? flow.opened : segment.at;
    this.around(flow, tracker).overflow(flow.port(fromB), opened, segment.at);
  }

  glance(_tracker: Tracker, now: Nanos): void {
    const { suspicions, settings } = this;
    for (const [attempt, cause] of suspicions.glance(now, settings.trials.turned)) {
      this.report(this.draftOf(attempt, cause));
    }
  }

  finish(_tracker: Tracker, now: Nanos): void {
    const { suspicions, settings } = this;
    for (const [attempt, cause, isSettled] of suspicions.judged(now, settings.isLast())) {
      this.report({ ...this.draftOf(attempt, cause), isSettled });
    }
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    this.surroundings.forEachHost(visit);
    this.suspicions.forEachHost(visit);
  }

  /** Concludes an attempt by what is known up to `now`. */
  private conclude(attempt: Attempt, found: Circumstances, now: Nanos, tracker: Tracker): void {
    const cause = causeOf(attempt, found);
    const due = complete(attempt, cause, remarksOf(attempt).chain);
    if (due > now && isOver(attempt)) {
      attempt.tellAgain(due, () => this.conclude(attempt, found, due, tracker));
      tracker.expect(due);
    } else if (!isOver(attempt)) this.tell(attempt, causeSoFar(attempt, found));
    else if (cause.name !== 'per-host-paws' && !mayBePattern(attempt, found, cause)) this.tell(attempt, cause);
    else if (!this.suspicions.add(attempt, found)) {
      this.settings.evicted('suspicions');
      this.tell(attempt, causeWithoutRecycle(attempt, found));
    }
  }

  /** What is remembered of the direction; made if there is nothing, with what the record of the pair has counted so far. */
  private around(direction: Flow | Ends, tracker: Tracker): OtherAttempts {
    const around = this.surroundings.of(direction, tracker);
    around.patterns.begin(tracker.pairs, direction, this.burdens);
    return around;
  }

  private circumstances(attempt: Attempt, around: OtherAttempts | undefined, tracker: Tracker): Circumstances {
    const { ends } = attempt;
    const { tried, reuse } = remarksOf(attempt);
    const { trials } = this.settings;
    return {
      tried,
      trial: trials.trialOf(ends, tracker),
      reuse,
      serverHeard: tracker.pairs.heard(ends.pair, !ends.clientIsB),
      around,
      waiting: this.backlog.of(attempt),
      isLocal: this.isLocal(attempt),
    };
  }

  private isLocal({ ends }: { ends: Ends }): boolean {
    return isLoopback(ends, this.settings.hosts);
  }

  private tell(attempt: Attempt, cause: Cause): void {
    this.report(this.draftOf(attempt, cause), attempt);
  }

  private draftOf(attempt: Attempt, cause: Cause): Draft {
    return draftOfAttempt(attempt, cause, this.scene(attempt, this.settings.whatIf?.ofAttempt(attempt)));
  }

  private tellStall(stall: Stall, cause: Cause, syns: number): void {
    const supposed = cause.name === 'accept-queue' ? this.settings.whatIf?.ofFullQueue() : undefined;
    this.report(draftOfStall(stall, syns, cause, this.scene(stall, supposed)), stall);
  }

  private tellLone(flow: Flow, until: Nanos, isReplaced: boolean, others: boolean): void {
    const syn = lastPacket(flow, flow.has(FlowBit.CLIENT_IS_B));
    if (syn === undefined) return;
    const lone = { syn, ends: endsOf(flow), watched: until - flow.opened, isReplaced, others };
    this.report(draftOfLone(lone, this.scene(lone, this.settings.whatIf?.ofAttempt(flow))));
  }

  private scene<WhatIf>(of: { ends: Ends }, supposed: WhatIf | undefined): Scene<WhatIf> {
    return { isLocal: this.isLocal(of), supposed };
  }
}
