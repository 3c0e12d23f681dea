/** A client's ports towards one server port run out: how many were in use, and what speaks for none being left. */
import { duration, type Nanos, seconds } from '../base/time.ts';
import { forEachFlow } from '../flow/each-flow.ts';
import type { Observer, Opened } from '../flow/events.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { PairLayout } from '../flow/pairs.ts';
import { stillHolds } from '../flow/retirement.ts';
import type { Tracker } from '../flow/tracker.ts';
import type { Detector, Draft, Note, Report, Settings } from './detector.ts';
import { Directions } from './directions.ts';
import type { Severity } from './finding.ts';
import { type PortPlan, planFor } from './port-capacity.ts';
import { PortCounts } from './port-counts.ts';
import { PortUse } from './port-use.ts';
import { FULL, judgePorts, type PortVerdict } from './port-verdict.ts';
import { type PortWindow, secondOf } from './port-window.ts';

const { FlowBit, Phase, SideBit } = layout;

/** Ports of one server that are counted for one client; and what one shard watches by the second. */
const MAX_PORTS = 64;
const MAX_WINDOWS = 1024;
/** Most clients open fewer connections to a server than this while one of its flows is remembered: nothing is kept of them. */
const FEW = 16;

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

class Watch implements Observer {
  private readonly report: Report;
  private readonly settings: Settings;
  private readonly plan: PortPlan;
  /** Of connections before so many from one client to one server nothing is kept. */
  private readonly countFrom: number;
  /** Rows of `counts`; and by row the uses that are more than numbers. */
  private readonly directions: Directions<number>;
  private readonly counts = new PortCounts();
  private readonly uses = new Map<number, PortUse[]>();
  private windows = 0;

  constructor(report: Report, settings: Settings) {
    this.report = report;
    this.settings = settings;
    this.plan = planFor(settings.portRange);
    this.countFrom = this.plan.watchFrom > FEW * FEW ? FEW : 0;
    this.directions = new Directions(
      () => this.counts.add(),
      row => {
        for (const use of this.uses.get(row) ?? []) this.forget(use);
        this.uses.delete(row);
        this.counts.drop(row);
      },
    );
  }

