/** How many ports a client has: as --port-range says, unless the ports that it uses say otherwise (docs/rules.md B8). */
import { DEFAULT_PORT_RANGE } from '../base/limits.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import type { PortUse } from './port-use.ts';

/** Linux since 4.11; up to 3.13 at least it ended one port later. */
const [LINUX_LOW, LINUX_HIGH] = DEFAULT_PORT_RANGE;
const OLD_LINUX_HIGH = 61_000;
/** Windows, macOS and the BSDs take the range of RFC 6335 §6, by their documents. */
export const WINDOWS_LOW = 49_152;
const DYNAMIC_PORTS = 65_536 - WINDOWS_LOW;
/** So few of the connections outside the range are ports that an application bound itself. */
const BOUND = 0.05;

export interface PortPlan {
  low: number;
  high: number;
  /** The range was not given: it is the default of Linux. */
  isDefault: boolean;
  /** Connections of one client to one server port from which on its ports are watched: half of what it may have. */
  watchFrom: number;
}

export function planFor([low, high]: readonly [number, number]): PortPlan {
  const isDefault = low === LINUX_LOW && high === LINUX_HIGH;
  const ports = high - low + 1;
  return { low, high, isDefault, watchFrom: Math.ceil(Math.min(ports, isDefault ? DYNAMIC_PORTS : ports) / 2) };
}

/** Where the number is from: words of the evidence. */
export type Source = 'given' | 'linux' | 'old-linux' | 'dynamic' | 'observed' | 'unknown';

export interface Capacity {
  /** Undefined when the ports lie where no known range does: a NAT with a pool of its own, perhaps (B9). */
  ports: number | undefined;
  source: Source;
}

/** So few ports are in use at once by many a client. */
const FEWEST = 8;
/** The delay of tcp_tw_reuse (B5), less what the way to the capture point takes off. */
const SOONEST: Nanos = 0.9 * SECOND;
const MOST = 0.75;
/** Three in four of a TIME_WAIT of 60 s. */
const TOO_FAST: Nanos = 45 * SECOND;

export function capacityOf(use: PortUse, plan: PortPlan): Capacity {
  const { low, high, isDefault } = plan;
  const ports = high - low + 1;
  const outside = use.below + use.above;
  const bound = BOUND * use.opened;
  if (!isDefault) return outside <= bound ? { ports, source: 'given' } : { ports: undefined, source: 'unknown' };
  const observed = observedPorts(use);
  if (observed !== undefined) return { ports: observed, source: 'observed' };
  if (outside <= bound) {
    const old = outside > 0 && use.below === 0 && use.high === OLD_LINUX_HIGH;
    return old ? { ports: ports + 1, source: 'old-linux' } : { ports, source: 'linux' };
  }
  if (use.notWindows <= bound) return { ports: DYNAMIC_PORTS, source: 'dynamic' };
  return { ports: undefined, source: 'unknown' };
}

/**
 * A range smaller than the default shows where a client takes every one of its ports over again as soon as
 * tcp_tw_reuse lets it, or as soon as its TIME_WAIT is over: had it others, it would take those first (B8). Ports
 * without a gap, and no new ones. A NAT that gives out the lowest free port does the same at a pace that lasts: one that
 * is too fast to last used them all up within a TIME_WAIT.
 */
function observedPorts(use: PortUse): number | undefined {
  const { opened, again, low, high, ages } = use;
  const ports = opened - again;
  const whole = ports >= FEWEST && high - low + 1 === ports;
  const onlyWaits = again === ages.count && again >= MOST * ports && ages.afterTimeWait === ages.count;
  if (whole && onlyWaits && use.fillTime() <= TOO_FAST) return ports;
  const onlyTakeovers = again === ages.takeovers && again >= 2 * ports;
  const prompt = ages.least >= SOONEST && ages.prompt >= MOST * ages.count;
  return whole && onlyTakeovers && prompt ? ports : undefined;
}
