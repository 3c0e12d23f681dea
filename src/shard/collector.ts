/**
 * Merges the shards' findings in order of time: a finding is passed to the sink when every shard has settled everything
 * before it. One unanswered SYN may hold back all later findings for minutes: when too many wait, the earliest ones are
 * passed on anyway, and findings that are settled afterwards may be out of order.
 */
import { compareText } from '../base/order.ts';
import type { Nanos } from '../base/time.ts';
import type { ClockRow, ClockSoFar } from '../detect/clocks/clock-row.ts';
import { compareFindings, type Finding } from '../detect/finding.ts';
import type { FindingUpdates } from '../detect/findings/finding-updates.ts';
import { Verdicts } from '../detect/findings/verdicts.ts';
import { judgeOverflows } from '../detect/overflow/full-table.ts';
import type { FlowRow } from '../flow/flow-row.ts';
import type { TimeWaitRows } from '../flow/time-wait-rows.ts';
import { BothSides } from './both-sides.ts';
import { type CountedSeries, Curve, type CurveSeries } from './curve.ts';
import { compareFaults, type Fault } from './faults.ts';
import { mergeOccupancies, type Occupancy } from './occupancy.ts';
import { type OtherClock, OtherClocks } from './other-clocks.ts';
import type { Judged, Output, SoFar } from './output.ts';
import { count, hasEvictions, merge, type Tally } from './tally.ts';

export interface Results {
  /** `revisable`: `revise` may change or retract them later. A finding with the id of a revisable one replaces it. */
  findings(batch: readonly Finding[], revisable?: boolean): void;
  /** Ids of revisable findings that are now final. */
  settled?(ids: readonly string[]): void;
  /**
   * Revises earlier findings: `changed` replace those with the same ids, and those with the ids `gone` no longer hold.
   * Called only when verdicts on the whole run are reported while it goes on.
   */
  revise?(changed: readonly Finding[], gone: readonly string[]): void;
  timeWaits(rows: TimeWaitRows): void;
  flows(rows: readonly FlowRow[]): void;
  clocks(rows: readonly ClockRow[]): void;
  curve(series: readonly CurveSeries[]): void;
  /** The same while a live run goes on: clocks that were judged again, and the curve as far as it is known. */
  clocksSoFar?(rows: readonly ClockSoFar[]): void;
  curveSoFar?(series: readonly CurveSeries[]): void;
}

const compareClocks = (a: ClockRow, b: ClockRow): number =>
  compareText(a.client, b.client) ||
  compareText(a.server, b.server) ||
  compareText(JSON.stringify(a), JSON.stringify(b));

/** How far a shard has come, ordered by clock steps first, then by time. */
interface Mark {
  epoch: number;
  at: Nanos;
}

const isBefore = (a: Mark, b: Mark): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.at < b.at);

const END: Mark = { epoch: Number.POSITIVE_INFINITY, at: 0 };

/** Most waiting findings, a kilobyte each, before half of them are passed on early; checked at every quarter more. */
const MOST_WAITING = 1 << 17;

/** Findings are sorted only when this many wait, or when the run ends. */
const BATCH = 256;

export class Collector {
  private readonly settled: Mark[];
  private readonly tally: Tally;
  private readonly sink: Results;
  private readonly progress: (SoFar | undefined)[];
  private waiting: Finding[] = [];
  /** Each shard's latest verdicts. */
  private readonly judged: (Judged | undefined)[];
  /** Verdicts on sums over all shards, and the shards that have judged since the sums were last judged. */
  private readonly sums = new Verdicts();
  private readonly haveJudged = new Set<number>();
  /** Findings that are reported at the end. */
  private readonly final: Finding[] = [];
  private readonly clocks: ClockRow[] = [];
  private readonly curve = new Curve();
  private readonly bothSides = new BothSides();
  private readonly syns = new OtherClocks();
  /** Known when the run has ended. */
  otherClocks: readonly OtherClock[] = [];
  private due = BATCH;
  private judgingRequested = false;
  private readonly most: number;
  /** Live: findings are passed on at once, in the order in which they arrive. */
  private readonly live: boolean;
  /** The first event of the run at which a rule threw. */
  fault: Fault | undefined;

  constructor(shards: number, tally: Tally, sink: Results, live = false, most = MOST_WAITING) {
    this.live = live;
    this.most = most;
    this.settled = Array.from({ length: shards }, () => ({ epoch: 0, at: Number.NEGATIVE_INFINITY }));
    this.judged = this.settled.map(() => undefined);
    this.progress = this.settled.map(() => undefined);
    this.tally = tally;
    this.sink = sink;
  }

