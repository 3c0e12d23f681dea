/**
 * A client's ports towards one server port run out: how many were in use, and the signs that none was left
 * (docs/rules.md D4).
 */
import { MICROSECOND, type Nanos } from '../base/time.ts';
import { forEachFlow } from '../flow/each-flow.ts';
import type { Observer, Opened } from '../flow/events.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { stillHolds } from '../flow/retirement.ts';
import { PairLayout } from '../flow/tables/pairs.ts';
import type { Tracker } from '../flow/tracker.ts';
import type { Detector, Report, Settings } from './detector.ts';
import { Directions } from './memory/directions.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { type PortPlan, planFor } from './ports/port-capacity.ts';
import { PortCounts } from './ports/port-counts.ts';
import { draftOf } from './ports/port-draft.ts';
import { PortUse } from './ports/port-use.ts';
import { PortUseTable } from './ports/port-use-table.ts';
import { judgedAt, judgePorts, mayHaveTurned, type PortVerdict } from './ports/port-verdict.ts';
import { type PortWindow, secondOf } from './ports/port-window.ts';

const { FlowBit, Phase, SideBit } = layout;

/** Most windows, which count by second, in one shard. */
const MAX_WINDOWS = 1024;
/**
 * Nothing is kept of a client with fewer connections to a server than this. Most clients never open so many while one
 * of their flows is in the flow table.
 */
const FEW = 16;
/**
 * During a run a verdict covers at most this many seconds. Then it is reported as final, and the next verdict covers
 * what follows, plus the last KEPT seconds. Otherwise a run of weeks would keep a row for each of its seconds.
 */
const LONGEST = 3_600;
const KEPT = 120;
/** Looking at a flow costs 50 ns. A glance that looks at all flows is followed by a pause fifty times as long. */
const APART: Nanos = 2.5 * MICROSECOND;

export const portExhaustion: Detector<'port-exhaustion'> = {
  meta: {
    id: 'port-exhaustion',
    title: "A client's ports towards one server port run out",
    why:
      'A client has some 28,000 ports for each server address and port, and one that it closed stays in TIME_WAIT for ' +
      '60 s: more than 470 connections a second cannot last. When none is left connect() fails on the client, and no ' +
      'packet shows it.',
    fix:
      'Keep connections open and use them again; widen net.ipv4.ip_local_port_range; tcp_tw_reuse=1 on the client; ' +
      'more client addresses, or more server addresses and ports.',
    doNot: 'Do not enable tcp_tw_recycle, and do not expect tcp_fin_timeout to help: it does not shorten TIME_WAIT.',
    references: ['Linux __inet_hash_connect, tcp_twsk_unique', 'RFC 6056 (port selection)', 'RFC 9293 §3.6.1'],
  },
  create: (report, settings) => new Watch(report, settings),
};

export type PortExhaustionEvidence = {
  /** Ports in use if every TIME_WAIT ends on time, and if each ends as late as it may. */
  in_use: number;
  in_use_high?: number;
  /** The number of ports that the client has, and where that number comes from. */
  capacity?: number;
  capacity_from: PortVerdict['source'];
  /** TIME_WAITs that the client enters per second, and the rate of connections that the ports allow. */
  rate: number;
  rate_limit?: number;
  /** Seconds until all ports are in use, if the trend of the last minute continues. */
  time_to_exhaustion?: number;
  signs: PortVerdict['signs'];
  /** Ports of which the server holds a TIME_WAIT. */
  server_time_waits?: number;
  /** Ports that the client took over from its own TIME_WAITs. */
  takeovers?: number;
  /** The range is inferred, and each port is used again after the same time: perhaps by a timer of its own. */
  steady?: boolean;
};

class Watch implements Observer {
  private readonly report: Report;
  private readonly settings: Settings;
  private readonly plan: PortPlan;
  /** Connections before this one, from one client to one server, are only counted. */
  private readonly countFrom: number;
  /** Rows of `counts`. Uses that need more than numbers are in `uses`, by row. */
  private readonly directions: Directions<number>;
  private readonly counts = new PortCounts();
  private readonly uses: PortUseTable;
  /** Uses with a window that have changed since the last glance. */
  private readonly changed: DirtySet<PortUse>;
  private windows = 0;
  private walkedAt: Nanos = Number.NEGATIVE_INFINITY;

  constructor(report: Report, settings: Settings) {
    this.report = report;
    this.settings = settings;
    this.changed = new DirtySet(settings.glances);
    this.plan = planFor(settings.portRange, settings.timeWait);
    this.countFrom = this.plan.watchFrom > FEW * FEW ? FEW : 0;
    this.uses = new PortUseTable(
      use => this.forget(use),
      uses => settings.evicted('port-use', uses),
    );
    this.directions = new Directions(() => this.counts.add(), {
      evicted: row => {
        this.uses.drop(row);
        this.counts.drop(row);
      },
      // Its connections are counted anew.
      missed: () => settings.evicted('port-use'),
    });
  }

  opened(event: Opened): void {
    const { flow, tracker, clientIsB } = event;
    const { pairs } = tracker;
    const opened = pairs.words[pairs.direction(flow.pair, clientIsB) + PairLayout.OPENED];
    if (opened < this.countFrom && event.older === undefined) return;
    const row = this.directions.of(flow, tracker);
    const before = this.countFrom > 0 ? opened - 1 : 0;
    if (this.counts.take(row, event, before, this.plan)) return;
    const use = this.useOf(row, event, before);
    if (use.window !== undefined) this.changed.add(use);
    if (!use.take(event, this.plan)) return;
    if (this.windows < MAX_WINDOWS) {
      this.windows++;
      use.begin(event);
      this.changed.add(use);
    } else if (use.opened === this.plan.watchFrom) this.settings.evicted('port-use');
  }

