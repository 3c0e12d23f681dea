/** Idle timers with their default values (docs/rules.md B9). An operator may have set anything else. */

import type { End } from '../../flow/ends.ts';
import type { ResetClass } from '../../flow/resets.ts';

/** RSTs that end an open connection and answer nothing: the silence before the others is of the end that they answer. */
export const UNASKED: ReadonlySet<ResetClass> = new Set(['abort', 'no-state']);

/** A gap this close to a timer fits it. */
const TOLERANCE = 0.02;

/** Seconds, whose timer it is, and whether an application has it, not a device. */
const KNOWN: readonly (readonly [seconds: number, whose: string, isApplication: boolean])[] = [
  [5, 'KeepAliveTimeout of Apache httpd, keepAliveTimeout of Node.js servers', true],
  [60, 'AWS Application Load Balancer', false],
  [65, "keepalive_timeout of nginx's sample configuration, keepAliveTimeout of later Node.js servers", true],
  [75, 'keepalive_timeout of nginx', true],
  [240, 'Azure load balancer and NAT gateway', false],
  [350, 'AWS NAT gateway and Network Load Balancer', false],
  [600, 'Huawei NAT (some regions)', false],
  [900, 'Huawei NAT', false],
];

/** Seconds. No known timer is shorter, tolerance included. */
const SHORTEST_TIMER = 5 * (1 - TOLERANCE);

/**
 * `idle`: the silence in seconds, as in the evidence. After so short a one the connection was in use, and no timer had
 * expired. An unknown silence shows nothing.
 */
export const isInUse = (idle: unknown): boolean => typeof idle === 'number' && idle < SHORTEST_TIMER;

export interface KnownTimers {
  names: readonly string[];
  /** All timers that fit are those of applications. */
  isApplication: boolean;
}

export const NO_TIMERS: KnownTimers = { names: [], isApplication: false };

/**
 * The names of application timers are those of servers. A gap of that length at a client also suggests a timer of its
 * application, but none of these names.
 */
export function knownTimers(seconds: number, from: End): KnownTimers {
  const fitting = KNOWN.filter(([timer]) => Math.abs(seconds - timer) <= timer * TOLERANCE);
  return {
    names: fitting.filter(([, , isApplication]) => from === 'server' || !isApplication).map(([, whose]) => whose),
    isApplication: fitting.length > 0 && fitting.every(([, , isApplication]) => isApplication),
  };
}