  opened(event: Opened): void {
    const { flow, tracker, clientIsB } = event;
    const { pairs } = tracker;
    const opened = pairs.words[pairs.direction(flow.pair, clientIsB) + PairLayout.OPENED];
    if (opened < this.countFrom && event.older === undefined) return;
    const row = this.directions.of(flow, tracker);
    const before = this.countFrom > 0 ? opened - 1 : 0;
    if (this.counts.take(row, event, before, this.plan, this.settings.timeWait)) return;
    const use = this.useOf(row, event, before);
    if (!use.take(event, this.plan, this.settings.timeWait)) return;
    if (this.windows < MAX_WINDOWS) {
      this.windows++;
      use.begin(event);
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

  finish(tracker: Tracker): void {
    const { timeWait, evicted, isLast } = this.settings;
    const provisional = isLast() ? undefined : this.soFar(tracker);
    for (const [, row] of this.directions) {
      for (const use of this.uses.get(row) ?? []) {
        if (use.window === undefined || use.epoch !== tracker.epoch) continue;
        if (use.window.takeClipped()) evicted('port-use');
        const verdict = judgePorts(use, provisional?.get(use) ?? use.window, this.plan, timeWait, tracker.now);
        if (verdict !== undefined) this.report(draftOf(use, verdict));
      }
    }
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    this.directions.forEachHost(visit);
  }

  /** What is counted of the server port; of the client's first connections to this server nothing was. */
  private useOf(row: number, { flow, tracker, clientIsB, segment }: Opened, before: number): PortUse {
    let uses = this.uses.get(row);
    if (uses === undefined) this.uses.set(row, (uses = this.counts.leave(row)));
    const port = flow.port(!clientIsB);
    let at = uses.length === 1 && uses[0].port === port ? 0 : uses.findIndex(known => known.port === port);
    if (at < 0) at = place(uses);
    const known = uses[at];
    if (known !== undefined && known.port === port && known.epoch === tracker.epoch) return known;
    // Another port in its place, or counts from before a step of the clock.
    if (known !== undefined) this.forget(known);
    return (uses[at] = new PortUse(port, tracker.epoch, segment.at, uses.length === 0 ? before : 0));
  }

  private forget({ window }: PortUse): void {
    if (window === undefined) return;
    this.windows--;
    this.settings.evicted('port-use');
  }

  private watched(flow: Flow, tracker: Tracker): PortUse | undefined {
    if (this.windows === 0 || flow.epoch !== tracker.epoch || !flow.has(FlowBit.CLIENT_KNOWN)) return undefined;
    const port = flow.port(!flow.has(FlowBit.CLIENT_IS_B));
    const use = this.uses.get(this.directions.of(flow, tracker))?.find(known => known.port === port);
    return use?.window !== undefined && use.epoch === tracker.epoch ? use : undefined;
  }

  /** While the run goes on: the windows, with the flows that are still remembered as if they were told of now. */
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

/** A TIME_WAIT that ends at `end`, held by the client or by the server. */
function addTimeWait(window: PortWindow, flow: Flow, ownerIsB: boolean, end: Nanos): void {
  const { entered } = flow.side(ownerIsB);
  if (ownerIsB === flow.has(FlowBit.CLIENT_IS_B)) window.used(flow.opened, end, entered);
  else window.serverHeld(entered, end);
}

/** The port of a connection after which the client holds no TIME_WAIT. */
function addUse(window: PortWindow, flow: Flow, tracker: Tracker): void {
  if (!flow.client.has(SideBit.TIME_WAIT)) window.used(flow.opened, letGo(flow, tracker), undefined);
}

/** A free place among the ports of a server, or that of the one used least: someone scans them. */
function place(uses: readonly PortUse[]): number {
  if (uses.length < MAX_PORTS) return uses.length;
  let least = 0;
  for (let i = 1; i < uses.length; i++) if (uses[i].opened < uses[least].opened) least = i;
  return least;
}

/** When a client that holds no TIME_WAIT was done with its port, as far as packets show. */
function letGo(flow: Flow, t: Tracker): Nanos {
  if (flow.phase === Phase.RESET) return flow.resetAt;
  const goesOn = flow.phase === Phase.OPEN && !flow.has(FlowBit.KEPT) && !t.isLingering(flow.base);
  return goesOn ? Number.POSITIVE_INFINITY : flow.last;
}

const thousands = (n: number): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');
const perSecond = (n: number): string => `${n.toFixed(n < 100 ? 1 : 0)} a second`;

function severityOf({ ages }: PortUse, { inUse, ports, exhausted, source }: PortVerdict): Severity {
  if (ports === undefined) return 'info';
  if (source === 'observed') return 'warning'; // the client gets on, and its range is inferred
  const share = inUse / ports;
  // The ports in TIME_WAIT are not lost to a client that takes them over.
  const getsOn = ages.takeovers > 0 && !exhausted;
  if ((share >= FULL || exhausted) && !getsOn) return 'critical';
  return share >= 0.9 ? 'warning' : 'notice';
}

export type PortExhaustionEvidence = {
  /** Ports in use if every TIME_WAIT ends when it should, and if each ends as late as it may. */
  in_use: number;
  in_use_high?: number;
  /** Ports that the client has, and where the number is from. */
  capacity?: number;
  capacity_from: PortVerdict['source'];
  /** TIME_WAITs that the client enters, a second; and so many connections a second the ports allow for. */
  rate: number;
  rate_limit?: number;
  /** Seconds until all ports are in use if the last minute goes on. */
  time_to_exhaustion?: number;
  signs: PortVerdict['signs'];
  /** Ports of which the server holds a TIME_WAIT. */
  server_time_waits?: number;
  /** Ports taken over out of the client's own TIME_WAIT. */
  takeovers?: number;
};

function draftOf(use: PortUse, verdict: PortVerdict): Draft {
  const { ports, signs, inUse, inUseHigh, timeToExhaustion, source } = verdict;
  const seconds = [...use.examples.keys()];
  const [first, atPeak] = [seconds[0], seconds.findLast(second => second <= verdict.at) ?? seconds[0]].map(
    second => use.examples.get(second)!,
  );
  const raised = atPeak!;
  return {
    rule: 'port-exhaustion',
    severity: severityOf(use, verdict),
    // The uses are seen, the range is mostly assumed.
    confidence: verdict.exhausted || source === 'given' ? 'strong' : 'weak',
    title: titleOf(use, verdict),
    raised: raised.packet,
    ends: { ...use.ends!, clientPort: raised.clientPort },
    evidence: {
      in_use: inUse,
      ...(inUseHigh > inUse ? { in_use_high: inUseHigh } : {}),
      ...(ports === undefined ? {} : { capacity: ports }),
      capacity_from: source,
      rate: round(verdict.rate),
      ...(verdict.limit === undefined ? {} : { rate_limit: round(verdict.limit) }),
      ...(timeToExhaustion === undefined ? {} : { time_to_exhaustion: round(timeToExhaustion) }),
      signs,
      ...(verdict.serverHeld > 0 ? { server_time_waits: verdict.serverHeld } : {}),
      ...(use.ages.takeovers > 0 ? { takeovers: use.ages.takeovers } : {}),
    },
    packets: notesOf(use, verdict, first!.packet, raised.packet),
  };
}

const round = (n: number): number => Math.round(n * 1000) / 1000;

function notesOf(
  { ages, turned }: PortUse,
  { inUse, signs }: PortVerdict,
  first: Note['packet'],
  peak: Note['packet'],
) {
  const notes: Note[] = [{ packet: peak, note: `SYN in the second in which ${thousands(inUse)} ports are in use` }];
  if (secondOf(first.at) !== secondOf(peak.at))
    notes.push({ packet: first, note: 'SYN, first of those counted by the second' });
  if (turned !== undefined && signs.includes('odd-ports'))
    notes.push({ packet: turned.packet, note: 'SYN from a port of the other parity: the first half is used up' });
  if (ages.example !== undefined && signs.includes('pile-up-after-2msl')) {
    const { close, syn } = ages.example;
    notes.push({ packet: close, note: 'last packet of a connection that the client closed first' });
    notes.push({ packet: syn, note: `SYN from the same port, ${seconds(syn.at - close.at).toFixed(2)} s later` });
  }
  return notes;
}

function titleOf({ ages, low, high }: PortUse, verdict: PortVerdict): string {
  const { inUse, ports, limit, rate, exhausted, signs, source } = verdict;
  if (ports === undefined) {
    return (
      `${thousands(inUse)} ports (${low} to ${high}) of one address towards this server port were in use or in ` +
      'TIME_WAIT at once: no known range, perhaps that of a NAT, so how many are left is unknown'
    );
  }
  const share = `${thousands(inUse)} of ${thousands(ports)} ports towards this server port were in use or in TIME_WAIT`;
  if (source === 'observed') {
    const all = `All ${ports} ports that the client uses towards this server port were in use or in TIME_WAIT, and it`;
    return ages.takeovers === 0
      ? `${all} uses none again before its TIME_WAIT is over: its range is used up, likely, and connect() fails meanwhile`
      : `${all} takes each over ${duration(ages.least)} after its close at the soonest: its range is used up, likely, ` +
          'and tcp_tw_reuse keeps it going';
  }
  if (exhausted) {
    const why = signs.includes('pile-up-after-2msl')
      ? 'each is used again only when its TIME_WAIT is over'
      : `new connections come as fast as ports come back, ${perSecond(limit!)}`;
    return `The client has run out of ports, likely: ${share}, and ${why}`;
  }
  const reuse = ages.takeovers > 0 ? `; tcp_tw_reuse lets it take them over after ${duration(ages.least)}` : '';
  if (inUse >= FULL * ports)
    return `${share}: nearly full${reuse}. Whether connect() failed on the client no packet shows`;
  const pace = `${perSecond(rate)} closed by the client where ${perSecond(limit!)} can last`;
  return `${share} (${Math.floor((100 * inUse) / ports)} %), with ${pace}${reuse}`;
}
