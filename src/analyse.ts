/**
 * Connects all stages: captures → reader → slabs → shards → findings and tally → a sink. The sink is the store on the
 * command line and an array in tests.
 */
import type { NoCaptureError } from './base/errors.ts';
import { DEFAULT_MAX_FLOWS, DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT } from './base/limits.ts';
import { lastUpTo } from './base/serial.ts';
import { MILLISECOND, SECOND } from './base/time.ts';
import type { CaptureInfo, Input } from './capture/capture-info.ts';
import { PacketFilter } from './capture/filter.ts';
import { Reader } from './capture/reader.ts';
import { SKIPS } from './capture/slab.ts';
import type { ClockRow, ClockSoFar } from './detect/clocks/clock-row.ts';
import { withContext } from './detect/context/context.ts';
import type { HostContext } from './detect/context/host-context.ts';
import type { Finding } from './detect/finding.ts';
import { withIcmpError } from './detect/findings/icmp-answer.ts';
import { type Numbering, WrittenFinding } from './detect/findings/written-finding.ts';
import { detectors } from './detect/index.ts';
import type { Machine } from './detect/what-if/profile.ts';
import type { FlowRow } from './flow/flow-row.ts';
import type { TimeWaitRows } from './flow/time-wait-rows.ts';
import { Collector, type Results } from './shard/collector.ts';
import type { CurveSeries } from './shard/curve.ts';
import type { Fault } from './shard/faults.ts';
import type { Occupancy } from './shard/occupancy.ts';
import { otherClockNote } from './shard/other-clocks.ts';
import { createPool, type Pool } from './shard/pool.ts';
import { defaultWorkers, roomForFlows } from './shard/resources.ts';
import { count, type Tally } from './shard/tally.ts';
import type { IcmpErrors } from './wire/icmp-errors.ts';
import { Locator } from './wire/locate.ts';

export interface AnalyseOptions {
  /** Worker threads; 0: none; undefined: chosen by size of the input and number of cores, 0 for a live input. */
  workers?: number;
  /** Most flows held in memory, over all shards. */
  maxFlows?: number;
  /** TIME_WAIT length in seconds. */
  timeWait?: number;
  /** First and last ephemeral port of the clients (inclusive). */
  portRange?: readonly [low: number, high: number];
  /** A BPF filter: frames of files that do not match are skipped. Needs libpcap. */
  filter?: string;
  /** Rules to run; undefined: all. */
  rules?: readonly string[];
  /** Also deliver every flow. */
  flows?: boolean;
  /** Most findings kept in full per rule and host pair. */
  maxFindings?: number;
  /** For a what-if: findings then say what such a machine would do. */
  machine?: Machine;
  /** Settings and counters of the hosts themselves (`pawscope collect`). */
  contexts?: readonly HostContext[];
  /** Number of tuples whose current TIME_WAITs a live run reports while it goes on. */
  topTimeWaits?: number;
  signal?: AbortSignal;
}

/** The state of a run that has not ended. */
export interface RunState {
  /**
   * Everything captured up to this time, in seconds since the epoch, has been analysed. Not finite before the first
   * packet and at the end.
   */
  until: number;
  /** The part of the tally that is known while the run goes on. */
  counts: Tally;
  /** Number of threads that analyse; 1 in-process. */
  shards: number;
  /** Slabs that are being analysed or wait to be. */
  slabs: number;
  /** Current TIME_WAITs, a few seconds old; undefined until they were first counted. */
  timeWaits: Occupancy | undefined;
}

