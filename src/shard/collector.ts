/**
 * Puts the shards' findings back into one order: a finding goes on to the sink when every shard has settled all that
 * lies before it. One SYN without an answer may hold back all that is told after it for minutes: where too many wait the
 * first of them go on all the same, and what is settled before them comes after them.
 */
import { compareText } from '../base/order.ts';
import type { Nanos } from '../base/time.ts';
import { compareFindings, type Finding } from '../detect/finding.ts';
import type { FindingUpdates } from '../detect/finding-updates.ts';
import { type FullTable, judgeOverflows } from '../detect/overflow.ts';
import { Verdicts } from '../detect/verdicts.ts';
import type { ClockRow, ClockSoFar, CurveSeries, FlowRow, TimeWaitRows } from '../flow/output.ts';
import { Curve } from './curve.ts';
import { compareFaults, type Fault } from './faults.ts';
import { mergeOccupancies, type Occupancy } from './occupancy.ts';
import type { Judged, Output, SoFar } from './output.ts';
import { count, hasEvictions, merge, type Tally } from './tally.ts';

export interface Results {
  /** `revisable`: they may be named in `revise` later. One that is told under the id of such a one takes its place. */
  findings(batch: readonly Finding[], revisable?: boolean): void;
  /** These have been told for good. */
  settled?(ids: readonly string[]): void;
  /**
   * Findings told before, of which `changed` now say something else, under the same ids, and those with the ids `gone`
   * do not hold any more. Asked for only where verdicts on the whole run are told while it goes on.
   */
  revise?(changed: readonly Finding[], gone: readonly string[]): void;
  timeWaits(rows: TimeWaitRows): void;
  flows(rows: readonly FlowRow[]): void;
  clocks(rows: readonly ClockRow[]): void;
  curve(series: readonly CurveSeries[]): void;
  /** The same while a live run goes on: clocks that were judged anew, and the curve as far as it is known. */
  clocksSoFar?(rows: readonly ClockSoFar[]): void;
  curveSoFar?(series: readonly CurveSeries[]): void;
}

const compareClocks = (a: ClockRow, b: ClockRow): number =>
  compareText(a.client, b.client) ||
  compareText(a.server, b.server) ||
  compareText(JSON.stringify(a), JSON.stringify(b));

/** How far a shard has come: clock steps first, then time. */
interface Mark {
  epoch: number;
  at: Nanos;
}

const isBefore = (a: Mark, b: Mark): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.at < b.at);

const END: Mark = { epoch: Number.POSITIVE_INFINITY, at: 0 };

/** Findings that wait, a kilobyte each, before half of them go on early; a quarter more may come until that is looked at. */
const MOST_WAITING = 1 << 17;

/** Sorting is put off until so many findings wait, or the run ends. */
const BATCH = 256;

