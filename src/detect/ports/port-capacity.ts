/**
 * How many ports a client has: those of --port-range, unless the ports that it uses show something else (docs/rules.md
 * B8).
 */
import { DEFAULT_PORT_RANGE, MOST_OUTSIDE_RANGE } from '../../base/limits.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { PortUse } from './port-use.ts';

/** The range of Linux from 4.11 on; up to 3.13 at least it ended one port later. */
const [LINUX_LOW, LINUX_HIGH] = DEFAULT_PORT_RANGE;
const OLD_LINUX_HIGH = 61_000;
/** Windows, macOS and the BSDs use the range of RFC 6335 §6, according to their documentation. */
export const WINDOWS_LOW = 49_152;
const DYNAMIC_PORTS = 65_536 - WINDOWS_LOW;

export interface PortPlan {
  low: number;
  high: number;
  /** The range was not given, so it is the default of Linux. */
  isDefault: boolean;
  /**
   * A client's ports are watched from this number of connections to one server port on: half of the ports that it may
   * have.
   */
  watchFrom: number;
  /** How long a TIME_WAIT keeps a port. */
  timeWait: Nanos;
}

export function planFor([low, high]: readonly [number, number], timeWait: Nanos): PortPlan {
  const isDefault = low === LINUX_LOW && high === LINUX_HIGH;
  const ports = high - low + 1;
  return {
    low,
    high,
    isDefault,
    watchFrom: Math.ceil(Math.min(ports, isDefault ? DYNAMIC_PORTS : ports) / 2),
    timeWait,
  };
}

/** Where the number comes from, as a word for the evidence. */
export type Source = 'given' | 'linux' | 'old-linux' | 'dynamic' | 'observed' | 'unknown';

export interface Capacity {
  /** Undefined if the ports are outside all known ranges, perhaps those of a NAT with its own pool. */
  ports: number | undefined;
  source: Source;
}

/** Many clients use fewer ports than this at the same time anyway. */
const FEWEST = 8;
/** The delay of tcp_tw_reuse (B5), minus what the path to the capture point may take off. */
const SOONEST: Nanos = 0.9 * SECOND;
const MOST = 0.75;
/** Three quarters of a TIME_WAIT of 60 s. */
const TOO_FAST: Nanos = 45 * SECOND;

export function capacityOf(use: PortUse, plan: PortPlan): Capacity {
  const { low, high, isDefault } = plan;
  const ports = high - low + 1;
  const outside = use.below + use.above;
  const bound = MOST_OUTSIDE_RANGE * use.opened;
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
 * A range smaller than the default shows if a client reuses each of its ports as soon as tcp_tw_reuse allows it, or as
 * soon as its TIME_WAIT is over. If it had other ports, it would take those first (B8). The ports must be contiguous,
 * and no new ones may appear. A NAT that hands out the lowest free port looks the same, at a rate that it can sustain.
 * So the rate must be one that cannot be sustained: all ports were used up within a TIME_WAIT.
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
