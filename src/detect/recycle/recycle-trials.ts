/** The trials of all host pairs (recycle-trial.ts), fed with every SYN and with what became of each attempt. */

import type { Nanos } from '../../base/time.ts';
import { type Ends, endsOf } from '../../flow/ends.ts';
import type { Observer, Opened } from '../../flow/events.ts';
import type { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Stall } from '../../flow/stories/handshake-stall.ts';
import { wentOn } from '../../flow/stories/interim-tellings.ts';
import { PairLayout, type Pairs } from '../../flow/tables/pairs.ts';
import type { Tracker } from '../../flow/tracker.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { remarksOf } from '../attempts/remarks.ts';
import { marksOf, type SynMarks } from '../attempts/syn-marks.ts';
import type { Clocks } from '../clocks/clocks.ts';
import { Directions } from '../memory/directions.ts';
import { DirtySet } from '../memory/dirty-set.ts';
import type { EvictedTable } from '../memory/evicted.ts';
import { type Ground, groundToPass, isTested, type RecycleVerdict, recycleFate, unblockAt } from './recycle.ts';
import { PATIENCE, Trial } from './recycle-trial.ts';
import { answeredSyn, MOST_SYNS, type Tried } from './recycle-tried.ts';
import { rememberedFor } from './remembered-tsval.ts';
import { isLower, type Tick } from './tick.ts';

const P = PairLayout;
const { FlowBit, SideBit } = layout;

/**
 * Above this bit TRIED_LOST holds how many of the answered SYNs the rule could have dropped, up to MAX_TESTED: more
 * make no difference.
 */
const TESTED_SHIFT = 24;
const ONE_TESTED = 1 << TESTED_SHIFT;
const MAX_TESTED = 64;
/** Most answered SYNs shown as evidence. */
const SHOWN = 2;

export class RecycleTrials implements Observer {
  private readonly timeWait: Nanos;
  private readonly clocks: Clocks;
  private readonly trials: Directions<Trial>;
  private readonly changed: DirtySet<Trial>;
  /**
   * At a glance: `news` are the trials that have changed since the last one and may fit; `turned` are those that have
   * begun to fit.
   */
  news: readonly Trial[] = [];
  turned: ReadonlySet<Trial> = new Set();

  constructor(timeWait: Nanos, clocks: Clocks, evicted: (table: EvictedTable) => void, glances = false) {
    this.timeWait = timeWait;
    this.clocks = clocks;
    this.changed = new DirtySet(glances);
    // If the rule would have dropped nothing, only answered connections are lost, which is not counted.
    this.trials = new Directions(() => new Trial(), {
      evicted: trial => {
        trial.forgotten = true;
        if (trial.dropped.length > 0 || trial.pending > 0) evicted('recycle');
      },
      stepped: trial => trial.step(),
    });
  }

  [Symbol.iterator](): Iterator<[Ends, Trial]> {
    return this.trials[Symbol.iterator]();
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    this.trials.forEachHost(visit);
  }

  /** Must be called before the rules that use `news`. */
  glance(_tracker: Tracker, now: Nanos): void {
    this.news = [...this.changed.take()];
    const turned = new Set<Trial>();
    for (const trial of this.news) {
      if (trial.isHopeful(now)) this.changed.add(trial);
      const before = trial.held;
      trial.held = trial.holds(now);
      if (before || !trial.held) continue;
      turned.add(trial);
      // What was reported about attempts under way is reported again.
      for (const { place } of trial.open) wentOn(place, now);
    }
    this.turned = turned;
  }

  /** Undefined as long as no SYN was answered and the rule had nothing to drop. */
  trialOf(ends: Ends, tracker: Tracker): Trial | undefined {
    return this.trials.peek(ends, tracker);
  }

  opened(event: Opened): void {
    const fate = recycleFate(event, this.timeWait);
    if (fate === 'pass') return;
    const { segment, flow, tracker, clientIsB } = event;
    const tried = triedFirst(fate, segment.tsval, undefined, marksOf(segment));
    remarksOf(event.attempt()).tried = tried;
    if (fate !== 'drop') return;
    tried.unblockAt = unblockAt(event);
    if (segment.timestamps !== Timestamps.PRESENT) return;
    const trial = this.begun(endsOf(flow), tracker);
    // A server that answered such a SYN is never accused, so no packets need to be kept as evidence.
    if (trial.badAnswered === 0) tried.remembered = rememberedFor(event);
    if (!trial.hadBad) for (const syn of this.clocks.answeredSyns(endsOf(flow))) trial.noteAnswered(syn);
    trial.noteSilent(tried.marks);
    trial.drop(
      { at: segment.at, tsval: segment.tsval },
      { port: flow.port(!clientIsB), clientPort: flow.port(clientIsB) },
    );
    if (!this.changed.isWatched) return;
    trial.begins(event.attempt());
    this.note(trial);
  }

  repeated(event: Opened): void {
    const attempt = event.attempt();
    const marks = marksOf(event.segment);
    let { tried } = remarksOf(attempt);
    if (tried === undefined) {
      tried = triedFirst('pass', attempt.syn.tsval ?? 0, 'unknown', marks);
      remarksOf(attempt).tried = tried;
      if (this.changed.isWatched) this.trialOf(attempt.ends, event.tracker)?.begins(attempt);
    }
    if (tried.fates.length === MOST_SYNS) return;
    const fate = recycleFate(event, this.timeWait);
    if (fate === 'drop') {
      tried.unblockAt = unblockAt(event);
      const trial = tried.fates[0] === 'drop' ? this.trialOf(attempt.ends, event.tracker) : undefined;
      trial?.dropAgain();
      trial?.noteSilent(marks);
    }
    tried.marks = marks;
    tried.fates.push(fate);
    tried.grounds.push(fate === 'pass' ? groundToPass(event) : undefined);
    tried.tsvals.push(event.segment.tsval);
  }

