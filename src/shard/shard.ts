/**
 * One shard: takes its rows of every slab, decodes them, follows their flows, runs the detectors. Pure: no I/O, no
 * clock, no thread; the same object runs in a worker and in-process. Segments wait until no earlier frame can come
 * (Batch.limit), and are then processed in order of (time, capture, frame).
 */

import type { Nanos } from '../base/time.ts';
import { addon } from '../capture/native.ts';
import type { Batch, Slab } from '../capture/slab.ts';
import { QuotedSegments } from '../detect/attempts/quoted-segments.ts';
import type { ClockSoFar } from '../detect/clocks/clock-row.ts';
import { Clocks } from '../detect/clocks/clocks.ts';
import { ContextUse } from '../detect/context/context-use.ts';
import type { Settings } from '../detect/detector.ts';
import { type FindingUpdates, isNothing } from '../detect/findings/finding-updates.ts';
import { Reporter } from '../detect/findings/reporter.ts';
import type { Numbering } from '../detect/findings/written-finding.ts';
import { detectors } from '../detect/index.ts';
import { type FullTable, overflowDraft } from '../detect/overflow/full-table.ts';
import { RecycleTrials } from '../detect/recycle/recycle-trials.ts';
import type { Machine } from '../detect/what-if/profile.ts';
import { WhatIf } from '../detect/what-if/what-if.ts';
import { Follower } from '../flow/follower.ts';
import { Tracker } from '../flow/tracker.ts';
import { decodeRows } from '../wire/decode-rows.ts';
import { Hosts } from '../wire/hosts.ts';
import { Segments } from '../wire/segments.ts';
import { Faults } from './faults.ts';
import { retainHosts } from './host-sweep.ts';
import { JudgingTimes } from './judging-times.ts';
import { occupancyOf } from './occupancy.ts';
import type { Judged, Output } from './output.ts';
import { count, countAny, hasEvictions, type Tally } from './tally.ts';

/** Plain values only: they are sent to the thread when a shard starts. */
export interface ShardSettings {
  /** Number of this shard, from 0. */
  shard: number;
  /** The run's origin in whole seconds since the epoch (base/time.ts). */
  origin: number;
  maxFlows: number;
  /** Nanoseconds. */
  timeWait: Nanos;
  flows: boolean;
  /** Ids of the rules to run. */
  rules: readonly string[];
  maxFindings: number;
  portRange: readonly [low: number, high: number];
  /** Live: interval of verdicts on the run so far; stories are then reported as they stand. Undefined: at the end. */
  judgeEvery?: Nanos | undefined;
  /** Number of tuples whose TIME_WAITs are reported at each interval; undefined: none. */
  topTimeWaits?: number | undefined;
  /** Findings leave the thread as WrittenFinding with this numbering; undefined: as objects. */
  numbering?: Numbering | undefined;
  /** The machine of a what-if; undefined: none. */
  machine?: Machine | undefined;
  /** Addresses of each host that --context names. */
  contexts?: readonly (readonly string[])[];
}

/** Rows per part at the end of a run, when most of them come: parts are stored while the rest is computed. */
const PART = 1 << 15;
/** Segments that fit at first: there are more in a slab, but a small capture has fewer. */
const FIRST_SEGMENTS = 256;
/** Number of IPv6 hosts at which the first sweep removes unused ones. */
const FIRST_HOST_SWEEP = 1 << 16;

export class Shard {
  private readonly settings: ShardSettings;
  private readonly hosts = new Hosts();
  private readonly quoted = new QuotedSegments(this.hosts);
  private readonly waiting = new Segments(FIRST_SEGMENTS);
  private readonly reporter: Reporter;
  private readonly tracker: Tracker;
  private readonly follower: Follower;
  private readonly whatIf: WhatIf | undefined;
  private readonly contextUse: ContextUse;
  /** Clocks judged since they were last taken. */
  private clocks: ClockSoFar[] = [];
  private fullTables: FullTable[] = [];
  private readonly counts: Tally = {};
  private readonly faults = new Faults(() => {
    const { at, capture, frame } = this.tracker.segment;
    return { epoch: this.reporter.epoch, at, capture, frame };
  });
  /** Packets were lost before the current slab. */
  private incomplete = false;
  private decoded = 0;
  private badHeaders = 0;
  private nextHostSweep = FIRST_HOST_SWEEP;
  private reached: Nanos = Number.NEGATIVE_INFINITY;
  private limit: Nanos = Number.NEGATIVE_INFINITY;
  private readonly judgingTimes: JudgingTimes;