/** Receives results while the run goes on. Findings come sorted (compareFindings) over the whole run. */
export interface Sink {
  /** Called once, before anything else. `captures` are updated until the run ends. `origin`: see base/time.ts. */
  begin(origin: number, captures: readonly CaptureInfo[]): void;
  /** Called after `begin`. If present, findings of files may come as WrittenFinding; else all are plain objects. */
  numbering?(): Numbering;
  /** `revisable`: `revise` may change or retract them later. A finding with the id of a revisable one replaces it. */
  findings(batch: readonly Finding[], revisable?: boolean): void;
  /** Revises findings of a live run: see shard/collector.ts. If absent, all verdicts come at the end of the run. */
  revise?(changed: readonly Finding[], gone: readonly string[]): void;
  /** Ids of revisable findings that are now final. */
  settled?(ids: readonly string[]): void;
  timeWaits(rows: TimeWaitRows): void;
  flows(rows: readonly FlowRow[]): void;
  /** Called once, at the end, with the clocks of every client that used timestamps. */
  clocks(rows: readonly ClockRow[]): void;
  /** Called once, at the end, with the number of simultaneous TIME_WAITs over time, by owner and peer. */
  curve(series: readonly CurveSeries[]): void;
  /** Both are called while a live run goes on, if present: see shard/collector.ts. */
  clocksSoFar?(rows: readonly ClockSoFar[]): void;
  curveSoFar?(series: readonly CurveSeries[]): void;
  /** Called once, before anything is read; `standing` may be called at any time until the run ends. */
  watch?(standing: () => RunState): void;
  /** Called once, when every thread runs and nothing more has to be opened or loaded: privileges can be given up. */
  ready?(): void;
  /**
   * Called before more is read. Resolves when there is room for more findings; rejects to end the run at once, without
   * the findings that the shards still hold.
   */
  room?(): Promise<void>;
  /** Called after each slab: bytes of input consumed and in all (before inflating), and the number of frames so far. */
  progress(consumed: number, total: number, frames: number): void;
}

export interface AnalyseResult {
  status: 'done' | 'damaged' | 'interrupted';
  captures: readonly CaptureInfo[];
  /** One error for each file that was found by a pattern or in a folder but is not a capture. */
  passedOver: readonly NoCaptureError[];
  tally: Tally;
  /** The first event at which a rule threw; the tally counts all of them under `failed.<rule>`. */
  fault: Fault | undefined;
}

const DEFAULT_MAX_FINDINGS = 10_000;

/** Interval, in capture time, at which the verdicts on a live run are judged while it goes on. */
const JUDGE_EVERY = 10 * SECOND;
const MAX_FRAME = 2 ** 32 - 1;

/** Kinds of notes that say that a capture is incomplete. */
const DAMAGE: ReadonlySet<string> = new Set(['truncated', 'damaged', 'dropped', 'source-lost']);

/**
 * Reads all captures as one stream in time order. Throws a CaptureError before `sink.begin` when an input cannot be
 * read at all; errors thrown by `sink` are passed on.
 */
export async function analyse(inputs: readonly Input[], options: AnalyseOptions, sink: Sink): Promise<AnalyseResult> {
  const filter = options.filter === undefined ? undefined : new PacketFilter(options.filter);
  const locator = new Locator();
  const reader = await Reader.open(inputs, locator, filter);
  const live = inputs.some(input => 'live' in input);
  // The programs that live capture watches need the cores: one thread costs a third less than three, and can process
  // 600,000 packets a second or more (docs/live.md).
  const workers = options.workers ?? (live ? 0 : defaultWorkers(reader.expected, reader.inflates));
  const tally: Tally = {};
  // Keeps the process alive while shards work and a pipe is silent, when there may be no other handle.
  const alive = setInterval(() => {}, 60_000);
  try {
    sink.begin(reader.origin, reader.captures);
    const results = enriched(sink, options.contexts ?? [], locator.errors, reader, live);
    const collector = new Collector(Math.max(workers, 1), tally, results, live);
    const judgeEvery = live && sink.revise !== undefined ? JUDGE_EVERY : undefined;
    const numbering = live ? undefined : sink.numbering?.();
    const { topTimeWaits } = options;
    const settings = {
      ...settingsOf(options, reader.origin),
      maxFlows: roomForFlows(options.maxFlows ?? DEFAULT_MAX_FLOWS, reader.mostPackets, Math.max(workers, 1)),
      judgeEvery,
      topTimeWaits,
      numbering,
    };
    const pool = await createPool(workers, settings, collector.receive);
    try {
      sink.watch?.(() => {
        const { until, counts } = collector.soFar();
        const timeWaits = collector.occupancy(topTimeWaits ?? 0);
        return { until: reader.origin + until / SECOND, counts, shards: pool.shards, slabs: pool.busy, timeWaits };
      });
      if (sink.ready !== undefined) {
        await pool.ready();
        sink.ready();
      }
      const interrupted = await feed(reader, locator.errors, pool, collector, sink, alive, options.signal);
      await sink.room?.();
      await pool.finish(reader.last);
      collector.end();
      countFrames(reader, tally);
      const { captures, passedOver } = reader;
      for (const clock of collector.otherClocks) {
        captures[clock.capture].notes.push(otherClockNote(clock, captures));
      }
      const damaged = passedOver.length > 0 || captures.some(({ notes }) => notes.some(({ kind }) => DAMAGE.has(kind)));
      return {
        status: interrupted ? 'interrupted' : damaged ? 'damaged' : 'done',
        captures,
        passedOver,
        tally,
        fault: collector.fault,
      };
    } finally {
      await pool.destroy();
    }
  } finally {
    clearInterval(alive);
    reader.close();
  }
}

