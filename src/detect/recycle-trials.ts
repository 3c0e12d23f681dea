/** The trials of all host pairs (recycle-trial.ts), and what feeds them: every SYN, and what became of each attempt. */
import type { Nanos } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import type { Ends } from '../flow/ends.ts';
import type { Observer, Opened } from '../flow/events.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket, newestTimestamp } from '../flow/packet.ts';
import type { Stall } from '../flow/stall.ts';
import type { Tracker } from '../flow/tracker.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { Directions } from './directions.ts';
import { recycleFate, unblockAt } from './recycle.ts';
import { PATIENCE, Trial, type Tried } from './recycle-trial.ts';

const { FlowBit, SideBit } = layout;

/** Answered SYNs shown as evidence. */
const SHOWN = 2;

export class RecycleTrials implements Observer {
  private readonly timeWait: Nanos;
  private readonly trials: Directions<Trial>;
  /** Attempts under way of which the rule has more to say than that one SYN passes. */
  private readonly tried = new WeakMap<Attempt, Tried>();

  constructor(timeWait: Nanos, evicted: (table: string) => void) {
    this.timeWait = timeWait;
    // Where the rule would have dropped nothing, only answered connections are forgotten.
    this.trials = new Directions(
      () => new Trial(),
      trial => {
        if (trial.dropped.length > 0 || trial.pending > 0) evicted('recycle');
      },
    );
  }

  [Symbol.iterator](): Iterator<[Ends, Trial]> {
    return this.trials[Symbol.iterator]();
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    this.trials.forEachHost(visit);
  }

  /** Undefined while nothing was answered and the rule had nothing to drop. */
  trialOf({ pair, clientIsB }: Ends, tracker: Tracker): Trial | undefined {
    return this.trials.peek(pair, clientIsB, tracker);
  }

  opened(event: Opened): void {
    const fate = recycleFate(event, this.timeWait);
    if (fate === 'pass') return;
    const { segment, flow, tracker, clientIsB } = event;
    const tried = { fates: [fate], tsvals: [segment.tsval], unblockAt: Number.NaN };
    this.tried.set(event.attempt(), tried);
    if (fate !== 'drop') return;
    tried.unblockAt = unblockAt(event);
    if (segment.timestamps !== Timestamps.PRESENT) return;
    const trial = this.trials.of(flow, tracker);
    trial.newest ??= newestTimestamp(tracker.pairs, tracker.pairs.direction(flow.pair, clientIsB), clientIsB);
    trial.drop(segment.at, segment.tsval, flow.port(!clientIsB));
  }

  repeated(event: Opened): void {
    const attempt = event.attempt();
    let tried = this.tried.get(attempt);
    if (tried === undefined) {
      tried = { fates: ['pass'], tsvals: [attempt.syn.tsval ?? 0], unblockAt: Number.NaN };
      this.tried.set(attempt, tried);
    }
    const fate = recycleFate(event, this.timeWait);
    if (fate === 'drop') tried.unblockAt = unblockAt(event);
    tried.fates.push(fate);
    tried.tsvals.push(event.segment.tsval);
  }

  /** A single SYN, and the rule lets it pass: else it would have a story. */
  answered(flow: Flow, tracker: Tracker): void {
    const { client } = flow;
    const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
    if (!client.has(SideBit.TS_ON_SYN) || !tracker.pairs.heard(flow.pair, !clientIsB)) return;
    const trial = this.trials.of(flow, tracker);
    trial.syns++;
    trial.pass(flow.opened, client.synTsval, flow.port(!clientIsB));
    if (trial.newest === undefined || trial.passed.length === SHOWN) return;
    const syn = lastPacket(flow, clientIsB);
    if (syn !== undefined) trial.passed.push(syn);
  }

  /** A lone SYN, and the rule lets it pass. Nothing is begun for it: one that never got an answer has no trial. */
  unanswered(flow: Flow, until: Nanos, tracker: Tracker): void {
    if (!flow.client.has(SideBit.TS_ON_SYN) || until - flow.opened < PATIENCE) return;
    const trial = this.trials.peek(flow.pair, flow.has(FlowBit.CLIENT_IS_B), tracker);
    if (trial === undefined) return;
    trial.goodUnanswered++;
    trial.syns++;
    trial.against++;
  }

  /** What the rule says of the SYNs of an attempt; undefined of a single one that it lets pass. */
  triedOf(attempt: Attempt): Tried | undefined {
    return this.tried.get(attempt);
  }

  attempt(attempt: Attempt, tracker: Tracker): void {
    const { ends } = attempt;
    const trial = attempt.answered
      ? this.trials.ofEnds(ends, tracker)
      : this.trials.peek(ends.pair, ends.clientIsB, tracker);
    trial?.settle(attempt, this.tried.get(attempt));
  }

  stalled({ ends }: Stall, tracker: Tracker): void {
    this.trials.ofEnds(ends, tracker).stall(ends.serverPort);
  }
}
