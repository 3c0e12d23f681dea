/** A connection attempt that was not answered, or only after a penalty, and why (docs/rules.md D2.3). */
import { duration, type Nanos, SECOND, seconds } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import { endsOf } from '../flow/ends.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket } from '../flow/packet.ts';
import { PairLayout } from '../flow/pairs.ts';
import type { Stall } from '../flow/stall.ts';
import type { Tracker } from '../flow/tracker.ts';
import { AcceptBacklog } from './accept-backlog.ts';
import { Around } from './around.ts';
import { draftOfAttempt } from './attempt-draft.ts';
import type { Detector, Draft } from './detector.ts';
import { Directions } from './directions.ts';
import { draftOfStall, draftOfUnheard } from './handshake-drafts.ts';
import { isLoopback } from './loopback.ts';
import { Suspicions } from './recycle-suspicion.ts';
import type { RememberedEvidence } from './remembered.ts';
import { type Reuse, reuseOf } from './reuse.ts';
import {
  type Cause,
  type CauseName,
  type Circumstances,
  causeOf,
  causeOfStall,
  causeWithoutRecycle,
  localWords,
} from './syn-cause.ts';
import type { Schedule } from './syn-schedule.ts';
import type { LaterWhatIf, SynWhatIf } from './what-if.ts';

const P = PairLayout;
const { Phase, FlowBit, SideBit } = layout;

/** A lone SYN is told of when the capture went on for so long without an answer. */
const WATCHED: Nanos = 3 * SECOND;

