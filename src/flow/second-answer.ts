/** A second SYN-ACK for one SYN, with another ISN: whether another machine sent it (docs/rules.md D2.3). */
import { s32 } from '../base/serial.ts';
import { SECOND } from '../base/time.ts';
import { NO_WINDOW_SCALE, Timestamps } from '../wire/tcp-options.ts';
import type { Side } from './flow.ts';
import { layout } from './layout.ts';
import type { Tracker } from './tracker.ts';

const { SideBit } = layout;

/** Routes change a TTL by one or two (p0f: SMALL_TTL_CHG). */
const TTL_SLACK = 2;
/** Ticks per second of the fastest usual clock, with a tenth more, and of the clocks with microseconds (B7). */
const USUAL_HZ = 1100;
const FAST_HZ = 1_000_000;
/** Ticks by which the path, or a SYN cookie (F14), may shift a TSval. */
const TOLERANCE = 100;

/**
 * Notes it if the SYN-ACK at hand, which has another ISN than the one before, comes from another machine by its window
 * scale or TTL. The ISN alone is no sign: a server that has dropped the handshake begins again with a new one. Nor is the
 * clock: the same server may begin again with a new offset as well (docs/rules.md B7). But it makes a sign of a TTL that
 * another route could explain.
 */
export function noteSecondAnswer(t: Tracker, server: Side): void {
  const { segment } = t;
  const hops = Math.abs(segment.ttl - server.ttl);
  const isOtherTtl = hops > TTL_SLACK || (hops > 0 && isOtherClock(t, server));
  if (isOtherTtl || isOtherScale(segment.windowScale, server.windowScale)) server.set(SideBit.TWO_ANSWERS);
}

/** A scale of 0 may be what both ends agreed on. */
const isOtherScale = (scale: number, before: number): boolean =>
  scale !== NO_WINDOW_SCALE && before !== NO_WINDOW_SCALE && before !== 0 && scale !== before;

function isOtherClock({ segment, now }: Tracker, server: Side): boolean {
  if (segment.timestamps !== Timestamps.PRESENT || !server.has(SideBit.TS_ON_SYN)) return false;
  const ticks = s32(segment.tsval, server.tsRecent);
  const elapsed = (now - server.tsAt) / SECOND;
  const isUsual = ticks >= -TOLERANCE && ticks <= USUAL_HZ * elapsed + TOLERANCE;
  const isFast = Math.abs(ticks - FAST_HZ * elapsed) <= TOLERANCE + 0.05 * FAST_HZ * elapsed;
  return !isUsual && !isFast;
}
