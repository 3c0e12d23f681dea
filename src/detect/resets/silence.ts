/** The silence before an RST, by the clock of the capture and by those of the hosts (docs/rules.md D0.8, D3). */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket } from '../../flow/packet.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { lacksUse } from './no-data.ts';
import { echoedClock, lessPassed, senderClock } from './sender-clock.ts';

const { FlowBit } = layout;

/** An answer comes within this time of what it answers. */
export const ANSWER: Nanos = 1 * SECOND;

/**
 * The silence before the exchange that ended in the RST. If the RST is an answer, this is the silence before the packet
 * that it answers. Undefined across a clock step.
 */
export function idleBefore(event: ResetSeen): Nanos | undefined {
  const { tracker, flow } = event;
  if (lacksUse(event)) return undefined;
  // If the capture begins with the packet that the RST answers, the silence before that is unknown.
  if (!flow.has(FlowBit.CLIENT_KNOWN) && flow.a.packets + flow.b.packets < 2) return undefined;
  const since = tracker.now - flow.last;
  if (Number.isNaN(since) || Number.isNaN(flow.gap)) return undefined;
  return answersLast(event) ? flow.gap : since;
}

const answersLast = ({ tracker, flow, receiver }: ResetSeen): boolean =>
  receiver.sentAt === flow.last && tracker.now - flow.last <= ANSWER;

/**
 * The most of that silence that had passed by the TSvals of the hosts, if it is much less: the clock of the capture was
 * set forward, or a host slept (docs/rules.md D0.8). A bare RST has no TSval, but what it answers may.
 */
export function passedBefore(event: ResetSeen): Nanos | undefined {
  const { flow, fromB, sender, receiver, segment } = event;
  const idle = idleBefore(event);
  if (idle === undefined) return undefined;
  if (segment.timestamps === Timestamps.PRESENT) return lessPassed(senderClock(flow, sender), segment.tsval, idle);
  if (!answersLast(event)) return undefined;
  const clock = echoedClock(flow, receiver, lastPacket(flow, fromB));
  return lessPassed(clock, lastPacket(flow, !fromB)?.tsval ?? null, idle);
}

/** The silence before it, if no TSval denies that it was so long. */
export const idleForSure = (event: ResetSeen): Nanos | undefined =>
  passedBefore(event) === undefined ? idleBefore(event) : undefined;