export type UnansweredSynEvidence = {
  cause: CauseName;
  /** SYNs of the attempt. */
  syns: number;
  /** Seconds from the first SYN until it was accepted. */
  delay?: number;
  /** Seconds for which it was watched, where it was not accepted. */
  watched?: number;
  /** Which retransmission timer the SYNs follow. */
  schedule?: Schedule;
  /** Where a full accept queue is guessed: seconds that the connection taken last had waited for the application. */
  waited?: number;
  /** What packets do show though none of the causes holds. */
  seen?: Cause['seen'] & string;
  /** Where the handshake stalls: SYN-ACKs that the server repeats or sends. */
  syn_acks?: number;
  /** Both ends are one host: nothing is lost on a path there. */
  loopback?: boolean;
} & RememberedEvidence &
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
  create: (report, { hosts, timeWait, trials, whatIf, evicted, counted }) => {
    const surroundings = new Directions(
      () => new Around(),
      () => evicted('attempts'),
    );
    const reuses = new WeakMap<Attempt, Reuse>();
    const backlog = new AcceptBacklog();
    const suspicions = new Suspicions();
    return {
      opened(event) {
        if (event.older === undefined) return;
        const reuse = reuseOf(event, event.older, timeWait);
        if (reuse !== undefined) reuses.set(event.attempt(), reuse);
      },
      repeated: event => backlog.repeated(event),
      answered(flow, tracker) {
        const serverIsB = !flow.has(FlowBit.CLIENT_IS_B);
        if (flow.side(serverIsB).has(SideBit.SPOKE) || tracker.pairs.heard(flow.pair, serverIsB)) return;
        if (flow.phase === Phase.OPEN) surroundings.of(flow, tracker).answersElsewhere = true;
      },
      unanswered(flow, until, tracker) {
        const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
        // Most are scans and floods: nothing is made for them but this count.
        if (until - flow.opened < WATCHED || !takesOthers(tracker, flow.pair, clientIsB, flow.port(!clientIsB))) {
          counted('syns.unanswered');
        } else reportLone(flow, until);
      },
      attempt(attempt, tracker) {
        if (!isTold(attempt, tracker)) {
          if (!attempt.answered) counted('syns.unanswered');
          return;
        }
        const around = surroundings.ofEnds(attempt.ends, tracker);
        const found = circumstances(attempt, around, tracker);
        if (attempt.delay !== undefined) around.accepted(attempt);
        const cause = causeOf(attempt, found);
        if (cause.name !== 'per-host-paws') tell(attempt, cause);
        else if (!suspicions.add(attempt, found)) tell(attempt, causeWithoutRecycle(attempt, found));
      },
      attemptSoFar(attempt, tracker) {
        if (attempt.isPending || !isTold(attempt, tracker)) return;
        tell(attempt, causeOf(attempt, circumstances(attempt, surroundings.knownEnds(attempt.ends, tracker), tracker)));
      },
      stalled(stall, tracker) {
        const around = surroundings.ofEnds(stall.ends, tracker);
        const isLocal = isLoopback(stall.ends, hosts);
        const cause = causeOfStall(stall, around, isLocal);
        if (cause.name === 'accept-queue' && cause.confidence !== 'weak')
          around.overflow(stall.ends.serverPort, stall.synAt, stall.settledAt);
        tellStall(stall, cause, around.synsOf(stall), isLocal);
      },
      stalledSoFar(stall, tracker) {
        const around = surroundings.knownEnds(stall.ends, tracker) ?? new Around();
        const isLocal = isLoopback(stall.ends, hosts);
        tellStall(stall, causeOfStall(stall, around, isLocal), around.synsOf(stall), isLocal);
      },
      unheard(unheard) {
        if (unheard.wasSlow) return;
        const supposed = whatIf?.ofAttempt(unheard.ends, unheard.synAt);
        report(draftOfUnheard(unheard, isLoopback(unheard.ends, hosts), supposed), unheard);
      },
      reset({ class: kind, flow, fromB, tracker, segment }) {
        // tcp_abort_on_overflow: the RST that answers the handshake's ACK tells of it itself; here it explains others.
        if (kind !== 'handshake-abort' || flow.phase !== Phase.OPEN || fromB === flow.has(FlowBit.CLIENT_IS_B)) return;
        surroundings.of(flow, tracker).overflow(flow.port(fromB), flow.opened, segment.at);
      },
      finish() {
        for (const [attempt, cause] of suspicions.judged()) report(draftFor(attempt, cause));
      },
      forEachHost(visit) {
        surroundings.forEachHost(visit);
        suspicions.forEachHost(visit);
      },
    };

    /** A single SYN is worth a word where it was watched for long enough and others are taken, or a strange ACK came. */
    function isTold({ ends, answered, syns, oldAcks, since, settledAt }: Attempt, tracker: Tracker): boolean {
      if (syns > 1 || oldAcks > 0) return true;
      const { pair, clientIsB, serverPort } = ends;
      return !answered && settledAt - since >= WATCHED && takesOthers(tracker, pair, clientIsB, serverPort);
    }

    function circumstances(attempt: Attempt, around: Around | undefined, tracker: Tracker): Circumstances {
      const { ends } = attempt;
      return {
        tried: trials.triedOf(attempt),
        trial: trials.trialOf(ends, tracker),
        reuse: reuses.get(attempt),
        serverHeard: tracker.pairs.heard(ends.pair, !ends.clientIsB),
        around,
        waiting: backlog.of(attempt),
        isLocal: isLoopback(ends, hosts),
      };
    }

    function tell(attempt: Attempt, cause: Cause): void {
      report(draftFor(attempt, cause), attempt);
    }

    function draftFor(attempt: Attempt, cause: Cause): Draft {
      const { ends, since } = attempt;
      return draftOfAttempt(attempt, cause, isLoopback(ends, hosts), whatIf?.ofAttempt(ends, since));
    }

    function tellStall(stall: Stall, cause: Cause, syns: number, isLocal: boolean): void {
      const supposed = cause.name === 'accept-queue' ? whatIf?.ofFullQueue() : undefined;
      report(draftOfStall(stall, syns, cause, isLocal, supposed), stall);
    }

    function reportLone(flow: Flow, until: Nanos): void {
      const syn = lastPacket(flow, flow.has(FlowBit.CLIENT_IS_B));
      if (syn === undefined) return;
      const isLocal = isLoopback(endsOf(flow), hosts);
      report({
        rule: 'unanswered-syn',
        severity: 'notice',
        confidence: 'weak',
        title: loneTitle(until - flow.opened, isLocal),
        raised: syn,
        ends: endsOf(flow),
        evidence: {
          cause: 'unknown',
          syns: 1,
          watched: seconds(until - flow.opened),
          ...(isLocal ? { loopback: true } : {}),
          ...whatIf?.ofAttempt(endsOf(flow), flow.opened),
        },
        packets: [{ packet: syn, note: 'SYN' }],
      });
    }
  },
};

/** The server took a connection of this client on that port not long ago. */
function takesOthers({ pairs }: Tracker, pair: number, clientIsB: boolean, serverPort: number): boolean {
  return pairs.words[pairs.direction(pair, clientIsB) + P.ANSWERED_PORT] === serverPort + 1;
}

const loneTitle = (watched: Nanos, isLocal: boolean): string =>
  `A SYN was not answered for ${duration(watched)} and not sent again, while the server takes others on this port; ` +
  `cause: unknown (${isLocal ? localWords(false) : 'lost on the way, dropped by a firewall or by the server'})`;
