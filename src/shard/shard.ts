/**
 * One shard: takes its rows of every slab, decodes them, follows their flows, runs the detectors. Pure: no I/O, no
 * clock, no thread; the same object runs in a worker and in-process. Segments wait until no frame that belongs before
 * them can still come (Batch.limit), then go on in order of (time, capture, frame).
 */
import type { Nanos } from '../base/time.ts';
import { type Batch, SKIPS, SLAB_ROWS, type Slab } from '../capture/slab.ts';
import type { Finding } from '../detect/finding.ts';
import { detectors } from '../detect/index.ts';
import { Reporter } from '../detect/reporter.ts';
import type { FlowRow, TimeWaitRows } from '../flow/rows.ts';
import { Tracker } from '../flow/tracker.ts';
import { decode } from '../wire/decode.ts';
import { Hosts } from '../wire/hosts.ts';
import { Segments } from '../wire/segments.ts';
import { retainHosts } from './host-sweep.ts';
import { count, type Tally } from './tally.ts';

/** Plain values only: this crosses threads once, when a shard starts. */
export interface ShardSettings {
  /** Number of this shard, from 0. */
  shard: number;
  /** Whole seconds since the epoch from which times count. */
  origin: number;
  maxFlows: number;
  /** Nanoseconds. */
  timeWait: Nanos;
  flows: boolean;
  /** Ids of the rules to run. */
  rules: readonly string[];
  maxFindings: number;
}

export interface Output {
  findings: Finding[];
  timeWaits: TimeWaitRows | undefined;
  flows: FlowRow[];
  /** No finding that is still to come was raised before this instant of this epoch. */
  epoch: number;
  settled: Nanos;
  /** Only with the last output. */
  tally: Tally | undefined;
}

/** IPv6 hosts held before the first look for ones that nobody needs any more. */
const FIRST_HOST_SWEEP = 1 << 16;

export class Shard {
  private readonly shard: number;
  private readonly hosts = new Hosts();
  private readonly segments = new Segments(SLAB_ROWS * 2);
  private readonly skips = new Uint32Array(SKIPS.length);
  private readonly reporter: Reporter;
  private readonly tracker: Tracker;
  private decoded = 0;
  private nextHostSweep = FIRST_HOST_SWEEP;
  private reached: Nanos = Number.NEGATIVE_INFINITY;
  private limit: Nanos = Number.NEGATIVE_INFINITY;

  constructor(settings: ShardSettings) {
    this.shard = settings.shard;
    this.reporter = new Reporter(this.hosts, settings.origin, settings.maxFindings);
    const observers = detectors
      .filter(detector => settings.rules.includes(detector.meta.id))
      .map(detector => detector.create(this.reporter.report, { hosts: this.hosts, timeWait: settings.timeWait }));
    this.tracker = new Tracker(this.hosts, this.segments, observers, settings);
  }

  take(slab: Slab, batch: Batch): Output {
    const { segments } = this;
    if (batch.stepped) {
      this.follow(Number.POSITIVE_INFINITY, true);
      this.tracker.step();
      this.reporter.epoch++;
    }
    this.limit = batch.limit;
    const waiting = segments.count;
    decode(slab, batch, this.shard, this.hosts, segments, this.skips);
    this.decoded += segments.count - waiting;
    this.follow(batch.limit, isOrdered(segments, waiting));
    if (this.hosts.size > this.nextHostSweep) {
      retainHosts(this.hosts, this.tracker, segments);
      this.nextHostSweep = Math.max(FIRST_HOST_SWEEP, this.hosts.size * 2);
    }
    return this.output();
  }

  /** The input has ended; its last frame was at `at`. */
  finish(at: Nanos): Output {
    this.follow(Number.POSITIVE_INFINITY, true);
    this.tracker.finish(Math.max(at, this.reached));
    return { ...this.output(), settled: Number.POSITIVE_INFINITY, tally: this.tally() };
  }

  private follow(limit: Nanos, ordered: boolean): void {
    const { segments, tracker } = this;
    if (!ordered) segments.permute(timeOrder(segments));
    const rows = rowsUpTo(segments, limit);
    if (rows === 0) return;
    const { evicted } = tracker;
    tracker.follow(0, rows);
    if (tracker.evicted > evicted) this.reporter.forgetful = true;
    this.reached = segments.at[rows - 1]!;
    segments.consume(rows);
  }

  private output(): Output {
    const flows = this.tracker.flowRows;
    if (flows.length > 0) this.tracker.flowRows = [];
    return {
      findings: this.reporter.take(),
      timeWaits: this.tracker.timeWaits.take(),
      flows,
      epoch: this.reporter.epoch,
      settled: Math.min(this.tracker.stories.oldest(), this.limit),
      tally: undefined,
    };
  }

  private tally(): Tally {
    const tally: Tally = {};
    count(tally, 'segments', this.decoded);
    count(tally, 'duplicates', this.tracker.duplicates);
    count(tally, 'flows', this.tracker.opened);
    count(tally, 'evicted.flows', this.tracker.evicted);
    count(tally, 'findings.suppressed', this.reporter.suppressed);
    this.skips.forEach((n, code) => {
      if (n > 0) count(tally, `skipped.${SKIPS[code]}`, n);
    });
    for (const [rule, n] of this.reporter.counts) count(tally, `findings.${rule}`, n);
    return tally;
  }
}

const inOrder = (s: Segments, a: number, b: number): boolean =>
  s.at[a]! < s.at[b]! || (s.at[a] === s.at[b] && s.capture[a]! <= s.capture[b]!);

/** True when the rows from `from` on, and the one before, follow each other in time. */
function isOrdered(segments: Segments, from: number): boolean {
  for (let row = Math.max(from, 1); row < segments.count; row++) if (!inOrder(segments, row - 1, row)) return false;
  return true;
}

/** The rows in order of (time, capture, frame). */
function timeOrder({ count: rows, at, capture, frame }: Segments): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  return order.sort((a, b) => at[a]! - at[b]! || capture[a]! - capture[b]! || frame[a]! - frame[b]!);
}

/** How many rows lie at or before `limit`. */
function rowsUpTo({ count: rows, at }: Segments, limit: Nanos): number {
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
