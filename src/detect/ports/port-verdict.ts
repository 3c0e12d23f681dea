/** The verdict on a client's ports towards one server port (docs/rules.md D4). */
import { type Nanos, SECOND } from '../../base/time.ts';
import { GRACE } from '../../flow/time-wait.ts';
import { type Capacity, capacityOf, type PortPlan } from './port-capacity.ts';
import type { PortUse } from './port-use.ts';
import { type PortWindow, type Second, secondOf } from './port-window.ts';

export type Sign = 'in-use' | 'pile-up-after-2msl' | 'rate-plateau' | 'odd-ports';

export interface PortVerdict extends Capacity {
  /** The first second of the peak. */
  at: number;
  /** At its end: ports in use if every TIME_WAIT ends on time, and if each ends as late as it may. */
  inUse: number;
  inUseHigh: number;
  /** Ports of which the server holds a TIME_WAIT then. */
  serverHeld: number;
  /** TIME_WAITs that the client enters per second, in the minute before the last second of the peak. */
  rate: number;
  /** Connections per second that the ports allow, since each port returns only after a TIME_WAIT. */
  limit: number | undefined;
  /** Seconds until all are in use, if the trend of the last minute continues; undefined if their number does not grow. */
  timeToExhaustion: number | undefined;
  signs: Sign[];
  /** No free port may be left: that many are in use, and new connections wait for them. */
  exhausted: boolean;
  /** The range is inferred from the reuse, and as many programs may be why, each with a port and a timer. */
  steady: boolean;
}

/** Shares of the ports: worth a notice, and practically all. */
const NOTICE = 0.7;
export const FULL = 0.98;

const MINUTE = 60;
/** At least this many reuses right after TIME_WAIT, and this share of all reuses. */
const PILE = 8;
const PILE_SHARE = 0.75;
/** A plateau is ten successive means over ten seconds, each this close to the limit. */
const PLATEAU = 10;
const PLATEAU_WIDTH = 0.03;
/**
 * A port counts as free here as soon as its TIME_WAIT is over, even if no connection has used it since. So not all
 * ports are in use even on a plateau.
 */
export const NEARLY_FULL = 0.9;
/** At each of these levels the severity of the verdict changes. */
const LEVELS = [NOTICE, NEARLY_FULL, FULL];
/** This share of the first half of the ports must be in use when the client begins with the second half. */
const HALF_FULL = 0.95;

/** The verdict at `end`. Undefined if too few of the ports are in use. */
export function judgePorts(use: PortUse, window: PortWindow, plan: PortPlan, end: Nanos): PortVerdict | undefined {
  const { timeWait } = plan;
  const capacity = capacityOf(use, plan);
  const { ports } = capacity;
  const most = window.most(secondOf(end));
  // If the number of ports is unknown, the usual range decides whether to report.
  if (most < NOTICE * (ports ?? plan.high - plan.low + 1)) return undefined;
  const all = [...window.seconds()];
  const known = all.filter(({ at }) => at >= window.since && at <= secondOf(end));
  const peak = known.find(({ inUse }) => inUse === most);
  if (peak === undefined) return undefined;

  const inUseHigh = most + sum(all, peak.at - Math.ceil(GRACE / SECOND), peak.at, 'ended');
  const limit = ports === undefined ? undefined : ports / (timeWait / SECOND);
  const piled = pilesUp(use, timeWait);
  const signs: Sign[] = [];
  if (ports !== undefined && (most >= FULL * ports || (piled && inUseHigh >= FULL * ports))) signs.push('in-use');
  if (piled) signs.push('pile-up-after-2msl');
  if (ports !== undefined && limit !== undefined && plateaus(known, ports, limit)) signs.push('rate-plateau');
  if (ports !== undefined && turnedToOddPorts(use, known, ports, timeWait)) signs.push('odd-ports');
  return {
    ...capacity,
    at: peak.at,
    inUse: most,
    inUseHigh: Math.max(most, ports === undefined ? inUseHigh : Math.min(inUseHigh, ports)),
    serverHeld: peak.serverHeld,
    ...paceOf(use, all, peak, known.findLast(({ inUse }) => inUse === most)!.at, ports),
    limit,
    signs,
    exhausted: signs.includes('in-use') && (piled || signs.includes('rate-plateau')),
    steady: capacity.source === 'observed' && use.ages.takeovers === 0 && !use.ages.differ,
  };
}

