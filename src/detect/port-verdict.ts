/** What the ports of a client towards one server port amount to when the run is over (docs/rules.md D4). */
import { type Nanos, SECOND } from '../base/time.ts';
import { GRACE } from '../flow/time-wait.ts';
import { type Capacity, capacityOf, type PortPlan } from './port-capacity.ts';
import type { PortUse } from './port-use.ts';
import { type PortWindow, type Second, secondOf } from './port-window.ts';

export type Sign = 'in-use' | 'pile-up-after-2msl' | 'rate-plateau' | 'odd-ports';

export interface PortVerdict extends Capacity {
  /** The first second of the peak. */
  at: number;
  /** At its end: ports in use if every TIME_WAIT lasts as long as it should, and if each ends as late as it may. */
  inUse: number;
  inUseHigh: number;
  /** Ports of which the server holds a TIME_WAIT then. */
  serverHeld: number;
  /** TIME_WAITs that the client enters, a second, in the minute before the last second of the peak. */
  rate: number;
  /** Connections a second that the ports allow for: they come back after a TIME_WAIT. */
  limit: number | undefined;
  /** Seconds until all are in use if the last minute goes on; undefined when their number does not grow. */
  timeToExhaustion: number | undefined;
  signs: Sign[];
  /** No more ports may be found: so many are in use, and new connections wait for them. */
  exhausted: boolean;
}

/** Shares of the ports: worth a note, and the ends. */
const NOTICE = 0.7;
export const FULL = 0.98;

const MINUTE = 60;
/** Ages of reuse that pile up: so many, nearly all of them. */
const PILE = 8;
const PILE_SHARE = 0.75;
/** A plateau: ten means over ten seconds in succession, so near to the limit. */
const PLATEAU = 10;
const PLATEAU_WIDTH = 0.03;
/** Ports that nobody has found free again yet count as free here, so even then not all are in use. */
export const NEARLY_FULL = 0.9;
/** At each of these the verdict weighs otherwise. */
const LEVELS = [NOTICE, NEARLY_FULL, FULL];
/** Of the first half of the ports, when the second half is turned to. */
const HALF_FULL = 0.95;

export function judgePorts(
  use: PortUse,
  window: PortWindow,
  plan: PortPlan,
  timeWait: Nanos,
  end: Nanos,
): PortVerdict | undefined {
  const capacity = capacityOf(use, plan);
  const { ports } = capacity;
  const most = window.most(secondOf(end));
  // Unknown, it is told where another client would have to be warned of.
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
  };
}

/** What a verdict was given on. */
export interface JudgedAt {
  opened: number;
  /** Ports in use, and how far the peak had got. */
  inUse: number;
  ports: number;
  level: number;
  piled: boolean;
}

export function judgedAt(
  use: PortUse,
  window: PortWindow,
  verdict: PortVerdict | undefined,
  plan: PortPlan,
  timeWait: Nanos,
  end: Nanos,
): JudgedAt {
  const ports = portsOf(use, plan);
  return {
    opened: use.opened,
    inUse: window.inUseAt(secondOf(end)),
    ports,
    level: levelOf((verdict?.inUse ?? 0) / ports),
    piled: pilesUp(use, timeWait),
  };
}

/** Whether the connections opened since it was judged may make another verdict: no port is in use for fewer than one. */
export function mayHaveTurned(use: PortUse, plan: PortPlan, timeWait: Nanos): boolean {
  const { judged } = use;
  const ports = portsOf(use, plan);
  const most = use.opened - (judged?.opened ?? 0) + (judged?.inUse ?? 0);
  if (judged === undefined || judged.ports !== ports) return levelOf(most / ports) > 0;
  return levelOf(most / ports) > judged.level || (judged.level > 0 && !judged.piled && pilesUp(use, timeWait));
}

const levelOf = (share: number): number => LEVELS.filter(level => share >= level).length;

/** Unknown, they are as many as another client has. */
const portsOf = (use: PortUse, plan: PortPlan): number => capacityOf(use, plan).ports ?? plan.high - plan.low + 1;

/** λ, and how long the ports last at the pace of the minute before the peak. */
function paceOf(use: PortUse, all: readonly Second[], peak: Second, lastPeak: number, ports: number | undefined) {
  const since = (at: number): number => Math.max(at - MINUTE, secondOf(use.firstAt) - 1);
  const rate = sum(all, since(lastPeak), lastPeak, 'entered') / (lastPeak - since(lastPeak));
  const from = all.find(({ at }) => at === since(peak.at));
  const growth = (peak.inUse - (from?.inUse ?? 0)) / (peak.at - since(peak.at));
  const left = ports === undefined ? undefined : Math.max(0, ports - peak.inUse);
  return { rate, timeToExhaustion: left === undefined || growth <= 0 ? undefined : left / growth };
}

/** Over the seconds after `from`, up to `to`. */
function sum(seconds: readonly Second[], from: number, to: number, field: 'opened' | 'entered' | 'ended'): number {
  let n = 0;
  for (const second of seconds) if (second.at > from && second.at <= to) n += second[field];
  return n;
}

/** (b) Ports are used again as soon as TIME_WAIT lets go of them, never sooner. */
const pilesUp = ({ ages }: PortUse, timeWait: Nanos): boolean =>
  ages.least >= timeWait && ages.afterTimeWait >= PILE && ages.afterTimeWait >= PILE_SHARE * ages.count;

/** (c) While nearly all are in use, new connections come as fast as ports come back, no faster and no slower. */
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

/** (d) Linux takes the ports of one parity first (B8); with half of all in use it has turned to the others. */
function turnedToOddPorts(use: PortUse, known: readonly Second[], ports: number, timeWait: Nanos): boolean {
  const { turned } = use;
  if (turned === undefined || turned.firsts < (HALF_FULL * ports) / 2) return false;
  const then = known.find(({ at }) => at === secondOf(turned.at));
  if (then !== undefined) return then.inUse >= (HALF_FULL * ports) / 2;
  // Before the window: the ports of the first parity were all taken within one TIME_WAIT, each for the first time.
  return turned.firsts <= Math.ceil(ports / 2) && turned.at - use.firstAt < timeWait;
}