  constructor(settings: ShardSettings) {
    this.settings = settings;
    this.judgingTimes = new JudgingTimes(settings.judgeEvery);
    const isLive = settings.judgeEvery !== undefined;
    this.reporter = new Reporter(this.hosts, settings.origin, settings.maxFindings, isLive);
    this.whatIf = settings.machine && new WhatIf(settings.machine, this.hosts, settings.timeWait);
    const common = this.detectorSettings(settings);
    const observers = detectors
      .filter(detector => settings.rules.includes(detector.meta.id))
      .map(detector => this.faults.named(detector.meta.id, detector.create(this.reporter.report, common)));
    observers.unshift(this.faults.named('clocks', common.clocks), this.faults.named('trials', common.trials));
    const contexts = settings.contexts ?? [];
    this.contextUse = new ContextUse(contexts, this.hosts);
    if (contexts.length > 0) observers.push(this.faults.named('contexts', this.contextUse));
    if (this.whatIf !== undefined) observers.unshift(this.whatIf);
    this.tracker = new Tracker(this.hosts, observers, settings, this.faults.failed);
    if (isLive) this.tracker.stories.tellEarly();
    this.tracker.stories.ended = this.reporter.ended;
    this.follower = new Follower(this.tracker, addon);
    this.reporter.forgetful = () => this.incomplete || this.tracker.evicted + this.tracker.stories.evicted > 0;
  }

  take(slab: Slab, batch: Batch): Output {
    if (batch.stepped) {
      this.release(Number.POSITIVE_INFINITY);
      this.tracker.step();
      this.reporter.epoch++;
      this.judgingTimes.begin();
    }
    this.limit = batch.limit;
    this.incomplete = batch.incomplete;
    this.reporter.losses = batch.losses;
    this.quoted.add(batch.quoted);
    if (batch.rows > 0) this.decode(slab, batch);
    this.release(batch.limit);
    // Time advances even without segments: whatever is due must not wait for the next one.
    if (Number.isFinite(batch.limit)) {
      this.tracker.reach(batch.limit);
      this.tracker.stories.tellSoFar(batch.limit);
    }
    if (this.hosts.size > this.nextHostSweep) {
      retainHosts(this.hosts, this.tracker, this.waiting);
      this.nextHostSweep = Math.max(FIRST_HOST_SWEEP, this.hosts.size * 2);
    }
    return this.output(this.glance(), this.judgeSoFar(batch.judge === true));
  }

  /** Ends the run; `at` is the time of its last frame. Most rows are passed to `part` as they are produced. */
  finish(at: Nanos, part: (output: Output) => void): Output {
    this.release(Number.POSITIVE_INFINITY);
    this.tracker.finish(Math.max(at, this.reached), () => {
      if (this.tracker.timeWaits.size + this.tracker.flowRows.length >= PART) part(this.part());
    });
    this.clocks = [];
    const last = this.output(undefined, undefined);
    last.judged = this.judge('at-end');
    last.clocks = this.clocks.map(({ row }) => row);
    last.settled = Number.POSITIVE_INFINITY;
    last.tally = this.tally();
    last.fault = this.faults.first;
    last.syns = this.tracker.synSample.told();
    return last;
  }

  private glance(): FindingUpdates | undefined {
    if (!this.judgingTimes.isTimeToGlance(this.limit)) return undefined;
    this.reporter.judging = 'glance';
    this.tracker.glance(this.limit);
    this.reporter.judging = 'no';
    const updates = this.reporter.glimpsed();
    return isNothing(updates) ? undefined : updates;
  }

  private judgeSoFar(isAsked: boolean): Judged | undefined {
    const { topTimeWaits } = this.settings;
    const { tracker, hosts, limit } = this;
    if (!this.judgingTimes.isTime(limit, isAsked, tracker.table.slots)) return undefined;
    const occupancy = topTimeWaits === undefined ? undefined : occupancyOf(tracker, hosts, limit, topTimeWaits);
    const judged = { ...this.judge('so-far'), occupancy, clocks: this.clocks };
    this.clocks = [];
    return judged;
  }

  private judge(when: 'so-far' | 'at-end'): Judged {
    this.reporter.judging = when;
    this.fullTables = [];
    this.tracker.judge(when === 'at-end' ? this.tracker.now : this.limit);
    this.reporter.judging = 'no';
    return { updates: this.reporter.judged(hasEvictions(this.running())), fullTables: this.fullTables };
  }