export class Collector {
  private readonly settled: Mark[];
  private readonly tally: Tally;
  private readonly sink: Results;
  private readonly progress: (SoFar | undefined)[];
  private waiting: Finding[] = [];
  /** What each shard has judged last. */
  private readonly judged: (Judged | undefined)[];
  /** Verdicts that are sums over the shards; and the shards that have judged since those were judged last. */
  private readonly sums = new Verdicts();
  private readonly haveJudged = new Set<number>();
  /** What is told at the end. */
  private readonly final: Finding[] = [];
  private readonly clocks: ClockRow[] = [];
  private readonly curve = new Curve();
  private due = BATCH;
  private judgingIsWanted = false;
  private readonly most: number;
  /** Live: findings go on at once, in the order in which they were told. */
  private readonly live: boolean;
  /** The first event of the run at which a rule failed. */
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
    if (output.stories !== undefined) this.takeNews(output.stories);
    if (output.glimpsed !== undefined) this.takeNews(output.glimpsed);
    if (output.wantsJudging === true) this.judgingIsWanted = true;
    for (const finding of output.findings) this.waiting.push(finding);
    // Not push(...all): as many arguments as there can be clocks do not fit on the stack.
    for (const clock of output.clocks) this.clocks.push(clock);
    if (output.timeWaits !== undefined) {
      this.curve.add(output.timeWaits);
      this.sink.timeWaits(output.timeWaits);
    }
    if (output.flows.length > 0) this.sink.flows(output.flows);
    const { fault } = output;
    if (fault && (this.fault === undefined || compareFaults(fault, this.fault) < 0)) this.fault = fault;
    if (output.tally !== undefined) merge(this.tally, output.tally);
    if (output.judged !== undefined) this.takeJudged(shard, output.judged, output.tally !== undefined);
    if (this.live) this.release(END);
    else if (this.waiting.length >= this.due) this.release(this.settled.reduce((a, b) => (isBefore(b, a) ? b : a)));
  };

  private takeNews(news: FindingUpdates): void {
    this.revise(news);
    this.tell(news.fresh, true);
    if (news.settled.length > 0) this.sink.settled?.(news.settled);
  }

  /** Verdicts of the end wait, since their order is not that of the shards. */
  private takeJudged(shard: number, judged: Judged, last: boolean): void {
    this.judged[shard] = judged;
    if (last) {
      this.revise(judged.news);
      for (const finding of judged.news.fresh) this.final.push(finding);
      return;
    }
    this.takeNews(judged.news);
    const shards = this.judged.length;
    const clocks = (judged.clocks ?? []).map(({ place, row }) => ({ place: place * shards + shard, row }));
    if (clocks.length > 0) this.sink.clocksSoFar?.(clocks);
    if (this.haveJudged.add(shard).size < shards) return;
    this.haveJudged.clear();
    this.sink.curveSoFar?.(this.curve.series(this.soFar().until));
    this.judgeSums(this.fullTables.length === 0 ? [] : judgeOverflows(this.fullTables, this.curve.series()), false);
  }

  private judgeSums(summed: readonly Finding[], last: boolean): void {
    for (const finding of summed) this.sums.holds(finding, last, () => finding);
    const news = this.sums.judged(hasEvictions(this.soFar().counts));
    this.revise(news);
    this.tell(last ? [...this.final, ...news.fresh] : news.fresh, !last);
  }

  private get fullTables(): FullTable[] {
    return this.judged.flatMap(judged => judged?.fullTables ?? []);
  }

  private revise({ changed, gone }: Pick<FindingUpdates, 'changed' | 'gone'>): void {
    if (changed.length > 0 || gone.length > 0) this.sink.revise?.(changed, gone);
  }

  private tell(findings: Finding[], revisable: boolean): void {
    if (findings.length > 0) this.sink.findings(findings.sort(compareFindings), revisable);
  }

  /** Whether the next batch is to have all shards judge; true once each time. */
  takeWish(): boolean {
    const { judgingIsWanted } = this;
    this.judgingIsWanted = false;
    return judgingIsWanted;
  }

  /** Of all shards together. */
  soFar(): SoFar {
    const counts: Tally = {};
    for (const shard of this.progress) merge(counts, shard?.counts ?? {});
    return { until: Math.min(...this.progress.map(shard => shard?.until ?? Number.NEGATIVE_INFINITY)), counts };
  }

  /** Undefined before every shard has counted, or where it was not asked for. */
  occupancy(most: number): Occupancy | undefined {
    const occupancies = this.judged.flatMap(judged => judged?.occupancy ?? []);
    return occupancies.length < this.judged.length ? undefined : mergeOccupancies(occupancies, most);
  }

  end(): void {
    this.release(END);
    const curve = this.curve.series();
    const summed = judgeOverflows(this.fullTables, curve);
    for (const { rule } of summed) count(this.tally, `findings.${rule}`);
    // What is known only now comes last.
    this.judgeSums(summed, true);
    if (this.clocks.length > 0) this.sink.clocks(this.clocks.sort(compareClocks));
    if (curve.length > 0) this.sink.curve(curve);
    if (this.curve.coarsened > 0) count(this.tally, 'coarsened.time_wait_curve', this.curve.coarsened);
  }

  private release(mark: Mark): void {
    const ready = this.waiting.filter(finding => isBefore(finding, mark));
    if (ready.length > 0) {
      this.waiting = this.waiting.filter(finding => !isBefore(finding, mark));
      this.sink.findings(ready.sort(compareFindings));
    }
    const { waiting, most } = this;
    if (waiting.length > most)
      this.sink.findings(waiting.sort(compareFindings).splice(0, waiting.length - (most >> 1)));
    // What must go on waiting is not looked at again for every slab.
    this.due = this.waiting.length + Math.max(BATCH, this.waiting.length >> 2);
  }
}