/** Passes everything read to the shards. Returns true if it was aborted before the end. */
async function feed(
  reader: Reader,
  errors: IcmpErrors,
  pool: Pool,
  collector: Collector,
  sink: Sink,
  alive: NodeJS.Timeout,
  signal?: AbortSignal,
): Promise<boolean> {
  for (;;) {
    if (sink.room !== undefined) {
      // While nobody takes findings, the process may exit.
      alive.unref();
      await sink.room();
      alive.ref();
    }
    const slab = await pool.slab();
    if (signal?.aborted === true) return true;
    const batch = await reader.fill(slab, pool.shards);
    if (batch === null) return false;
    if (collector.takeJudgingRequest()) batch.judge = true;
    batch.quoted = errors.takeAdded();
    pool.dispatch(slab, batch);
    sink.progress(reader.consumed, reader.total, reader.frames);
  }
}

/**
 * Wraps the sink: adds to each finding what ICMP errors and the hosts' contexts say about it, and in a live run extends
 * frame numbers, of which shards keep 32 bits. The reader is ahead of the shards, so an ICMP error that quotes a SYN is
 * known before the finding about the SYN comes.
 */
function enriched(
  sink: Sink,
  contexts: readonly HostContext[],
  errors: IcmpErrors,
  { origin, captures }: Reader,
  live: boolean,
): Results {
  const at = (finding: Finding): number => origin * 1e3 + finding.at / MILLISECOND;
  const countOn = <T extends { capture: number; frame: number }>(one: T): T => ({
    ...one,
    frame: lastUpTo(one.frame, captures[one.capture].frames),
  });
  // Only once there are more than 2^32 frames: copying costs a tenth of what it costs to store a finding.
  const isLong = (): boolean => live && captures.some(({ frames }) => frames > MAX_FRAME);
  const enrich = (original: Finding): Finding => {
    const read = original instanceof WrittenFinding ? original.read() : original;
    const counted = isLong() ? { ...countOn(read), packets: read.packets.map(countOn) } : read;
    const finding = errors.isEmpty ? counted : withIcmpError(counted, errors);
    return contexts.length === 0 ? finding : withContext(finding, at(finding), contexts);
  };
  const isPlain = (): boolean => contexts.length === 0 && !live && errors.isEmpty;
  return {
    findings: (batch, revisable) => sink.findings(isPlain() ? batch : batch.map(enrich), revisable),
    revise: (changed, gone) => sink.revise?.(changed.map(enrich), gone),
    settled: ids => sink.settled?.(ids),
    timeWaits: rows => sink.timeWaits(rows),
    flows: rows => sink.flows(rows),
    clocks: rows => sink.clocks(rows),
    curve: series => sink.curve(series),
    clocksSoFar: rows => sink.clocksSoFar?.(rows),
    curveSoFar: series => sink.curveSoFar?.(series),
  };
}

function settingsOf(options: AnalyseOptions, origin: number) {
  return {
    origin,
    timeWait: (options.timeWait ?? DEFAULT_TIME_WAIT) * SECOND,
    portRange: options.portRange ?? DEFAULT_PORT_RANGE,
    machine: options.machine,
    contexts: (options.contexts ?? []).map(({ addresses }) => addresses),
    flows: options.flows ?? false,
    rules: options.rules ?? detectors.map(({ meta }) => meta.id),
    maxFindings: options.maxFindings ?? DEFAULT_MAX_FINDINGS,
  };
}

function countFrames(reader: Reader, tally: Tally): void {
  count(tally, 'frames', reader.frames);
  reader.skipped.forEach((n: number, code: number) => {
    if (code > 0 && n > 0) count(tally, `skipped.${SKIPS[code]}`, n);
  });
  for (const { notes } of reader.captures) {
    for (const { kind, count: packets = 0 } of notes) {
      if (kind === 'dropped') count(tally, 'dropped.kernel', packets);
      if (kind === 'evidence-lost') count(tally, 'evidence.lost', packets);
    }
  }
}