  /**
   * Appends this shard's rows to the waiting segments. Nearly every slab is in order and later than everything waiting,
   * once the segments before its first row have been released; then nothing has to be sorted.
   */
  private decode(slab: Slab, { rows, capture, limit, ordered }: Batch): void {
    const { waiting } = this;
    const first = slab.at[0];
    if (ordered) this.release(Math.min(first - 1, limit));
    const { count } = waiting;
    const isNext = ordered && (count === 0 || waiting.isBefore(count - 1, first, capture));
    this.badHeaders += decodeRows(slab, rows, capture, this.settings.shard, this.hosts, waiting);
    this.decoded += waiting.count - count;
    if (!isNext) waiting.sort();
  }

  /** Processes the waiting segments up to `limit`. */
  private release(limit: Nanos): void {
    const { waiting } = this;
    const rows = waiting.upTo(limit);
    if (rows === 0) return;
    this.follower.follow(waiting, rows);
    this.reached = waiting.at(rows - 1);
    waiting.drop(rows);
  }

  private detectorSettings({ timeWait, portRange, origin, judgeEvery }: ShardSettings): Settings {
    const { hosts } = this;
    const glances = judgeEvery !== undefined;
    const isLast = (): boolean => this.reporter.judging === 'at-end';
    const evicted: Settings['evicted'] = (table, rows = 1) => count(this.counts, `evicted.${table}`, rows);
    const clocks = new Clocks({
      hosts,
      origin,
      row: (row, place) => this.clocks.push({ place, row }),
      isLast,
      glances,
      evicted,
    });
    return {
      hosts,
      timeWait,
      portRange,
      whatIf: this.whatIf,
      isLast,
      glances,
      judgeSoon: this.judgingTimes.want,
      evicted,
      fullTable: (shown, fins) =>
        this.fullTables.push({ ...fins, finding: this.reporter.finding(overflowDraft(shown)) }),
      isPastLimit: this.reporter.isPastLimit,
      counted: name => count(this.counts, name),
      trials: new RecycleTrials(timeWait, clocks, evicted, glances),
      clocks,
      quoted: this.quoted,
    };
  }

  private output(glimpsed: FindingUpdates | undefined, judged: Judged | undefined): Output {
    const output = this.part();
    output.findings = this.reporter.take();
    output.stories = this.reporter.storyNews();
    output.glimpsed = glimpsed;
    output.judged = judged;
    output.settled = Math.min(this.tracker.settled, this.limit);
    output.wantsJudging = this.judgingTimes.wants(this.limit);
    return output;
  }

  /** An output with rows only, which need not be in order with findings. */
  private part(): Output {
    const flows = this.tracker.flowRows;
    if (flows.length > 0) this.tracker.flowRows = [];
    return {
      findings: [],
      stories: undefined,
      glimpsed: undefined,
      judged: undefined,
      wantsJudging: false,
      clocks: [],
      timeWaits: this.tracker.timeWaits.take(),
      flows,
      epoch: this.reporter.epoch,
      settled: Number.NEGATIVE_INFINITY,
      soFar: { until: this.limit, counts: this.running() },
      tally: undefined,
      fault: undefined,
    };
  }

  private running(): Tally {
    const tally: Tally = { ...this.counts };
    count(tally, 'segments', this.decoded);
    count(tally, 'duplicates', this.tracker.duplicates);
    const { secondPoint, unseen, stories } = this.tracker;
    countAny(tally, 'second-point.syns', secondPoint.syns);
    countAny(tally, 'second-point.syn-acks', secondPoint.synAcks);
    countAny(tally, 'unseen.directions', unseen.directions);
    countAny(tally, 'unseen.acknowledged', unseen.acknowledged);
    count(tally, 'flows', this.tracker.opened);
    count(tally, 'evicted.flows', this.tracker.evicted);
    countAny(tally, 'evicted.stories', stories.evicted);
    count(tally, 'findings.suppressed', this.reporter.suppressed);
    return tally;
  }

  private tally(): Tally {
    const tally = this.running();
    for (const [name, n] of this.whatIf?.counts() ?? []) count(tally, name, n);
    for (const [name, n] of this.contextUse.counts()) count(tally, name, n);
    if (this.badHeaders > 0) count(tally, 'skipped.bad-header', this.badHeaders);
    for (const [rule, n] of this.faults.counts) count(tally, `failed.${rule}`, n);
    for (const [rule, n] of this.reporter.counts) count(tally, `findings.${rule}`, n);
    return tally;
  }
}