  timeWaitOver(flow: Flow, ownerIsB: boolean, end: Nanos, tracker: Tracker): void {
    const window = this.watched(flow, tracker)?.window;
    if (window !== undefined) addTimeWait(window, flow, ownerIsB, end);
  }

  left(flow: Flow, tracker: Tracker): void {
    const window = this.watched(flow, tracker)?.window;
    if (window !== undefined) addUse(window, flow, tracker);
  }

  glance(tracker: Tracker): void {
    const { plan } = this;
    if (Math.abs(tracker.now - this.walkedAt) < tracker.table.slots * APART) return;
    const due = [...this.changed.take()].filter(use => mayHaveTurned(use, plan));
    if (due.length === 0) return;
    this.walkedAt = tracker.now;
    const windows = this.soFar(tracker);
    for (const use of due) this.judge(use, windows.get(use), tracker);
  }

  finish(tracker: Tracker): void {
    const { evicted, isLast } = this.settings;
    const provisional = isLast() ? undefined : this.soFar(tracker);
    for (const [, row] of this.directions) {
      for (const use of this.uses.of(row)) {
        if (use.window?.takeClipped() === true) evicted('port-use');
        const now = secondOf(tracker.now);
        const isLong = provisional !== undefined && use.window !== undefined && now - use.window.since > LONGEST;
        this.judge(use, provisional?.get(use), tracker, isLong);
        if (isLong) use.forgetBefore(now - KEPT);
      }
    }
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    this.directions.forEachHost(visit);
  }

  /** `soFar`: a copy of its window that includes the flows still in the table, if there are any. */
  private judge(use: PortUse, soFar: PortWindow | undefined, { epoch, now }: Tracker, isSettled = false): void {
    const window = soFar ?? use.window;
    if (window === undefined || use.epoch !== epoch) return;
    const verdict = judgePorts(use, window, this.plan, now);
    use.judged = judgedAt(use, this.plan, window.inUseAt(secondOf(now)), verdict);
    if (verdict !== undefined) this.report({ ...draftOf(use, verdict), isSettled });
  }

  /** The use that counts this server port. The client's first connections to this server were not counted. */
  private useOf(row: number, { flow, tracker, clientIsB, segment }: Opened, before: number): PortUse {
    const { uses } = this;
    if (!uses.has(row)) uses.begin(row, this.counts.leave(row));
    const port = flow.port(!clientIsB);
    const known = uses.find(row, port);
    if (known?.epoch === tracker.epoch) return known;
    // The counts of `known` may be from before a step of the clock.
    const use = new PortUse(port, tracker.epoch, segment.at, uses.of(row).length === 0 ? before : 0);
    uses.put(row, use);
    return use;
  }

  private forget({ window }: PortUse): void {
    if (window === undefined) return;
    this.windows--;
    this.settings.evicted('port-use');
  }

  private watched(flow: Flow, tracker: Tracker): PortUse | undefined {
    if (this.windows === 0 || flow.epoch !== tracker.epoch || !flow.has(FlowBit.CLIENT_KNOWN)) return undefined;
    const port = flow.port(!flow.has(FlowBit.CLIENT_IS_B));
    const use = this.uses.find(this.directions.of(flow, tracker), port);
    return use?.window !== undefined && use.epoch === tracker.epoch ? use : undefined;
  }

  /** During a run: copies of the windows that include the flows still in the table, as if these were over now. */
  private soFar(tracker: Tracker): Map<PortUse, PortWindow> {
    const windows = new Map<PortUse, PortWindow>();
    if (this.windows === 0) return windows;
    forEachFlow(tracker, flow => {
      const use = this.watched(flow, tracker);
      if (use?.window === undefined) return;
      const window = windows.get(use) ?? use.window.clone();
      windows.set(use, window);
      for (const ownerIsB of [false, true]) {
        if (!stillHolds(tracker, flow, ownerIsB)) continue;
        addTimeWait(window, flow, ownerIsB, flow.side(ownerIsB).timerStart + this.settings.timeWait);
      }
      addUse(window, flow, tracker);
    });
    return windows;
  }
}

/** Adds a TIME_WAIT that ends at `end`, held by the client or by the server. */
function addTimeWait(window: PortWindow, flow: Flow, ownerIsB: boolean, end: Nanos): void {
  const { entered } = flow.side(ownerIsB);
  if (ownerIsB === flow.has(FlowBit.CLIENT_IS_B)) window.used(flow.opened, end, entered);
  else window.serverHeld(entered, end);
}

/** Adds the port of a connection after which the client holds no TIME_WAIT. */
function addUse(window: PortWindow, flow: Flow, tracker: Tracker): void {
  if (!flow.client.has(SideBit.TIME_WAIT)) window.used(flow.opened, letGo(flow, tracker), undefined);
}

/** When a client without a TIME_WAIT released its port, as far as packets show. */
function letGo(flow: Flow, t: Tracker): Nanos {
  if (flow.phase === Phase.RESET) return flow.resetAt;
  const goesOn = flow.phase === Phase.OPEN && !flow.has(FlowBit.KEPT) && !t.isLingering(flow.base);
  return goesOn ? Number.POSITIVE_INFINITY : flow.last;
}
