/**
 * What a server with net.ipv4.tcp_tw_recycle=1 would do with a SYN (docs/rules.md B1, D1.3). The per-peer check is the
 * same from 2.6.32 to 4.11 but for two things: 2.6.32 knows it for IPv4 only, and from 3.17 on a SYN without
 * timestamps is dropped too. Linux 4.12 removed the setting.
 */
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND, seconds } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Opened } from '../flow/events.ts';
import { PAWS_MSL, PairLayout, S_STALE } from '../flow/pairs.ts';
import { GRACE, holdsTimeWait } from '../flow/time-wait.ts';
import { Timestamps } from '../wire/tcp-options.ts';

const P = PairLayout;

export type RecycleVerdict = 'pass' | 'drop' | 'phase' | 'tw-bucket';

interface Recycle {
  verdicts: { '2.6.32': RecycleVerdict; '3.17': RecycleVerdict };
  /** Seconds from the SYN until the address is let in again; undefined when nothing blocks it. */
  unblockIn: number | undefined;
}

/** TCP_PAWS_WINDOW: one tick back is let pass (B1). */
const PAWS_WINDOW = 1;
/** The kernel's clock for PAWS_MSL ticks in whole seconds: below this an entry is fresh in every phase. */
const SURELY_FRESH: Nanos = 59 * SECOND;
/** TSval ticks a second, of Linux since 4.13, used for when a clock that lags will have caught up. */
const HZ = 1000;

export function recycleVerdict(event: Opened, timeWait: Nanos): Recycle {
  const bucket = event.older?.side(!event.clientIsB);
  if (bucket !== undefined && holdsTimeWait(bucket) && event.segment.at < bucket.timerStart + timeWait + GRACE) {
    return { verdicts: { '2.6.32': 'tw-bucket', '3.17': 'tw-bucket' }, unblockIn: undefined };
  }
  return peerVerdict(event);
}

/** The per-host check alone, whatever the tuple of the SYN is. */
export function peerVerdict({ tracker, segment, flow, clientIsB }: Opened): Recycle {
  const at = segment.at;
  const { pairs } = tracker;
  const block = pairs.direction(flow.pair, clientIsB);
  const known = pairs.words[block + P.R_VALID] === 1;
  const stamp = pairs.doubles[(block + P.R_AT) >> 1]!;
  const age = at - stamp;
  const fresh: RecycleVerdict = !known || age >= PAWS_MSL ? 'pass' : age <= SURELY_FRESH ? 'drop' : 'phase';
  const behind = s32(pairs.words[block + P.R_TS]!, segment.tsval);
  const stamped = segment.timestamps === Timestamps.PRESENT;
  const bad = stamped && behind > PAWS_WINDOW;
  // An option that was cut off is unknown: nothing is said against such a SYN.
  const badWithout = bad || segment.timestamps === Timestamps.ABSENT;
  const ipv4 = (flow.scope & SCOPE_IPV6) === 0;
  const verdicts = {
    '2.6.32': bad && ipv4 ? fresh : 'pass',
    '3.17': badWithout ? fresh : 'pass',
  } as const;
  const blocked = verdicts['3.17'] !== 'pass';
  const expiry = stamp + PAWS_MSL - at;
  const catchUp = stamped ? ((behind - PAWS_WINDOW) / HZ) * SECOND : expiry;
  return { verdicts, unblockIn: blocked ? seconds(Math.min(expiry, catchUp)) : undefined };
}

/** The newest TSval of the SYN's direction, when the SYN's lies behind it (D1.2); undefined when there is no regression. */
export function regression({ tracker, segment, flow, clientIsB }: Opened): { delta: number; gap: Nanos } | undefined {
  if (segment.timestamps !== Timestamps.PRESENT) return undefined;
  const { words, doubles } = tracker.pairs;
  const block = tracker.pairs.direction(flow.pair, clientIsB);
  if ((words[block + P.S_FLAGS]! & P.S_VALID) === 0) return undefined;
  const delta = s32(words[block + P.S_TS]!, segment.tsval);
  const gap = segment.at - doubles[(block + P.S_AT) >> 1]!;
  return delta > PAWS_WINDOW && gap < S_STALE ? { delta, gap } : undefined;
}

/** Names the kernels that would drop, for titles. */
export function droppingKernels(verdicts: Recycle['verdicts']): string {
  if (verdicts['2.6.32'] !== 'pass') return '2.6.32 to 4.11';
  return '3.17 to 4.11';
}