  readonly receive = (shard: number, output: Output): void => {
    this.settled[shard] = { epoch: output.epoch, at: output.settled };
    this.progress[shard] = output.soFar;
    if (output.stories !== undefined) this.takeUpdates(output.stories);
    if (output.glimpsed !== undefined) this.takeUpdates(output.glimpsed);
    if (output.wantsJudging === true) this.judgingRequested = true;
    for (const finding of output.findings) this.waiting.push(finding);
    // Not push(...all): there can be more clocks than arguments fit on the stack.
    for (const clock of output.clocks) this.clocks.push(clock);
    if (output.timeWaits !== undefined) {
      this.curve.add(output.timeWaits);
      this.sink.timeWaits(output.timeWaits);
    }
    if (output.flows.length > 0) this.sink.flows(output.flows);
    const { fault } = output;
    if (fault && (this.fault === undefined || compareFaults(fault, this.fault) < 0)) this.fault = fault;
    if (output.syns !== undefined) this.syns.add(output.syns);
    if (output.tally !== undefined) merge(this.tally, output.tally);
    if (output.judged !== undefined) this.takeJudged(shard, output.judged, output.tally !== undefined);
    if (this.live) this.release(END);
    else if (this.waiting.length >= this.due) this.release(this.settled.reduce((a, b) => (isBefore(b, a) ? b : a)));
  };

  private takeUpdates(updates: FindingUpdates): void {
    this.revise(updates);
    this.passOn(updates.fresh, true);
    if (updates.settled.length > 0) this.sink.settled?.(updates.settled);
  }

  /** The verdicts at the end wait, because they are ordered over all shards. */
  private takeJudged(shard: number, judged: Judged, last: boolean): void {
    this.judged[shard] = judged;
    if (last) {
      this.revise(judged.updates);
      for (const finding of judged.updates.fresh) this.final.push(finding);
      return;
    }
    this.takeUpdates(judged.updates);
    const shards = this.judged.length;
    const clocks = (judged.clocks ?? []).map(({ place, row }) => ({ place: place * shards + shard, row }));
    if (clocks.length > 0) this.sink.clocksSoFar?.(clocks);
    if (this.haveJudged.add(shard).size < shards) return;
    this.haveJudged.clear();
    this.sink.curveSoFar?.(this.curve.series(this.soFar().until));
    this.judgeSums(this.overflows(), false);
  }

  private judgeSums(summed: readonly Finding[], last: boolean): void {
    for (const finding of summed) this.sums.holds(finding, last, () => finding);
    const updates = this.sums.judged(hasEvictions(this.soFar().counts));
    this.revise(updates);
    this.passOn(last ? [...this.final, ...updates.fresh] : updates.fresh, !last);
  }

  private overflows(curve?: readonly CountedSeries[]): Finding[] {
    const tables = this.judged.flatMap(judged => judged?.fullTables ?? []);
    return tables.length === 0 ? [] : judgeOverflows(tables, curve ?? this.curve.series());
  }

  private revise({ changed, gone }: Pick<FindingUpdates, 'changed' | 'gone'>): void {
    if (changed.length > 0 || gone.length > 0) this.sink.revise?.(changed, gone);
  }

  private passOn(findings: Finding[], revisable: boolean): void {
    if (findings.length > 0) this.tell(findings.sort(compareFindings), revisable);
  }

  private tell(findings: readonly Finding[], revisable?: boolean): void {
    for (const finding of findings) this.bothSides.note(finding);
    this.sink.findings(findings, revisable);
  }

  /** Whether all shards must judge with the next batch; returns true once per request. */
  takeJudgingRequest(): boolean {
    const { judgingRequested } = this;
    this.judgingRequested = false;
    return judgingRequested;
  }

  /** The progress of all shards together. */
  soFar(): SoFar {
    const counts: Tally = {};
    for (const shard of this.progress) merge(counts, shard?.counts ?? {});
    return { until: Math.min(...this.progress.map(shard => shard?.until ?? Number.NEGATIVE_INFINITY)), counts };
  }

  /** Current TIME_WAITs of all shards; undefined until every shard has counted, or if they are not to be counted. */
  occupancy(most: number): Occupancy | undefined {
    const occupancies = this.judged.flatMap(judged => judged?.occupancy ?? []);
    return occupancies.length < this.judged.length ? undefined : mergeOccupancies(occupancies, most);
  }

  end(): void {
    this.release(END);
    const curve = this.curve.series();
    const summed = this.overflows(curve);
    for (const { rule } of summed) count(this.tally, `findings.${rule}`);
    // Verdicts that are known only at the end come last; the store puts them where they belong (time-order.ts).
    this.judgeSums(summed, true);
    if (this.bothSides.twice > 0) count(this.tally, 'both-sides.findings', this.bothSides.twice);
    this.otherClocks = this.syns.found();
    for (const { syns } of this.otherClocks) count(this.tally, 'other-clock.packets', syns);
    if (this.clocks.length > 0) this.sink.clocks(this.clocks.sort(compareClocks));
    if (curve.length > 0) this.sink.curve(curve);
    if (this.curve.coarsened > 0) count(this.tally, 'coarsened.time_wait_curve', this.curve.coarsened);
  }

  private release(mark: Mark): void {
    const ready = this.waiting.filter(finding => isBefore(finding, mark));
    if (ready.length > 0) {
      this.waiting = this.waiting.filter(finding => !isBefore(finding, mark));
      this.tell(ready.sort(compareFindings));
    }
    const { waiting, most } = this;
    if (waiting.length > most) this.tell(waiting.sort(compareFindings).splice(0, waiting.length - (most >> 1)));
    // Findings that must wait are not looked at again with every slab.
    this.due = this.waiting.length + Math.max(BATCH, this.waiting.length >> 2);
  }
}
