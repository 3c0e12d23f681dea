/**
 * The time that passed by the TSvals of one host (docs/rules.md D0.8). If that is much less than what the capture says,
 * the capture's clock was set forward meanwhile, or the host slept: its timers have not measured that time.
 */
import { s32 } from '../../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../../base/time.ts';
import type { Flow, Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import type { Packet } from '../../flow/packet.ts';
import { Flag } from '../../wire/tcp.ts';

const { SideBit } = layout;

/** Fewer ticks may be the rounding of a slow clock. */
const LEAST_TICKS = 4;
/** Packets may be captured this much closer together than they were sent, so that a clock seems faster. */
const JITTER: Nanos = 50 * MILLISECOND;
/** The two times differ by more than a clock or a path can. */
const MUCH = 2;

/** A TSval of a host on a connection, and its rate as far as the connection proves it. */
export interface SenderClock {
  readonly tsval: number;
  /** Ticks per second, at least. */
  readonly hz: number;
}

/**
 * By its newest TSval. Undefined if too few ticks have been seen since the SYN or SYN-ACK, or the capture's clock has
 * stepped back.
 */
export const senderClock = (flow: Flow, side: Side): SenderClock | undefined =>
  clockAt(flow, side, side.tsRecent, side.tsAt);

/** By the TSval that its peer has echoed: the peer's last packet tells what it was before a silence that `side` ended. */
export function echoedClock(flow: Flow, side: Side, echo: Packet | undefined): SenderClock | undefined {
  if (echo === undefined || echo.tsecr === null || (echo.flags & Flag.ACK) === 0) return undefined;
  return clockAt(flow, side, echo.tsecr, echo.at);
}

/** The host had sent `tsval` at `at` or before. */
function clockAt(flow: Flow, side: Side, tsval: number, at: Nanos): SenderClock | undefined {
  if (!side.has(SideBit.TS_ON_SYN)) return undefined;
  const ticks = s32(tsval, side.synTsval) - 1;
  const ran = at - flow.opened + JITTER;
  if (ticks < LEAST_TICKS || !Number.isFinite(ran)) return undefined;
  return { tsval, hz: (ticks / ran) * SECOND };
}

/**
 * The most that has passed by the clock until its host sent `tsval`. Undefined unless that is much less than `gap`,
 * which is what passed by the clock of the capture.
 */
export function lessPassed(clock: SenderClock | undefined, tsval: number | null, gap: Nanos): Nanos | undefined {
  if (clock === undefined || tsval === null) return undefined;
  const ticks = s32(tsval, clock.tsval);
  const most = ((ticks + 1) / clock.hz) * SECOND;
  return ticks >= 0 && MUCH * most < gap ? most : undefined;
}