  /** A single SYN that the rule lets pass. Otherwise the attempt would have a story, and `attempt` would be called. */
  answered(flow: Flow, tracker: Tracker): void {
    const { client } = flow;
    const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
    if (!client.has(SideBit.TS_ON_SYN) || !tracker.pairs.heard(flow.pair, !clientIsB)) return;
    const trial = this.trials.size === 0 ? undefined : this.trials.known(flow, tracker);
    const block = tracker.pairs.direction(flow.pair, clientIsB);
    const tested = isTested(tracker.pairs, block, flow.opened);
    if (trial === undefined) {
      notePassed(tracker.pairs, block, { at: flow.opened, tsval: client.synTsval }, tested);
      return;
    }
    trial.syns++;
    trial.pass(
      { at: flow.opened, tsval: client.synTsval },
      { port: flow.port(!clientIsB), clientPort: flow.port(clientIsB) },
      tested,
    );
    this.note(trial);
    if (trial.hadBad && trial.badAnswered === 0) noteAnswered(trial, this.clocks.synOf(flow));
    const { server } = flow;
    if (server.has(SideBit.TS_ON_SYN)) {
      trial.serverClocks.add({ at: server.sentAt, tsval: server.synTsval }, flow.port(clientIsB));
    }
    if (!trial.hadBad || trial.passed.length === SHOWN) return;
    const syn = lastPacket(flow, clientIsB);
    if (syn !== undefined) trial.passed.push(syn);
  }

  /** A lone SYN that the rule lets pass. No trial is made for it: a pair of which no SYN was ever answered has none. */
  unanswered(flow: Flow, until: Nanos, tracker: Tracker): void {
    if (!flow.client.has(SideBit.TS_ON_SYN) || until - flow.opened < PATIENCE) return;
    const { pairs } = tracker;
    const trial = this.trials.peek(flow, tracker);
    if (trial !== undefined) trial.lose(1);
    else pairs.words[pairs.direction(flow.pair, flow.has(FlowBit.CLIENT_IS_B)) + P.TRIED_LOST]++;
  }

  attemptSoFar({ ends }: Attempt, tracker: Tracker): void {
    const trial = this.trialOf(ends, tracker);
    if (trial !== undefined) this.note(trial);
  }

  attempt(attempt: Attempt, tracker: Tracker): void {
    const { ends } = attempt;
    const trial = attempt.answered ? this.begun(ends, tracker) : this.trialOf(ends, tracker);
    if (trial === undefined) return;
    const { pairs } = tracker;
    const tested = isTested(pairs, pairs.direction(ends.pair, ends.clientIsB), attempt.syn.at);
    const { tried } = remarksOf(attempt);
    trial.settle(attempt, tried, tested);
    if (attempt.answered && trial.hadBad && trial.badAnswered === 0) {
      const isNewest = tried !== undefined && answeredSyn(attempt, tried) === tried.fates.length - 1;
      noteAnswered(trial, isNewest ? tried.marks : this.clocks.synAt(ends, attempt.syn.at));
    }
    this.note(trial);
  }

  stalled({ ends }: Stall, tracker: Tracker): void {
    this.begun(ends, tracker).stall(ends.serverPort);
  }

  private note(trial: Trial): void {
    if (trial.isInQuestion) this.changed.add(trial);
  }

  private begun(ends: Ends, tracker: Tracker): Trial {
    return this.trials.known(ends, tracker) ?? begin(this.trials.of(ends, tracker), ends, tracker);
  }
}

function noteAnswered(trial: Trial, syn: SynMarks | undefined): void {
  if (syn !== undefined) trial.noteAnswered(syn);
}

const triedFirst = (fate: RecycleVerdict, tsval: number, ground: Ground | undefined, marks: SynMarks): Tried => ({
  fates: [fate],
  grounds: [ground],
  tsvals: [tsval],
  marks,
  unblockAt: Number.NaN,
  remembered: undefined,
});

/** Most pairs never get a trial. Until a pair does, its answered SYNs are a few words in the pair's record. */
function notePassed({ words, doubles }: Pairs, block: number, syn: Tick, tested: boolean): void {
  if (tested && words[block + P.TRIED_LOST] >>> TESTED_SHIFT < MAX_TESTED) words[block + P.TRIED_LOST] += ONE_TESTED;
  const first = words[block + P.TRIED_ANSWERED]++ === 0;
  const lowestAt = (block + P.TRIED_LOWEST_AT) >> 1;
  if (!first && !isLower(syn, { at: doubles[lowestAt], tsval: words[block + P.TRIED_LOWEST] })) return;
  doubles[lowestAt] = syn.at;
  words[block + P.TRIED_LOWEST] = syn.tsval;
}

/** Begins a trial with what the pair's record holds about earlier SYNs. */
function begin(trial: Trial, { pair, clientIsB }: Ends, { pairs }: Tracker): Trial {
  const { words, doubles } = pairs;
  const block = pairs.direction(pair, clientIsB);
  const answered = words[block + P.TRIED_ANSWERED];
  const lost = words[block + P.TRIED_LOST];
  if (answered > 0) {
    const lowest = { at: doubles[(block + P.TRIED_LOWEST_AT) >> 1], tsval: words[block + P.TRIED_LOWEST] };
    const port = words[block + P.ANSWERED_PORT] - 1;
    trial.begin({ lowest, port, answered, tested: lost >>> TESTED_SHIFT });
  }
  trial.lose(lost & (ONE_TESTED - 1));
  return trial;
}
