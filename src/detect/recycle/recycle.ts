/**
 * What a server with net.ipv4.tcp_tw_recycle=1 would do with a SYN (docs/rules.md B1, D1.3). The per-peer check is the
 * same from 2.6.32 to 4.11, with two exceptions: 2.6.32 has it for IPv4 only, and from 3.17 on SYNs without timestamps
 * are dropped, too. Linux 4.12 removed the setting.
 */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND, seconds } from '../../base/time.ts';
import { SCOPE_IPV6 } from '../../capture/slab.ts';
import type { Opened } from '../../flow/events.ts';
import { isTooOld, PAWS_WINDOW } from '../../flow/paws-window.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { PAWS_MSL, PairLayout, type Pairs, S_STALE } from '../../flow/tables/pairs.ts';
import { GRACE, holdsTimeWait } from '../../flow/time-wait.ts';
import { Timestamps } from '../../wire/tcp-options.ts';

const P = PairLayout;

export type RecycleVerdict = 'pass' | 'drop' | 'phase' | 'tw-bucket';

/** By the first kernel with this behaviour. */
export type RecycleVerdicts = { '2.6.32': RecycleVerdict; '3.17': RecycleVerdict };

export interface Recycle {
  verdicts: RecycleVerdicts;
  /** Why the check of 3.17 lets it pass, if it does. */
  ground: Ground | undefined;
  /** Seconds from the SYN until the address is let in again; undefined if nothing blocks it. */
  unblockIn: number | undefined;
}

/** The kernel compares whole seconds with PAWS_MSL. Up to this age an entry is fresh whatever the phase of its clock. */
const SURELY_FRESH: Nanos = 59 * SECOND;
/** TSval ticks per second of Linux since 4.13, used to estimate when a lagging clock has caught up. */
const HZ = 1000;

/**
 * The verdict of the check of 3.17 to 4.11 on a SYN. `tw-bucket`: the SYN meets a TIME_WAIT of its own tuple, which
 * decides instead.
 */
export function recycleFate(event: Opened, timeWait: Nanos): RecycleVerdict {
  const bucket = event.older?.side(!event.clientIsB);
  if (bucket !== undefined && holdsTimeWait(bucket) && event.segment.at < bucket.timerStart + timeWait + GRACE) {
    return 'tw-bucket';
  }
  return peerFate(event);
}

/** Whether the check has a TSval to compare a SYN of this time with, so that its verdict might have been different. */
export function isTested({ words, doubles }: Pairs, block: number, at: Nanos): boolean {
  return words[block + P.R_FLOW] !== 0 && at - doubles[(block + P.R_AT) >> 1] <= SURELY_FRESH;
}

/** The per-host check alone. A timestamp option that was cut off is unknown, so such a SYN is not said to be dropped. */
function peerFate({ tracker, segment, flow, clientIsB }: Opened): RecycleVerdict {
  const { words, doubles } = tracker.pairs;
  const block = tracker.pairs.direction(flow.pair, clientIsB);
  if (words[block + P.R_FLOW] === 0) return 'pass';
  const age = segment.at - doubles[(block + P.R_AT) >> 1];
  if (age >= PAWS_MSL) return 'pass';
  const { timestamps } = segment;
  const behind = timestamps === Timestamps.PRESENT && isTooOld(segment.tsval, words[block + P.R_TS]);
  if (!behind && timestamps !== Timestamps.ABSENT) return 'pass';
  return age <= SURELY_FRESH ? 'drop' : 'phase';
}

/**
 * Why the per-host check lets a SYN pass: nothing is remembered of its address, what is remembered is a minute old, or
 * the TSval is not behind it. `unknown`: the option was cut off.
 */
export type Ground = 'none' | 'expired' | 'not-behind' | 'unknown';

export function groundToPass({ tracker, segment, flow, clientIsB }: Opened): Ground {
  const { words, doubles } = tracker.pairs;
  const block = tracker.pairs.direction(flow.pair, clientIsB);
  if (words[block + P.R_FLOW] === 0) return 'none';
  if (segment.at - doubles[(block + P.R_AT) >> 1] >= PAWS_MSL) return 'expired';
  return segment.timestamps === Timestamps.PRESENT ? 'not-behind' : 'unknown';
}

export function recycleVerdict(event: Opened, timeWait: Nanos): Recycle {
  const fate = recycleFate(event, timeWait);
  return fate === 'tw-bucket'
    ? { verdicts: { '2.6.32': fate, '3.17': fate }, ground: undefined, unblockIn: undefined }
    : peerVerdict(event);
}

/** The per-host check alone, without regard to a TIME_WAIT of the SYN's tuple. */
export function peerVerdict(event: Opened): Recycle {
  const { segment, flow } = event;
  const fate = peerFate(event);
  const stamped = segment.timestamps === Timestamps.PRESENT;
  return {
    verdicts: { '2.6.32': isKnownBefore(stamped, flow.scope) ? fate : 'pass', '3.17': fate },
    ground: fate === 'pass' ? groundToPass(event) : undefined,
    unblockIn: fate === 'pass' ? undefined : seconds(unblockAt(event) - segment.at),
  };
}

/** When the check lets the sender of such a SYN in: after a minute, or as soon as its clock has caught up. */
export function unblockAt({ tracker, segment, flow, clientIsB }: Opened): Nanos {
  const { words, doubles } = tracker.pairs;
  const block = tracker.pairs.direction(flow.pair, clientIsB);
  const expiry = doubles[(block + P.R_AT) >> 1] + PAWS_MSL;
  if (segment.timestamps !== Timestamps.PRESENT) return expiry;
  const behind = s32(words[block + P.R_TS], segment.tsval) - PAWS_WINDOW;
  return Math.min(expiry, segment.at + (behind / HZ) * SECOND);
}

/** By how many ticks a SYN's TSval is behind the newest of its direction, and how long after that one the SYN comes. */
export interface Regression {
  delta: number;
  gap: Nanos;
}

/** By D1.2; undefined if the SYN's TSval is not behind. */
export function regression({ tracker, segment, flow, clientIsB }: Opened): Regression | undefined {
  if (segment.timestamps !== Timestamps.PRESENT) return undefined;
  const { words, doubles } = tracker.pairs;
  const block = tracker.pairs.direction(flow.pair, clientIsB);
  if ((words[block + P.S_FLAGS] & P.S_VALID) === 0) return undefined;
  const delta = s32(words[block + P.S_TS], segment.tsval);
  const gap = segment.at - doubles[(block + P.S_AT) >> 1];
  return delta > PAWS_WINDOW && gap < S_STALE ? { delta, gap } : undefined;
}

/** Whether 2.6.32 has the check for such a SYN as well. */
export const isKnownBefore = (timestamps: boolean, scope: number): boolean => timestamps && (scope & SCOPE_IPV6) === 0;

/**
 * Whether a single SYN was accepted that every kernel with the setting drops: the setting is off, or does not exist
 * (docs/rules.md D1.5). An RST proves nothing, as it comes from a port without a listener, where the rule is not
 * applied.
 */
export const provesOff = (verdicts: RecycleVerdicts, { syns, delay }: Attempt): boolean =>
  verdicts['2.6.32'] === 'drop' && verdicts['3.17'] === 'drop' && syns === 1 && delay !== undefined;