/** The numbers on which a verdict was based. */
export interface JudgedAt {
  opened: number;
  /** Ports in use, the number of ports, and the level that the peak had reached. */
  inUse: number;
  ports: number;
  level: number;
  piled: boolean;
}

/** `inUse`: ports in use at that time; the peak may have been before. */
export function judgedAt(use: PortUse, plan: PortPlan, inUse: number, verdict: PortVerdict | undefined): JudgedAt {
  const ports = portsOf(use, plan);
  const level = levelOf((verdict?.inUse ?? 0) / ports);
  return { opened: use.opened, inUse, ports, level, piled: pilesUp(use, plan.timeWait) };
}

/** Whether the connections opened since the last verdict may change it: each of them uses at most one more port. */
export function mayHaveTurned(use: PortUse, plan: PortPlan): boolean {
  const { judged } = use;
  const ports = portsOf(use, plan);
  const most = use.opened - (judged?.opened ?? 0) + (judged?.inUse ?? 0);
  if (judged === undefined || judged.ports !== ports) return levelOf(most / ports) > 0;
  return levelOf(most / ports) > judged.level || (judged.level > 0 && !judged.piled && pilesUp(use, plan.timeWait));
}

const levelOf = (share: number): number => LEVELS.filter(level => share >= level).length;

/** The number of ports; if unknown, that of the usual range. */
const portsOf = (use: PortUse, plan: PortPlan): number => capacityOf(use, plan).ports ?? plan.high - plan.low + 1;

/** The rate λ, and how long the ports last at the pace of the minute before the peak. */
function paceOf(use: PortUse, all: readonly Second[], peak: Second, lastPeak: number, ports: number | undefined) {
  const since = (at: number): number => Math.max(at - MINUTE, secondOf(use.firstAt) - 1);
  const rate = sum(all, since(lastPeak), lastPeak, 'entered') / (lastPeak - since(lastPeak));
  const from = all.find(({ at }) => at === since(peak.at));
  const growth = (peak.inUse - (from?.inUse ?? 0)) / (peak.at - since(peak.at));
  const left = ports === undefined ? undefined : Math.max(0, ports - peak.inUse);
  return { rate, timeToExhaustion: left === undefined || growth <= 0 ? undefined : left / growth };
}

/** Sums a field over the seconds after `from`, up to `to`. */
function sum(seconds: readonly Second[], from: number, to: number, field: 'opened' | 'entered' | 'ended'): number {
  let n = 0;
  for (const second of seconds) if (second.at > from && second.at <= to) n += second[field];
  return n;
}

/** Sign (b): ports are used again as soon as their TIME_WAIT is over, and never sooner. */
const pilesUp = ({ ages }: PortUse, timeWait: Nanos): boolean =>
  ages.least >= timeWait && ages.afterTimeWait >= PILE && ages.afterTimeWait >= PILE_SHARE * ages.count;

/**
 * Sign (c): while nearly all ports are in use, new connections come as fast as ports become free, no faster and no
 * slower.
 */
function plateaus(known: readonly Second[], ports: number, limit: number): boolean {
  let flat = 0;
  let opened = 0;
  for (const [i, second] of known.entries()) {
    opened += second.opened - (known[i - PLATEAU]?.opened ?? 0);
    const mean = opened / PLATEAU;
    const atLimit = Math.abs(mean - limit) <= PLATEAU_WIDTH * limit && second.inUse >= NEARLY_FULL * ports;
    flat = atLimit ? flat + 1 : 0;
    if (flat === PLATEAU) return true;
  }
  return false;
}

/**
 * Sign (d): Linux uses the ports of one parity first (B8). With half of all ports in use it has begun to use the
 * others.
 */
function turnedToOddPorts(use: PortUse, known: readonly Second[], ports: number, timeWait: Nanos): boolean {
  const { turned } = use;
  if (turned === undefined || turned.firsts < (HALF_FULL * ports) / 2) return false;
  const then = known.find(({ at }) => at === secondOf(turned.at));
  if (then !== undefined) return then.inUse >= (HALF_FULL * ports) / 2;
  // This happened before the window began. Then the ports of the first parity must all have been used within one
  // TIME_WAIT, each for the first time.
  return turned.firsts <= Math.ceil(ports / 2) && turned.at - use.firstAt < timeWait;
}
